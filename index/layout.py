"""A homepage: segments in the order of their worth, in each its best items, and no item twice."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from index.kernels import Floats
from index.search import Ranking, rank
from index.segments import Segments


class Shelf(NamedTuple):
    """A segment (its row) and the items it shows."""

    segment: int
    items: Ranking


def lay_out(
    segments: Segments,
    order: Iterable[int],
    item_scores: Floats,
    *,
    shelves: int,
    items_per_shelf: int,
    min_items: int,
) -> list[Shelf]:
    """The first `shelves` segments of `order` that can show at least `min_items` items.

    Masked items (-inf in `item_scores`) are not shown. Membership is hard, so no item stands twice.
    Same arguments, same layout.
    """
    layout: list[Shelf] = []
    for segment in order:
        if len(layout) == shelves:
            break
        members = segments.members(segment)
        best = rank(item_scores[members], items_per_shelf)
        if len(best.rows) >= max(min_items, 1):
            layout.append(Shelf(segment, Ranking(members[best.rows], best.scores)))
    return layout


def popular_order(segments: Segments, popularity: Floats, items_per_shelf: int) -> Floats:
    """(n_segments,) the summed popularity of the items a shelf would show: the order for whoever has no profile."""
    return np.array(
        [rank(popularity[segments.members(row)], items_per_shelf).scores.sum() for row in range(len(segments))],
        np.float64,
    )
