"""Merging to the fixpoint: as long as two groups' descriptors have a cosine over tau, the closest pair becomes one.

Beyond the paper: what is still smaller than a shelf then joins the closest group that will have it, smallest first.
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from trainer.segmentation.group import Group

Describe = Callable[[NDArray[np.integer]], "sp.csr_matrix[np.float64]"]
_NONE = -1.0


def merge(groups: Sequence[Group], describe: Describe, *, tau: float, smallest: int, largest: int) -> list[Group]:
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
    return sorted(merging.alive.values(), key=lambda group: (-len(group.rows), int(group.rows[0])))


class _Merging:
    """The living groups, their descriptors, and each one's closest partner."""

    def __init__(self, groups: Sequence[Group], describe: Describe, largest: int) -> None:
        self.alive = dict(enumerate(groups))
        self.describe, self.largest = describe, largest
        self.descriptors = sp.vstack([describe(group.rows) for group in groups]).toarray().astype(np.float32)
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
        small = [place for place in self.alive if self.sizes[place] < smallest and self.best[place] > 0]
        if not small:
            return None
        place = min(small, key=lambda place: (self.sizes[place], place))
        return int(self.partner[place]), place

    def join(self, first: int, second: int) -> None:
        """Makes one group of two, in the place of the first, or forbids it where no signed dim would be left."""
        merged = self.alive[first].merged(self.alive[second])
        if not merged.signed_dims():
            self.cancelling |= {(first, second), (second, first)}
            self._look(first)
            self._look(second)
            return
        del self.alive[second]
        self.alive[first] = merged
        self.sizes[first], self.sizes[second] = len(merged.rows), self.largest + 1
        self.best[second] = _NONE
        self.descriptors[first] = self.describe(merged.rows).toarray()[0]
        self.cancelling = {pair for pair in self.cancelling if first not in pair and second not in pair}
        cosines = self._cosines(first)
        for place in self.alive:
            if place == first or self.partner[place] in (first, second):
                self._look(place)
            elif cosines[place] > self.best[place]:
                self.best[place], self.partner[place] = cosines[place], first

    def _look(self, place: int) -> None:
        """Finds the closest group that `place` may merge with."""
        cosines = self._cosines(place)
        self.partner[place] = int(cosines.argmax())
        self.best[place] = cosines[self.partner[place]]

    def _cosines(self, place: int) -> NDArray[np.float64]:
        """(n_groups,) with _NONE where a merge is out of the question."""
        row = self.descriptors[place]
        nonzero = np.flatnonzero(row)
        few = len(nonzero) < len(row) / 4  # gathering some columns is faster than multiplying all, all than most
        products = self.descriptors[:, nonzero] @ row[nonzero] if few else self.descriptors @ row
        cosines = np.asarray(products, np.float64)
        cosines[self.sizes + self.sizes[place] > self.largest] = _NONE
        cosines[[place, *(other for one, other in self.cancelling if one == place)]] = _NONE
        return cosines
