"""The report for programs: the same numbers as in its tables, as plain values for report.json."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite

from trainer.experiment.compare import LEVEL, RESAMPLES, Interval
from trainer.experiment.published import PUBLISHED
from trainer.experiment.results import PER_USER
from trainer.experiment.section import Entry, Section
from trainer.experiment.table import AGAINST, section_metrics

_DIGITS = 7  # more would differ from one linear algebra library to another


def facts(
    sections: Sequence[Section], failures: Mapping[str, str], pairs: Sequence[tuple[Entry, Entry]]
) -> dict[str, object]:
    """Everything in report.md. A number that there is none of is None."""
    return {
        "interval": {"level_percent": LEVEL, "resamples": RESAMPLES, "unit": "person"},
        "sections": [_section(section, pairs) for section in sections],
        "failures": dict(failures),
    }


def _section(section: Section, pairs: Sequence[tuple[Entry, Entry]]) -> dict[str, object]:
    cell = section.cell
    return {
        "title": section.title,
        "data": cell.data,
        "protocol": cell.protocol,
        "fingerprint": cell.fingerprint,
        "seeds": section.seeds,
        "budgets": section.budgets,
        "systems": [_system(section, entry) for entry in section.entries],
        "differences": [_difference(section, *pair) for pair in _usual(section)],
        "asked_differences": [_difference(section, *pair) for pair in pairs],
        "tried": [
            {
                "system": one.cell.system,
                "options": dict(one.cell.options),
                "budget": one.budget,
                "seed": one.cell.seed,
                "setting": dict(one.setting),
                "validation": rounded(one.validation),
                "result": one.chosen,
                "fit_seconds": one.fit_seconds,
                "peak_bytes": one.peak_bytes,
            }
            for one in section.measurements
        ],
        "published": _published(cell.data),
    }


def _system(section: Section, entry: Entry) -> dict[str, object]:
    found = section.found(entry)
    return {
        "name": entry.name,
        "title": entry.title,
        "system": entry.system,
        "options": dict(entry.options),
        "budget": entry.budget,
        "seeds": [one.cell.seed for one in found],
        "paper_bytes": [one.paper_bytes for one in found],
        "stored_bytes": [one.stored_bytes for one in found],
        "fit_seconds": [one.fit_seconds for one in found],
        "peak_bytes": [one.peak_bytes for one in found],
        "settings": [dict(one.setting) for one in found],
        "intervals": {metric: _interval(section.mean(entry, metric)) for metric in PER_USER},
        "means": {name: rounded(value) for name, value in section_metrics(section, entry).items()},
    }


def _usual(section: Section) -> list[tuple[Entry, Entry]]:
    sized = [
        (Entry(section.ours, budget), Entry(system, budget))
        for system in section.sized()
        for budget in section.budgets
        if system != section.ours
    ]
    full = [(Entry(section.ours, budget), Entry(system)) for system in AGAINST for budget in section.budgets]
    return [pair for pair in sized + full if section.difference(*pair, PER_USER[0])]


def _difference(section: Section, ours: Entry, theirs: Entry) -> dict[str, object]:
    return {
        "ours": ours.name,
        "theirs": theirs.name,
        "absolute": {metric: _interval(section.difference(ours, theirs, metric)) for metric in PER_USER},
        "relative": {metric: _interval(section.difference(ours, theirs, metric, relative=True)) for metric in PER_USER},
    }


def _published(data: str) -> dict[str, object] | None:
    if data not in PUBLISHED:
        return None
    found = asdict(PUBLISHED[data])
    found["schedules"] = [
        {"schedule": schedule, "restart": restart, "curve": curve}
        for (schedule, restart), curve in PUBLISHED[data].schedules.items()
    ]
    found["full"] = {system: {"bytes": size, **values} for system, (size, values) in PUBLISHED[data].full.items()}
    return found


def _interval(interval: Interval | None) -> dict[str, float | int | None] | None:
    if interval is None:
        return None
    return {name: value if name == "n_persons" else rounded(value) for name, value in interval._asdict().items()}


def rounded(value: float | None) -> float | None:
    """As report.json has numbers."""
    return None if value is None or not isfinite(value) else round(value, _DIGITS)
