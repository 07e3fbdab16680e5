"""The report of a comparison: report.md, report.json and plots, from whatever has been measured so far."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from trainer.experiment import table, tried
from trainer.experiment.compare import LEVEL, RESAMPLES
from trainer.experiment.facts import facts
from trainer.experiment.markdown import MISSING, folded, plain
from trainer.experiment.published import NOTES
from trainer.experiment.results import Results
from trainer.experiment.section import TITLES, Entry, Section, sections
from trainer.replaced_file import replace_file
from trainer.summary import printable

MARKDOWN, JSON, PLOTS = "report.md", "report.json", "plots"
_CAPTIONS = {
    "bytes": f"nDCG@100 against bytes an item; bars are {LEVEL} % intervals",
    "time": "nDCG@100 against seconds of a fit",
    "schedules": f"nDCG@100 of pruning schedules with and without restart; bars are {LEVEL} % intervals",
    "widths": f"nDCG@100 by the width at the start; bars are {LEVEL} % intervals",
}
_NO_PLOTS = "The plots need matplotlib, which is not installed: `pip install matplotlib` (the extra `report`)."
_HOW = f"""Values are means over seeds, ± half of their {LEVEL} % interval; what was not measured is {MISSING}.
Intervals are those of a bootstrap that draws test persons {RESAMPLES:,} times, each with everything measured of it in
all seeds. What ± says holds for a system alone: persons differ more than systems do. A difference is taken on the same
draws of the same persons, and is far surer. A budget is an item's bytes in the paper's counting: 8 a non-zero of a
sparse row (weight and index), 4 a weight of a dense one. Settings were chosen on validation users. What every
system, protocol and metric is: docs/comparison.md of sparseshelf."""


def write_report(
    folder: Path, results: Results, failures: Mapping[str, str], asked: Sequence[tuple[Entry, Entry]] = ()
) -> Path:
    """Writes report.md, report.json and plots/*.svg into `folder`, each in one step, and returns report.md's path.

    `failures` are reasons by the names of cells. `asked` are further differences, first minus second. Raises DataError
    where values cannot be read or paired, OSError.
    """
    found = sections(results)
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    drawn = _draw(found)
    for name, content in (drawn or {}).items():
        replace_file(folder / name, content)
    names = _file_names(found)
    parts = ["# Sparse codes and baselines, compared", _HOW]
    parts += [] if drawn is not None else [_NO_PLOTS]
    parts += [] if found else ["Nothing has been measured yet."]
    parts += [_section(section, name, drawn or {}, asked) for section, name in zip(found, names, strict=True)]
    parts += _titled("## What failed", tried.failed(failures))
    replace_file(folder / JSON, (json.dumps(facts(found, failures, asked), indent=1) + "\n").encode())
    replace_file(folder / MARKDOWN, ("\n\n".join(parts) + "\n").encode())
    return folder / MARKDOWN


def summary(results: Results) -> str:
    """For a terminal: of every section nDCG@100 by system and budget."""
    return "\n\n".join(_summary(section) for section in sections(results)) or "nothing has been measured yet"


def _summary(section: Section) -> str:
    systems = list(dict.fromkeys(entry.system for entry in section.entries if not entry.options))
    titles = [printable(TITLES.get(system, system)) for system in systems]
    budgets = [None, *section.budgets]
    width = max(map(len, titles), default=0) + 2
    seeds = f"{len(section.seeds)} seed" + "s" * (len(section.seeds) != 1)
    header = " " * width + "".join(f"{'full' if budget is None else f'{budget:,} B':>10}" for budget in budgets)
    lines = [f"{printable(section.title)}: nDCG@100, {seeds}", header]
    for system, title in zip(systems, titles, strict=True):
        cells = []
        for budget in budgets:
            found = [one.metrics["ndcg@100"] for one in section.found(Entry(system, budget)) if one.metrics]
            cells.append(f"{fmean(found):.4f}" if found else MISSING)
        lines.append(f"{title:{width}}" + "".join(f"{cell:>10}" for cell in cells))
    return "\n".join(lines)


def _section(section: Section, name: str, drawn: Mapping[str, bytes], asked: Sequence[tuple[Entry, Entry]]) -> str:
    def plot(kind: str) -> list[str]:
        path = f"{PLOTS}/{name}-{kind}.svg"
        return [f"![{_CAPTIONS[kind]}]({path})"] if path in drawn else []

    seeds = ", ".join(map(str, section.seeds))
    fingerprint = f" Data {plain(section.cell.fingerprint[:12])}." if section.cell.fingerprint else ""
    parts = [f"## {plain(section.title)}", f"Seeds {seeds}.{fingerprint}", *plot("bytes")]
    parts += _titled("### Full size", table.full_size(section))
    parts += [table.comparison(section)]
    parts += _titled("### Bytes really stored", table.stored(section))
    parts += _titled("### Differences asked for", table.pairs(section, asked))
    budget = table.further_budget(section)
    title = "### Further metrics" + (f" at {budget:,} B" if budget else "")
    parts += _titled(title, table.further(section))
    note = "Ours / theirs. The paper's are means over ten seeds, under its own protocol."
    note = " ".join([note, NOTES[section.cell.data]]) if section.cell.data in NOTES else note
    parts += _titled("### Beside the published numbers", table.published(section), note)
    parts += _titled("### Figure 1: schedules", table.figure_one(section, widths=False), *plot("schedules"))
    parts += _titled("### Figure 1: width at the start", table.figure_one(section, widths=True), *plot("widths"))
    parts += _titled("### Time and memory", tried.costs(section), *plot("time"))
    note = "Of every seed, with the nDCG@100 of its validation users."
    parts += _titled("### Settings chosen", tried.chosen(section), note)
    parts += [folded(f"All {len(section.measurements):,} fits", tried.tried(section))]
    return "\n\n".join(part for part in parts if part)


def _titled(title: str, text: str, *before: str) -> list[str]:
    return [title, *before, text] if text else []


def _draw(found: Sequence[Section]) -> dict[str, bytes] | None:
    """SVG files by their path in the folder; None where matplotlib is absent."""
    try:
        from trainer.experiment import plots  # noqa: PLC0415  optional
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        return None
    return {
        f"{PLOTS}/{name}-{kind}.svg": content
        for section, name in zip(found, _file_names(found), strict=True)
        for kind, content in plots.plots(section).items()
    }


def _file_names(found: Sequence[Section]) -> list[str]:
    """Of each section, from its title, no two the same."""
    names: list[str] = []
    for section in found:
        name = re.sub(r"[^a-z0-9.]+", "-", section.title.lower().replace(", protocol ", " ")).strip("-.") or "data"
        name = name[:80]
        while name in names:
            name += "-2"
        names.append(name)
    return names
