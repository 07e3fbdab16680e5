"""Samples: histories of people that come with a model, for whoever wants to look at it without one of their own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.kernels import Rows

MOST_SAMPLES, MOST_ITEMS = 100, 100  # histories, and items of one: an answer has them all


@dataclass(frozen=True)
class Samples:
    """History `i` has the rows `rows[starts[i]:starts[i + 1]]`, ascending."""

    starts: NDArray[np.int64]  # (n_samples + 1,)
    rows: Rows

    def __len__(self) -> int:
        return len(self.starts) - 1

    def history(self, place: int) -> Rows:
        """The rows of one, ascending."""
        return self.rows[self.starts[place] : self.starts[place + 1]]

    def take(self, rows: Rows) -> "Samples":
        """The same with the items in another order: item `i` is what `rows[i]` was."""
        place = np.empty(len(rows), np.int32)
        place[rows] = np.arange(len(rows), dtype=np.int32)
        moved = place[self.rows]
        return Samples(self.starts, moved[np.lexsort((moved, self._owners))])

    @property
    def _owners(self) -> NDArray[np.int64]:
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def violation(self, n_items: int) -> str | None:
        """The first broken invariant in words, or None."""
        starts, rows = self.starts, self.rows
        ascending = (starts[1:] > starts[:-1]).all()  # differences of hostile numbers would wrap around
        if not 1 <= len(starts) <= MOST_SAMPLES + 1 or starts[0] != 0 or starts[-1] != len(rows) or not ascending:
            return "the row pointers do not lead from 0 to the last item by at least one each"
        if len(rows) and int(np.diff(starts).max()) > MOST_ITEMS:
            return f"a history has more than {MOST_ITEMS} items"
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n_items:
            return "a history has what is no item"
        places = self._owners * n_items + rows
        if (places[1:] <= places[:-1]).any():
            return "the items of a history do not ascend"
        return None
