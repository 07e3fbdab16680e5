"""How many items of a page may have one value of an attribute."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.catalog import CategoryColumn, ListColumn, NumberColumn
from index.kernels import Rows

Value = int | float  # the code of a category, or a number


@dataclass(frozen=True)
class Cap:
    """At most `most` items may have one value of a column; of a list each entry is one. No value is never too many."""

    column: NumberColumn | CategoryColumn | ListColumn
    most: int

    def values(self, row: int) -> list[Value]:
        """The distinct values of a row."""
        match self.column:
            case ListColumn(starts, codes, _):
                return list(dict.fromkeys(codes[starts[row] : starts[row + 1]].tolist()))
            case CategoryColumn(codes, _):
                return [int(codes[row])] if codes[row] >= 0 else []
            case NumberColumn(values):
                return [float(values[row])] if np.isfinite(values[row]) else []

    def room(self, rows: Rows, full: Sequence[Value]) -> NDArray[np.bool_]:
        """(len(rows),) which of them have none of the values that are `full`."""
        if not full:
            return np.ones(len(rows), np.bool_)
        match self.column:
            case ListColumn(starts, codes, _):
                lengths = starts[rows + 1] - starts[rows]
                owner = np.repeat(np.arange(len(rows)), lengths)
                within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
                hit = np.isin(codes[np.repeat(starts[rows], lengths) + within], full)
                return np.asarray(np.bincount(owner, hit, len(rows)) == 0)
            case CategoryColumn(codes, _):
                return np.asarray(~np.isin(codes[rows], full))
            case NumberColumn(values):
                return np.asarray(~np.isin(values[rows], full))
