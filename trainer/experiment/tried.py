"""What a report tells of the way to its numbers: settings that were tried and chosen, time, memory, what failed."""

from collections.abc import Mapping
from statistics import median
from typing import Any

from trainer.experiment.markdown import MISSING, number, plain, table
from trainer.experiment.results import Measurement
from trainer.experiment.section import Entry, Section, options_title
from trainer.experiment.table import system_title


def chosen(section: Section) -> str:
    """For each system and budget the setting of every seed, with its validation nDCG@100; Figure 1 apart."""
    rows = []
    for entry in (entry for entry in section.entries if not entry.options):
        by_seed = {found.cell.seed: found for found in section.found(entry)}
        rows.append([plain(entry.title), *(_setting_of(by_seed.get(seed)) for seed in section.seeds)])
    return table(["System", *(f"seed {seed}" for seed in section.seeds)], rows, left=1 + len(section.seeds))


def tried(section: Section) -> str:
    """Every setting that was fitted, by system and seed, in the order in which that was done."""
    order = {entry.system: place for place, entry in enumerate(section.entries)}
    fits = sorted(section.measurements, key=lambda one: (order.get(one.cell.system, 0), _who(one), one.cell.seed))
    rows = [
        [
            plain(_who(measurement)),
            MISSING if measurement.budget is None else f"{measurement.budget:,}",
            str(measurement.cell.seed),
            plain(setting_text(measurement.setting)),
            number(measurement.validation),
            "yes" if measurement.chosen else "",
        ]
        for measurement in fits
    ]
    header = ["System", "Budget", "Seed", "Setting", "Validation nDCG@100", "A result"]
    return table(header, rows, left=4)


def costs(section: Section) -> str:
    """Seconds of the fits, the search for settings with them, and the largest resident set of a process that fitted."""
    rows = []
    for system in dict.fromkeys(entry.system for entry in section.entries):
        fits = [one for one in section.measurements if one.cell.system == system and not one.cell.options]
        results = [one.fit_seconds for one in fits if one.chosen]
        seconds = {(one.cell.seed, one.budget, setting_text(one.setting)): one.fit_seconds for one in fits}
        if results:
            rows.append(
                [
                    system_title(system),
                    str(len(seconds)),
                    _seconds(median(results)),
                    f"{_seconds(min(results))} to {_seconds(max(results))}",
                    _seconds(sum(seconds.values())),
                    number(max(one.peak_bytes for one in fits) / 2**30, 2),
                ]
            )
    header = [
        "System",
        "Fits",
        "Seconds a result, median",
        "Shortest to longest",
        "Seconds of all fits",
        "Peak memory, GiB",
    ]
    return table(header, rows)


def failed(failures: Mapping[str, str]) -> str:
    """What there is no number of, and why."""
    return table(["What", "Why"], [[plain(name), plain(failures[name])] for name in failures], left=2)


def setting_text(setting: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(setting[name])}" for name in sorted(setting)) or "nothing to choose"


def _setting_of(measurement: Measurement | None) -> str:
    if measurement is None:
        return MISSING
    score = "" if measurement.validation is None else f" ({number(measurement.validation)})"
    return plain(setting_text(measurement.setting)) + score


def _who(measurement: Measurement) -> str:
    title = Entry(measurement.cell.system).title
    options = options_title(tuple(sorted(measurement.cell.options.items())))
    return f"{title}, {options}" if options else title


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return f"({setting_text(value)})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _seconds(seconds: float) -> str:
    return f"{seconds:,.2f}" if seconds < 10 else f"{seconds:,.0f}"
