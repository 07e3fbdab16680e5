"""The tables of a report: how good each system is at each budget, and how much better Compressed ELSA is."""

from collections.abc import Callable, Mapping, Sequence
from math import log
from statistics import fmean

from trainer.experiment.compare import LEVEL
from trainer.experiment.markdown import MISSING, number, plain, plus_minus, signed, table, whole
from trainer.experiment.published import PUBLISHED, ROUNDED, Curve
from trainer.experiment.results import PER_USER
from trainer.experiment.section import FIGURED, METRIC_TITLES, TITLES, Entry, Options, Section, options_title

AGAINST = ("ease", "dense-elsa")  # of full size, what Compressed ELSA is compared with
FURTHER_BUDGET = 128  # bytes an item, of the table with all other metrics


def comparison(section: Section) -> str:
    """For each metric the systems at every budget, and what Compressed ELSA is ahead or behind."""
    parts = []
    if section.sized():
        parts = [f"{METRIC_TITLES[metric]}\n\n{by_budget(section, metric)}" for metric in PER_USER]
    return "\n\n### ".join(["", *parts]).lstrip()


def by_budget(section: Section, metric: str) -> str:
    """The table of a metric and the table of its differences."""
    rows = _rows(section, section.sized(), lambda entry: _score(section, entry, metric))
    scores = table(_header("System", section), rows)
    ahead = differences(section, metric)
    if not ahead:
        return scores
    return (
        f"{scores}\n\n{TITLES[section.ours]} minus the others, paired over persons "
        f"({LEVEL} % intervals, bold where they exclude zero):\n\n{ahead}"
    )


def differences(section: Section, metric: str) -> str:
    """Ours at each budget minus the others at it, and minus EASE and dense ELSA of full size."""
    if section.ours not in section.sized():
        return ""
    rows = []
    for system in section.sized():
        if system != section.ours:
            found = [
                section.difference(Entry(section.ours, size), Entry(system, size), metric) for size in section.budgets
            ]
            rows.append([f"minus {system_title(system)}", *map(signed, found)])
    for system in (system for system in AGAINST if system in section.full()):
        for relative, title in ((False, "minus {}, full size"), (True, "against {}, full size, in percent")):
            found = [
                section.difference(Entry(section.ours, size), Entry(system), metric, relative=relative)
                for size in section.budgets
            ]
            cells = [signed(interval, percent=relative) for interval in found]
            rows.append([title.format(system_title(system)), *cells])
    return table(_header(METRIC_TITLES[metric], section), rows)


def stored(section: Section) -> str:
    """What an item really takes: float32 weights, and the narrowest integers that hold a sparse row's indices."""
    rows = _rows(
        section,
        section.sized(),
        lambda entry: whole([found.stored_bytes for found in section.found(entry)]),
    )
    return table(_header("Bytes an item, stored", section), rows)


def full_size(section: Section) -> str:
    """Systems that have no budget: their bytes an item beside their values."""
    header = ["System", "Bytes, as the paper counts", "Bytes, stored", *(METRIC_TITLES[metric] for metric in PER_USER)]
    rows = []
    for system in section.full():
        found = section.found(Entry(system))
        sizes = [whole([one.paper_bytes for one in found]), whole([one.stored_bytes for one in found])]
        rows.append([system_title(system), *sizes, *_three(section, Entry(system))])
    return table(header, rows)


def further(section: Section) -> str:
    """All other metrics, of the budget closest to FURTHER_BUDGET and of the systems of full size."""
    sized = [Entry(system, further_budget(section)) for system in section.sized()]
    entries = [*map(Entry, section.full()), *sized]
    names = sorted({name for entry in entries for name in section_metrics(section, entry)} - set(PER_USER))
    if not names:
        return ""
    rows = []
    for entry in sorted(entries, key=lambda entry: section.entries.index(entry) if entry in section.entries else -1):
        means = section_metrics(section, entry)
        rows.append([plain(entry.title), *(_compact(means.get(name)) for name in names)])
    return table(["System", *map(plain, names)], rows)


def further_budget(section: Section) -> int | None:
    return min(section.budgets, key=lambda budget: abs(log(budget / FURTHER_BUDGET)), default=None)


def section_metrics(section: Section, entry: Entry) -> dict[str, float]:
    """Every metric's mean over seeds, as far as all have it."""
    found = [one.metrics for one in section.found(entry) if one.metrics is not None]
    names = set.intersection(*(set(metrics) for metrics in found)) if found else set()
    return {name: fmean(metrics[name] for metrics in found) for name in sorted(names)}


