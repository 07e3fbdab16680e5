"""Merging to the fixpoint: as long as two groups' descriptors have a cosine over tau, the closest pair becomes one.

Beyond the paper: what is still smaller than a shelf then joins the closest group that will have it, smallest first.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.merge_tree import Merge
from trainer.segmentation.group import Group

Describe = Callable[[NDArray[np.integer]], NDArray[np.float64]]  # rows of items to a vector of length 1, or zero
_NONE = -1.0


@dataclass(frozen=True)
class Merged:
    """What some groups became, by their places, and in which order: node `i` of the merges is group `groups[i]`."""

    whole: Group
    groups: list[int]
    merges: list[Merge]


def merge(groups: Sequence[Group], describe: Describe, *, tau: float, smallest: int, largest: int) -> list[Merged]:
    """Merges best pairs first, ties by position, and describes anew after each merge. O(groups²) time.

    A merge does not take place where it would make a group of more than `largest` items, or one whose signed dims
    cancel out. Groups under `smallest` items then join their closest one whatever tau, as long as they have anything
    in common. The result is ordered by size, largest first.
    """
    if not groups:
        return []
    merging = _Merging(groups, describe, largest)
    while (pair := merging.closest(tau) or merging.smallest_with_partner(smallest)) is not None:
        merging.join(*pair)
    found = [merging.merged(place) for place in merging.alive]
    return sorted(found, key=lambda merged: (-len(merged.whole.rows), int(merged.whole.rows[0])))


class _Joined(NamedTuple):
    """Two nodes that became one; each is a place, or an earlier pair."""

    first: "int | _Joined"
    second: "int | _Joined"
    cosine: float
    number: int


class _Merging:
    """The living groups, their descriptors, and each one's closest partner."""

    def __init__(self, groups: Sequence[Group], describe: Describe, largest: int) -> None:
        self.alive = dict(enumerate(groups))
        self.nodes: dict[int, int | _Joined] = {place: place for place in self.alive}
        self.n_merges = 0
        self.describe, self.largest = describe, largest
        first = describe(groups[0].rows)
        self.descriptors = np.empty((len(first), len(groups)), np.float32)  # columns: gathering rows is fast
        for place, group in enumerate(groups):
            self.descriptors[:, place] = describe(group.rows)
        self.sizes = np.array([len(group.rows) for group in groups])
        self.cancelling: set[tuple[int, int]] = set()  # pairs whose signed dims would cancel out
        self.best = np.full(len(groups), _NONE)
        self.partner = np.zeros(len(groups), np.int64)
        for place in self.alive:
            self._look(place)

    def closest(self, tau: float) -> tuple[int, int] | None:
        """The pair with the largest cosine, where that is over tau."""
        place = int(self.best.argmax())
        return (place, int(self.partner[place])) if self.best[place] > tau else None

    def smallest_with_partner(self, smallest: int) -> tuple[int, int] | None:
        """The smallest group under `smallest` that has something in common with another; that other comes first."""
        small = np.flatnonzero((self.sizes < smallest) & (self.best > 0))
        if not len(small):
            return None
        place = int(small[self.sizes[small].argmin()])
        return int(self.partner[place]), place

    def join(self, first: int, second: int) -> None:
        """Makes one group of two, in the place of the first, or forbids it where no signed dim would be left."""
        merged = self.alive[first].merged(self.alive[second])
        if not merged.signed_dims():
            self.cancelling |= {(first, second), (second, first)}
            self._look(first)
            self._look(second)
            return
        cosine = min(float(self.descriptors[:, first] @ self.descriptors[:, second]), 1.0)
        self.nodes[first] = _Joined(self.nodes[first], self.nodes.pop(second), cosine, self.n_merges)
        self.n_merges += 1
        del self.alive[second]
        self.alive[first] = merged
        self.sizes[first], self.sizes[second] = len(merged.rows), self.largest + 1
        self.best[second] = _NONE
        self.descriptors[:, first] = self.describe(merged.rows)
        self.cancelling = {pair for pair in self.cancelling if first not in pair and second not in pair}
        cosines = self._cosines(first)
        self.partner[second] = second
        for place in np.flatnonzero((self.partner == first) | (self.partner == second)):
            if int(place) in self.alive:
                self._look(int(place))
        self.best[first], self.partner[first] = cosines.max(), cosines.argmax()
        better = cosines > self.best
        better[first] = False
        self.best[better], self.partner[better] = cosines[better], first

    def merged(self, place: int) -> Merged:
        """The group at `place` with its tree."""
        joined: list[_Joined] = []
        leaves: list[int] = []
        waiting = [self.nodes[place]]
        while waiting:
            node = waiting.pop()
            if isinstance(node, _Joined):
                joined.append(node)
                waiting += [node.first, node.second]
            else:
                leaves.append(node)
        leaves.sort()
        joined.sort(key=lambda node: node.number)
        number = {leaf: i for i, leaf in enumerate(leaves)}
        made = {node.number: len(leaves) + i for i, node in enumerate(joined)}

        def name(node: int | _Joined) -> int:
            return made[node.number] if isinstance(node, _Joined) else number[node]

        merges = [Merge(name(node.first), name(node.second), node.cosine) for node in joined]
        return Merged(self.alive[place], leaves, merges)

    def _look(self, place: int) -> None:
        """Finds the closest group that `place` may merge with."""
        cosines = self._cosines(place)
        self.partner[place] = int(cosines.argmax())
        self.best[place] = cosines[self.partner[place]]

    def _cosines(self, place: int) -> NDArray[np.float64]:
        """(n_groups,) with _NONE where a merge is out of the question."""
        column = self.descriptors[:, place]
        nonzero = np.flatnonzero(column)
        few = len(nonzero) < len(column) / 4  # gathering some rows is faster than multiplying all, all than most
        products = column[nonzero] @ self.descriptors[nonzero] if few else column @ self.descriptors
        cosines = np.asarray(products, np.float64)
        cosines[self.sizes + self.sizes[place] > self.largest] = _NONE
        cosines[[place, *(other for one, other in self.cancelling if one == place)]] = _NONE
        return cosines
