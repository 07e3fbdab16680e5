"""The plots of a report as SVG: accuracy against bytes and against time, and the two comparisons of Figure 1.

It needs matplotlib (the extra `report`).
"""

from collections.abc import Sequence
from functools import partial
from statistics import median

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullLocator, ScalarFormatter

from trainer.drawing import BLACK, BLUE, COLOURS, GRAY, GREEN, ORANGE, PURPLE, RED, SKY, rendered
from trainer.experiment.section import FIGURED, METRIC_TITLES, TITLES, Entry, Options, Section, options_title

METRIC = "ndcg@100"
# A colour and, for those who print, a mark each.
_LOOK = {
    "popular": (GRAY, "x"),
    "item-knn": (SKY, "P"),
    "ease": (BLACK, "D"),
    "pruned-ease": (ORANGE, "s"),
    "dense-elsa": (BLUE, "v"),
    "low-dim-elsa": (PURPLE, "^"),
    "elsa-sae": (GREEN, "d"),
    "compressed-elsa": (RED, "o"),
    "sparseshelf": (BLACK, "*"),
}
_MARKS = "osD^vPd"
_REFERENCES = ("ease", "dense-elsa")


def plots(section: Section) -> dict[str, bytes]:
    """SVG files by what they show: bytes, time, schedules, widths; only those that there are numbers for."""
    drawn = {"bytes": by_bytes, "time": by_time, "schedules": schedules, "widths": widths}
    found = {name: rendered(partial(draw, section)) for name, draw in drawn.items()}
    return {name: content for name, content in found.items() if content}


def by_bytes(section: Section) -> Figure | None:
    """Accuracy against an item's bytes, as the paper counts them and as they are stored."""
    if not section.sized():
        return None
    figure, axes = _figure(section, 2, "bytes an item")
    lines = {
        system: [entry for entry in section.entries if entry.system == system and entry.budget and not entry.options]
        for system in section.sized()
    }
    for panel, (axis, stored) in enumerate(zip(axes, (False, True), strict=True)):
        positions = {system: [_bytes(section, entry, stored) for entry in lines[system]] for system in lines}
        for system, entries in lines.items():
            _line(axis, section, entries, positions[system], _look(system))
        for system in (system for system in _REFERENCES if system in section.full()):
            _reference(axis, section, system)
        _sizes(axis, [position for line in positions.values() for position in line])
        axis.set_xlabel(("Bytes an item, as the paper counts", "Bytes an item, as stored")[panel])
    _finish(figure, axes[0])
    return figure


def by_time(section: Section) -> Figure | None:
    """Accuracy against the seconds of a fit with its settings known. Popularity, far below, would flatten the rest."""
    systems = [system for system in TITLES if system in {*section.sized(), *section.full()} - {"popular"}]
    if not systems:
        return None
    figure, (axis,) = _figure(section, 1, "training time")
    longest, shortest = 0.0, float("inf")
    for system in systems:
        entries = [entry for entry in section.entries if entry.system == system and not entry.options]
        seconds = [max(median(one.fit_seconds for one in section.found(entry)), 1e-3) for entry in entries]
        longest, shortest = max(longest, *seconds), min(shortest, *seconds)
        scores = [_mean(section, entry) for entry in entries]
        colour, mark, title = _look(system)
        budgets = sorted({entry.budget for entry in entries if entry.budget is not None})
        areas = [60 if entry.budget is None else 30 + 24 * budgets.index(entry.budget) for entry in entries]
        axis.plot(seconds, scores, color=colour, linewidth=1, alpha=0.5, zorder=2)
        axis.scatter(seconds, scores, areas, color=colour, marker=mark, label=title, zorder=3, ec="white", lw=0.7)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if longest < 500 * shortest else (1,)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_xlabel("Seconds of a fit, median over seeds (a larger mark has more bytes)")
    _finish(figure, axis)
    return figure


def schedules(section: Section) -> Figure | None:
    """Figure 1: a colour a schedule, whole with restart and dashed without."""
    return _figure_one(section, section.variations(widths=False), "pruning schedules")


def widths(section: Section) -> Figure | None:
    """Figure 1: a line a width at the start."""
    return _figure_one(section, section.variations(widths=True), "width at the start")


def _figure_one(section: Section, variations: Sequence[Options], title: str) -> Figure | None:
    budgets = section.budgets_of(variations)
    if not budgets:
        return None
    figure, (axis,) = _figure(section, 1, title)
    families = list(dict.fromkeys(_family(options) for options in reversed(variations)))
    ordered = sorted(variations, key=lambda options: dict(options).get("restart") is False)
    for number, options in enumerate(ordered):
        entries = [Entry(FIGURED, budget, options) for budget in budgets]
        entries = [entry for entry in entries if section.found(entry)]
        place = families.index(_family(options))
        spread = 1 + 0.02 * (number - (len(variations) - 1) / 2)  # so that error bars do not hide each other
        positions = [_bytes(section, entry, False) * spread for entry in entries]
        look = COLOURS[place % len(COLOURS)], _MARKS[place % len(_MARKS)], options_title(options)
        _line(axis, section, entries, positions, look, dashed=dict(options).get("restart") is False)
    for system in (system for system in _REFERENCES if system in section.full()):
        _reference(axis, section, system, section.seeds_of(variations))
    _leave_out_the_lowest(axis, section, variations)
    _sizes(axis, [float(budget) for budget in budgets])
    axis.set_xlabel("Bytes an item, as the paper counts")
    _finish(figure, axis)
    return figure