def published(section: Section) -> str:
    """Ours / the paper's, where the paper has the data set."""
    theirs = PUBLISHED.get(section.cell.data)
    if theirs is None:
        return ""
    parts = []
    for metric in PER_USER:
        rows = []
        for system in TITLES:
            full = theirs.full.get(system)
            curve = theirs.sized.get(system, {})
            if full is None and not curve:
                continue
            cells = [_beside(section, Entry(system), metric, full[1] if full else None)]
            cells += [_beside(section, Entry(system, size), metric, curve.get(size)) for size in section.budgets]
            rows.append([system_title(system), *cells])
        parts.append(table([METRIC_TITLES[metric], "full size", *_sizes(section)], rows))
    return "\n\n".join(parts)


def figure_one(section: Section, *, widths: bool, metric: str = "ndcg@100") -> str:
    """The schedules or the widths of Figure 1, ours and under them the published ones."""
    variations = section.variations(widths=widths)
    if not variations:
        return ""
    seeds, sizes = section.seeds_of(variations), section.budgets_of(variations)
    header = [METRIC_TITLES[metric], *map(_size, sizes)]
    rows = []
    for options in variations:
        scores = [_score(section, Entry(FIGURED, size, options), metric, seeds) for size in sizes]
        rows.append([plain(options_title(options)), *scores])
    for title, curve in _published_curves(section, widths=widths):
        values = [number(curve.get(size, {}).get(metric)) for size in sizes]
        rows.append([f"{title}, published", *values])
    shown = table(header, rows)
    usual = _usual(section, variations)
    gaps = [
        [f"{plain(options_title(options))} minus it", *_gaps(section, (options, usual), sizes, metric)]
        for options in variations
        if options != usual
    ]
    if not gaps:
        return shown
    told = f"Seeds {', '.join(map(str, seeds))}, one setting for all lines. Paired differences to"
    return f"{shown}\n\n{told} {plain(options_title(usual))}:\n\n{table(header, gaps)}"


def _usual(section: Section, variations: Sequence[Options]) -> Options:
    """What the others are compared with: the defaults, or the last."""
    usual = [{"dims": section.cell.dims}, {"schedule": "exponential", "restart": False}]
    return next((options for options in variations if dict(options) in usual), variations[-1])


def _gaps(section: Section, pair: tuple[Options, Options], sizes: Sequence[int], metric: str) -> list[str]:
    ours, usual = pair
    return [
        signed(section.difference(Entry(FIGURED, size, ours), Entry(FIGURED, size, usual), metric)) for size in sizes
    ]


def pairs(section: Section, asked: Sequence[tuple[Entry, Entry]]) -> str:
    """The comparisons that were asked for."""
    rows = [
        [
            f"{plain(ours.title)} minus {plain(theirs.title)}",
            *(signed(section.difference(ours, theirs, metric)) for metric in PER_USER),
            signed(section.difference(ours, theirs, PER_USER[0], relative=True), percent=True),
        ]
        for ours, theirs in asked
    ]
    titles = [METRIC_TITLES[metric] for metric in PER_USER]
    return table(["Difference", *titles, f"{titles[0]}, in percent"], rows)


def system_title(system: str) -> str:
    return plain(TITLES.get(system, system))


def _rows(section: Section, systems: Sequence[str], cell: Callable[[Entry], str]) -> list[list[str]]:
    return [[system_title(system), *(cell(Entry(system, size)) for size in section.budgets)] for system in systems]


def _header(title: str, section: Section) -> list[str]:
    return [title, *_sizes(section)]


def _sizes(section: Section) -> list[str]:
    return [_size(budget) for budget in section.budgets]


def _size(budget: int) -> str:
    return f"{budget:,} B"


def _three(section: Section, entry: Entry) -> list[str]:
    return [_score(section, entry, metric) for metric in PER_USER]


def _score(section: Section, entry: Entry, metric: str, seeds: Sequence[int] | None = None) -> str:
    """A mean, and of how many of the `seeds` (None: the section's) where others have more."""
    n_seeds, n_all = len(section.found(entry)), len(section.seeds if seeds is None else seeds)
    short = f" ({n_seeds} of {n_all} seeds)" if 0 < n_seeds < n_all else ""
    return plus_minus(section.mean(entry, metric)) + short


def _compact(value: float | None) -> str:
    """Shares have four digits, counts and the like fewer."""
    return number(value, 4 if value is None or abs(value) < 10 else 1)


def _beside(section: Section, entry: Entry, metric: str, theirs: Mapping[str, float] | None) -> str:
    ours = section.mean(entry, metric)
    value = theirs.get(metric) if theirs else None
    if ours is None and value is None:
        return MISSING
    return f"{number(ours.mean if ours else None)} / {number(value, 3 if entry.system in ROUNDED else 4)}"


def _published_curves(section: Section, *, widths: bool) -> list[tuple[str, Curve]]:
    theirs = PUBLISHED.get(section.cell.data)
    if theirs is None:
        return []
    if widths:
        return [(f"d = {dims}", theirs.widths[dims]) for dims in sorted(theirs.widths)]
    return [
        (options_title((("schedule", schedule), *((("restart", restart),) if restart is not None else ()))), curve)
        for (schedule, restart), curve in theirs.schedules.items()
    ]
