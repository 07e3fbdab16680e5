"""What a page could show in the place of items that must not be shown any more when it is read from a cache."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from index.layout import Layout, Shown
from index.search import Ranking
from index.segments import Segments

NOTHING = Ranking(np.empty(0, np.int32), np.empty(0))


class Spares(NamedTuple):
    """Of a page that is laid out: `n` items a shelf, from the pool it was laid out from, that stand nowhere on it.

    Two shelves may have the same spare; who puts one in its place has to see that no item stands twice.
    """

    segments: Segments
    shown: Shown
    n: int

    def of(self, ranking: Ranking) -> Ranking:
        """The best of all."""
        places = np.flatnonzero(~self.shown.flags[ranking.rows])[: self.n]
        return Ranking(ranking.rows[places], ranking.scores[places])

    def of_segments(self, layout: Layout, ranking: Ranking) -> Sequence[Ranking]:
        """The best of each shelf's segment."""
        if not self.n:
            return [NOTHING] * len(layout.shelves)
        places = np.flatnonzero(~self.shown.flags[ranking.rows])
        starts, segments = self.segments.shelves_of
        rows = ranking.rows[places]
        counts = starts[rows + 1] - starts[rows]
        ends = np.cumsum(counts)
        of = segments[np.repeat(starts[rows] - ends + counts, counts) + np.arange(counts.sum())]
        on = np.repeat(places, counts)
        chosen = [on[of == shelf.segment][: self.n] for shelf in layout.shelves]
        return [Ranking(ranking.rows[found], ranking.scores[found]) for found in chosen]
