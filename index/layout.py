"""A homepage's shelves: segments by what their shelves would show, no item twice, exact without scoring every item.

A shelf is worth the sum of the scores of the items that it shows, less the more of its items a shelf above it could
show as well. The one that is worth most comes next, and what it shows counts for no other. Worth only shrinks while a
page fills, so one known from before is a bound, and only segments whose bound is the largest are looked at again (lazy
greedy, Minoux 1978). Under caps on attributes worth may grow as well; what it was without any then stays the bound. Nor
need all items be scored: of those that are not in the pool of the best, none is above its last.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.caps import Cap, Value
from index.kernels import Floats, Rows
from index.search import Ranking, rank
from index.segments import Segments


class PageSize(NamedTuple):
    shelves: int
    items_per_shelf: int
    min_items: int

    @property
    def least(self) -> int:
        """Items that make a shelf: no more than it has room for."""
        return max(1, min(self.min_items, self.items_per_shelf))


class Shelf(NamedTuple):
    """A segment (its row), the items it shows, and what that was worth when it was chosen."""

    segment: int
    items: Ranking
    worth: float


class Layout(NamedTuple):
    """The shelves, the segments that would have come next, best first, and those with `too_few` items."""

    shelves: list[Shelf]
    next: list[tuple[int, float]]  # with what each is worth at most
    too_few: list[tuple[int, int]]  # with how many items each could show


@dataclass(frozen=True)
class Pool:
    """The best items, best first; `whole` where there are no more. `best_of` gives the n best of a segment's shelf."""

    ranking: Ranking
    whole: bool
    best_of: Callable[[int, int], Ranking]


class Choice(NamedTuple):
    """Places in a ranking, ascending, and how many above the last one were left out, for which reason."""

    places: NDArray[np.int64]
    repeats: int
    capped: int


@dataclass
class Shown:
    """What stands on a page so far, as flags (n_items,): no item twice, and no more of a value than `caps` allow."""

    flags: NDArray[np.bool_]
    caps: Sequence[Cap] = ()
    repeats: int = 0  # items that shelves did not show because one above did
    capped: int = 0

    def __post_init__(self) -> None:
        self._counts = [Counter[Value]() for _ in self.caps]

    def choose(self, rows: Rows, n: int) -> Choice:
        """The first `n` of these rows that may stand on the page together with what is there."""
        free = ~self.flags[rows]
        if not self.caps:
            places = free.nonzero()[0][:n]
            return Choice(places, int(places[-1]) + 1 - len(places) if len(places) else 0, 0)
        places = self._within_caps(rows, free, n)
        above = int(places[-1]) + 1 if len(places) else 0
        n_free = int(free[:above].sum())
        return Choice(places, above - n_free, n_free - len(places))

    def show(self, ranking: Ranking, choice: Choice) -> Ranking:
        """These items of a ranking, from now on on the page."""
        found = Ranking(ranking.rows[choice.places], ranking.scores[choice.places])
        self.flags[found.rows] = True
        for cap, counts in zip(self.caps, self._counts, strict=True):
            for row in found.rows.tolist():
                counts.update(cap.values(row))
        self.repeats += choice.repeats
        self.capped += choice.capped
        return found

    def _within_caps(self, rows: Rows, free: NDArray[np.bool_], n: int) -> NDArray[np.int64]:
        """One after the other; what a value that is full rules out is left out at once."""
        counts = [counted.copy() for counted in self._counts]
        found: list[int] = []
        begin = 0
        while len(found) < n:
            rest = rows[begin:]
            open_ = free[begin:].copy()
            for cap, counted in zip(self.caps, counts, strict=True):
                open_ &= cap.room(rest, [value for value, count in counted.items() if count >= cap.most])
            filled = False
            for place in np.flatnonzero(open_):
                found.append(begin + int(place))
                for cap, counted in zip(self.caps, counts, strict=True):
                    values = cap.values(int(rest[place]))
                    counted.update(values)
                    filled |= any(counted[value] >= cap.most for value in values)
                if filled or len(found) == n:
                    break
            if not filled:
                break
            begin = found[-1] + 1
        return np.array(found, np.int64)