def _leave_out_the_lowest(axis: Axes, section: Section, variations: Sequence[Options]) -> None:
    """Pruning at once (constant) falls so far below the others that they would be one line: it leaves the picture."""
    means: dict[bool, list[float]] = {True: [], False: []}
    for options in variations:
        entries = [Entry(FIGURED, budget, options) for budget in section.budgets_of(variations)]
        found = [_mean(section, entry) for entry in entries if section.found(entry)]
        means[dict(options).get("schedule") == "constant"] += found
    if means[True] and means[False]:
        low, high = min(means[False]), axis.get_ylim()[1]
        if min(means[True]) < low - (high - low):
            axis.set_ylim(bottom=low - 0.5 * (high - low))


def _family(options: Options) -> Options:
    return tuple(option for option in options if option[0] != "restart")


def _figure(section: Section, n_panels: int, subject: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(10.4, 5.4) if n_panels > 1 else (9.0, 4.6), layout="constrained")
    axes = figure.subplots(1, n_panels, sharey=True, squeeze=False)[0]
    axes[0].set_ylabel(METRIC_TITLES[METRIC])
    axes[0].yaxis.set_major_formatter(ScalarFormatter(useOffset=False))
    figure.suptitle(f"{section.title}: {subject}", x=0.01, ha="left", fontsize=11.5, color="#222222")
    return figure, list(axes)


def _line(
    axis: Axes,
    section: Section,
    entries: Sequence[Entry],
    positions: Sequence[float],
    look: tuple[str, str, str],
    *,
    dashed: bool = False,
) -> None:
    colour, mark, title = look
    intervals = [section.mean(entry, METRIC) for entry in entries]
    points = [(x, interval) for x, interval in zip(positions, intervals, strict=True) if interval is not None]
    axis.errorbar(
        [x for x, _ in points],
        [interval.mean for _, interval in points],
        yerr=[
            [max(interval.mean - interval.low, 0) for _, interval in points],
            [max(interval.high - interval.mean, 0) for _, interval in points],
        ],
        color=colour,
        marker=mark,
        markerfacecolor="white" if dashed else colour,
        linestyle="--" if dashed else "-",
        elinewidth=0.9,
        label=title,
        zorder=4 if title in {TITLES[FIGURED], TITLES["sparseshelf"]} else 3,
    )


def _reference(axis: Axes, section: Section, system: str, among: Sequence[int] | None = None) -> None:
    """A line at what the system reaches on the same seeds."""
    colour, _, title = _look(system)
    size = _bytes(section, Entry(system), False)
    line = axis.axhline(
        _mean(section, Entry(system), among), color=colour, linewidth=1.5, label=f"{title}, {size:,.0f} B"
    )
    line.set_linestyle((0, (6, 3)) if system == "ease" else (0, (2, 2)))


def _sizes(axis: Axes, positions: Sequence[float]) -> None:
    """A logarithmic axis with powers of two as they are."""
    low, high = min(positions) / 1.2, max(positions) * 1.2
    powers = [float(2**power) for power in range(24) if low <= 2**power <= high]
    axis.set_xscale("log", base=2)
    axis.set_xlim(low, high)
    axis.xaxis.set_major_locator(FixedLocator(powers if len(powers) > 1 else sorted(set(positions))))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _finish(figure: Figure, axis: Axes) -> None:
    """One legend outside, where it hides nothing: below two panels, beside one."""
    handles, labels = axis.get_legend_handles_labels()
    for one in figure.axes:
        one.margins(y=0.06)
    if len(figure.axes) > 1:
        figure.legend(handles, labels, loc="outside lower center", ncols=min(4, len(labels)))
    else:
        figure.legend(handles, labels, loc="outside right center", labelspacing=0.7)


def _look(system: str) -> tuple[str, str, str]:
    colour, mark = _LOOK.get(system, (GRAY, "*"))
    return colour, mark, TITLES.get(system, system)


def _mean(section: Section, entry: Entry, among: Sequence[int] | None = None) -> float:
    interval = section.mean(entry, METRIC, among)
    return float("nan") if interval is None else interval.mean


def _bytes(section: Section, entry: Entry, stored: bool) -> float:
    """The most of all seeds."""
    return max(float(one.stored_bytes if stored else one.paper_bytes) for one in section.found(entry))
