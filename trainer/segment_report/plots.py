"""The plots of a report on segments as SVG: sizes, coverage, coherence, a map, and the paper's Figure 2 for some users.

It needs matplotlib (the extra `report`).
"""

from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from matplotlib.transforms import Bbox

from index.kernels import Floats
from index.model import Model
from index.segments import Segments
from trainer.drawing import BLUE, COLOURS, GRAY, GREEN, ORANGE, RED, SKY, rendered
from trainer.segment_report.coherence import Coherence
from trainer.segment_report.coverage import BANDS, SHELVES, Coverage
from trainer.segment_report.listing import shortened
from trainer.segment_report.sample_user import SampleUser
from trainer.segment_report.segment_map import SegmentMap

_PALE = "#dddddd"
_BAND_COLOURS = (BLUE, SKY, ORANGE, _PALE)
_LABELS, _LONGEST_LABEL, _WEAKEST = 40, 26, 5
_SIDES = (
    (0, 0, "center", "center"), (0, 1, "center", "bottom"), (0, -1, "center", "top"), (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
)  # fmt: skip
_DIMS = 80  # of a user that have a bar


def plots(
    model: Model, covered: Coverage, coherent: Coherence, placed: SegmentMap | None, users: list[SampleUser]
) -> dict[str, bytes]:
    """SVG files by what they show; only those that there is something to draw of."""
    draws = {
        "sizes": partial(sizes, covered),
        "coverage": partial(by_popularity, covered),
        "coherence": partial(coherence, model.segments, coherent),
        "map": partial(overview, model.segments, placed),
        **{f"user-{place}": partial(activations, model.segments, user) for place, user in enumerate(users, start=1)},
    }
    found = {name: rendered(draw) for name, draw in draws.items()}
    return {name: content for name, content in found.items() if content}


def sizes(covered: Coverage) -> Figure | None:
    """Segments by size, the largest first."""
    if not len(covered.sizes):
        return None
    figure, (axis,) = _figure(1, "Sizes of the segments")
    ordered = np.sort(covered.sizes)[::-1]
    axis.fill_between(np.arange(len(ordered) + 1), np.append(ordered, ordered[-1]), step="post", color=SKY, alpha=0.7)
    axis.set_yscale("log")
    axis.set_ylim(0.8, max(float(ordered[0]), SHELVES[-1]) * 1.3)
    for least in SHELVES:
        axis.axhline(least, color="#333333", linewidth=1, linestyle="--")
        axis.annotate(f"{least} items", (1, least), (-2, 2), ("axes fraction", "data"), "offset points", ha="right")
    axis.set_xlim(0, len(ordered))
    axis.set_xlabel("Segments, the largest first")
    axis.set_ylabel("Items")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _plain_logarithm(axis.yaxis)
    return figure


def by_popularity(covered: Coverage) -> Figure | None:
    """Of each tenth of the items, best known first, how many lie in a segment of which size."""
    if covered.by_popularity is None:
        return None
    figure, (axis,) = _figure(1, "Popular and rare items: in segments of which size")
    places = np.arange(len(covered.by_popularity))
    bottom = np.zeros(len(places))
    for band, colour in enumerate(_BAND_COLOURS):
        label = BANDS[band] if covered.by_popularity[:, band].any() else None
        axis.bar(places, covered.by_popularity[:, band], 0.8, bottom, color=colour, label=label)
        bottom += covered.by_popularity[:, band]
    axis.set_ylim(0, 1)
    axis.set_xticks(places, [str(place + 1) for place in places])
    axis.set_xlabel("Tenths of the items, the best known first")
    axis.set_ylabel("Share of the items")
    axis.yaxis.set_major_formatter(PercentFormatter(1, 0))
    figure.legend(loc="outside right center", labelspacing=0.7)
    return figure


def coherence(segments: Segments, coherent: Coherence) -> Figure | None:
    """How alike a segment's codes are, and how pure their signs, against its size."""
    known = np.isfinite(coherent.cosines)
    if not known.any():
        return None
    figure, axes = _figure(2, "Coherence of the segments")
    items = segments.sizes[known].astype(np.float64)
    values = coherent.cosines[known], coherent.purity[known]
    for axis, value, colour in zip(axes, values, (BLUE, GREEN), strict=True):
        axis.scatter(items, value, 22, color=colour, alpha=0.55, linewidths=0)
        axis.set_xscale("log")
        axis.set_xlabel("Items of the segment")
        _plain_logarithm(axis.xaxis)
        axis.set_ylim(0, 1.03)
    line = np.geomspace(max(items.min(), 1), max(items.max(), items.min() + 1), 100)
    axes[0].plot(line, 1 / np.sqrt(line), color=GRAY, linewidth=1.2, linestyle="--", label="nothing in common")
    weakest = coherent.weakest(_WEAKEST)
    axes[0].scatter(
        segments.sizes[weakest], coherent.cosines[weakest], 34, facecolors="none", edgecolors=RED, label="the weakest"
    )
    axes[0].legend(loc="upper right")
    axes[0].set_ylabel("Mean cosine with the mean code")
    axes[1].set_ylabel("Share of weights with the segment's sign")
    axes[1].yaxis.set_major_formatter(PercentFormatter(1, 0))
    return figure


def overview(segments: Segments, placed: SegmentMap | None) -> Figure | None:
    """Segments as circles, and the names of the largest, each where it hides no other name."""
    if placed is None or len(placed.positions) < 2:
        return None
    figure = Figure(figsize=(10.4, 8.2))
    figure.suptitle("A map of the segments: close are those with alike codes", x=0.02, ha="left", fontsize=11.5)
    axis = figure.add_axes((0.02, 0.02, 0.96, 0.92))
    items = segments.sizes[: len(placed.positions)]
    areas = 900 * items / max(int(items.max()), 1) + 10
    axis.scatter(
        placed.positions[:, 0], placed.positions[:, 1], areas, color=BLUE, alpha=0.4, linewidths=0.6, edgecolors="white"
    )
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(visible=False)
    axis.margins(0.09)
    for side in axis.spines.values():
        side.set_visible(False)
    axis.autoscale_view()  # or nothing is where it will be
    _name(figure, axis, segments, placed, np.sqrt(areas / np.pi))
    return figure


def _name(figure: Figure, axis: Axes, segments: Segments, placed: SegmentMap, radii: Floats) -> None:
    """Writes names on the circles or beside them, those of larger segments first."""
    renderer = FigureCanvasAgg(figure).get_renderer()  # type: ignore[no-untyped-call]
    taken: list[Bbox] = []
    for row in np.argsort(-segments.sizes[: len(placed.positions)], kind="stable")[:_LABELS]:
        out = radii[row] + 1.5
        for x, y, horizontal, vertical in _SIDES:
            text = axis.annotate(
                shortened(segments.labels[int(row)], _LONGEST_LABEL), placed.positions[row], (x * out, y * out),
                textcoords="offset points", ha=horizontal, va=vertical, fontsize=8, color="#222222",
            )  # fmt: skip
            box = text.get_window_extent(renderer).padded(1)
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
            text.remove()


def activations(segments: Segments, user: SampleUser) -> Figure | None:
    """Figure 2 of the paper: a bar a dim of the profile, in the colour of a recommended segment that has it."""
    if user.source != "profile":
        return None
    profile = user.profile
    strongest = np.lexsort((np.arange(len(profile)), -np.abs(profile)))[:_DIMS]
    strongest = strongest[profile[strongest] != 0]
    dims = strongest[np.argsort(-profile[strongest], kind="stable")]
    place_of = {int(dim): place for place, dim in enumerate(dims)}
    figure, (axis,) = _figure(1, f"Profile of {shortened(user.name, 80)}")
    colours = [_PALE] * len(dims)
    handles = []
    for number, (row, score) in reversed(list(enumerate(user.segments))):
        colour = COLOURS[number % len(COLOURS)]
        entries = segments.entries(row)
        shown = [
            (place_of[int(dim)], float(weight))
            for dim, weight in zip(segments.dims[entries], segments.weights[entries], strict=True)
            if int(dim) in place_of
        ]
        for place, weight in shown:
            if weight * profile[dims[place]] > 0:
                colours[place] = colour  # where two have it, that of the better one
        for sign, mark in ((1, "^"), (-1, "v")):
            points = [(place, weight) for place, weight in shown if weight * sign > 0]
            at, heights = [place for place, _ in points], [weight for _, weight in points]
            axis.scatter(at, heights, 26, color=colour, marker=mark, zorder=4, ec="#333333", lw=0.5)
        handles.append(Patch(color=colour, label=f"{shortened(segments.labels[row], 28)}  {score:.2f}"))
    axis.bar(np.arange(len(dims)), profile[dims], 0.8, color=colours, zorder=3)
    axis.axhline(0, color="#555555", linewidth=0.8)
    axis.set_xlim(-1, len(dims))
    axis.set_xticks([])
    axis.grid(visible=False, axis="x")
    n_active = int(np.count_nonzero(profile))
    shown_of_all = f"all {n_active}" if n_active <= _DIMS else f"the {_DIMS} strongest of {n_active}"
    axis.set_xlabel(f"Active dims, {shown_of_all}, by activation")
    axis.set_ylabel("Activation (profile of length 1)")
    handles = [*reversed(handles), Patch(color=_PALE, label="none of these")]
    figure.legend(handles=handles, loc="outside right center", labelspacing=0.7)
    return figure


def _figure(n_panels: int, title: str) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(10.4, 4.6) if n_panels > 1 else (9.0, 4.2), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, color="#222222")
    return figure, list(figure.subplots(1, n_panels, squeeze=False)[0])


def _plain_logarithm(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())