def lay_out(
    segments: Segments,
    pool: Pool,
    size: PageSize,
    shown: Shown,
    *,
    luck: Mapping[int, float] | None = None,
    never: Iterable[int] = (),
) -> Layout:
    """The `size.shelves` segments that are worth most one after the other, ties by row; none of `never`.

    `luck` has factors of the segments' worth. A segment that cannot show `size.min_items` makes no shelf.
    """
    candidates = _Candidates(segments, pool, size.items_per_shelf)
    closeness = np.zeros(len(segments))

    def factor(segment: int) -> float:
        return (1 - float(closeness[segment])) * (luck[segment] if luck else 1.0)

    hidden = set(never)
    heap = [(-bound * factor(row), row) for row, bound in candidates.bounds().items() if row not in hidden]
    heapify(heap)
    shelves: list[Shelf] = []
    few: dict[int, int] = {}
    while len(shelves) < size.shelves:
        best: tuple[float, int, Ranking, Choice] | None = None
        looked_at: list[tuple[float, int]] = []
        while heap and (best is None or heap[0] < best[:2]):
            bound, segment = heappop(heap)
            ranking, choice = candidates.choose(segment, shown)
            if len(choice.places) < size.least:
                few[segment] = len(choice.places)
                if shown.caps:  # which another shelf may take away from those that are in the way
                    looked_at.append((bound, segment))
                continue
            few.pop(segment, None)
            worth = float(ranking.scores[choice.places].sum()) * factor(segment)
            looked_at.append((bound if shown.caps else -worth, segment))
            if best is None or (-worth, segment) < best[:2]:
                best = -worth, segment, ranking, choice
        if best is None:
            heap += looked_at
            break
        minus_worth, segment, ranking, choice = best
        shelves.append(Shelf(segment, shown.show(ranking, choice), -minus_worth))
        closeness = np.maximum(closeness, segments.closeness(segment))
        for entry in looked_at:
            if entry[1] != segment:
                heappush(heap, entry)
    waiting = [(row, -worth) for worth, row in sorted(heap) if worth < 0 and row not in few]
    return Layout(shelves, waiting, list(few.items()))


class _Candidates:
    """What each segment's shelf could show, best first: those in the pool, and all once these do not suffice."""

    def __init__(self, segments: Segments, pool: Pool, items_per_shelf: int) -> None:
        self._pool, self._n, self._sizes = pool, items_per_shelf, segments.shelf_sizes
        self._completed: dict[int, Ranking] = {}
        self._all = set[int]()
        rows = pool.ranking.rows
        starts, hosts = segments.shelves_of
        counts = starts[rows + 1] - starts[rows]
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        of = hosts[np.repeat(starts[rows], counts) + within]
        narrow = np.uint16 if len(segments) <= 2**16 else of.dtype  # whose stable sort is a radix sort
        by_segment = np.argsort(of.astype(narrow), kind="stable")
        self._of, self._places = of[by_segment], np.repeat(np.arange(len(rows)), counts)[by_segment]
        self._starts = np.searchsorted(self._of, np.arange(len(segments) + 1))

    def known(self, segment: int) -> Ranking:
        if segment in self._completed:
            return self._completed[segment]
        places = self._places[self._starts[segment] : self._starts[segment + 1]]
        return Ranking(self._pool.ranking.rows[places], self._pool.ranking.scores[places])

    def bounds(self) -> dict[int, float]:
        """What the shelf of each segment that has items can be worth at most."""
        first = np.arange(len(self._of)) - self._starts[self._of] < self._n
        worth = np.bincount(self._of[first], self._pool.ranking.scores[self._places[first]], minlength=len(self._sizes))
        n_known = np.diff(self._starts)
        possible = n_known > 0
        if not self._pool.whole:
            missing = np.maximum(np.minimum(self._sizes, self._n) - n_known, 0)
            worth += missing * self._pool.ranking.scores[-1]
            possible = self._sizes > 0
        rows = np.flatnonzero(possible)
        return dict(zip(rows.tolist(), worth[rows].tolist(), strict=True))

    def choose(self, segment: int, shown: Shown) -> tuple[Ranking, Choice]:
        """What is known of a segment, and what of that a shelf would show now; more is looked for where need be."""
        known = self.known(segment)
        choice = shown.choose(known.rows, self._n)
        while len(choice.places) < self._n and not self._pool.whole and segment not in self._all:
            asked = 2 * (len(known.rows) + self._n)
            known = self._completed[segment] = self._pool.best_of(segment, asked)
            if len(known.rows) < asked:
                self._all.add(segment)
            choice = shown.choose(known.rows, self._n)
        return known, choice


def popular_order(segments: Segments, popularity: Floats, items_per_shelf: int) -> Floats:
    """(n_segments,) the summed popularity of the items a shelf would show: the order for whoever has no profile."""
    return np.array(
        [rank(popularity[segments.members(row)], items_per_shelf).scores.sum() for row in range(len(segments))],
        np.float64,
    )
