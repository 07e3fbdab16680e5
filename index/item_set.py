"""A set of items as bits, one a row: filters are combined in words of 64."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.kernels import Rows

Words = NDArray[np.uint64]


@dataclass(frozen=True)
class ItemSet:
    """Bit `row % 64` of word `row // 64` says whether a row is in it. Bits behind the last row are 0."""

    words: Words  # (n_items / 64 rounded up,)
    n_items: int

    @classmethod
    def of_flags(cls, flags: NDArray[np.bool_]) -> Self:
        """The rows of (n_items,) that are true."""
        packed = np.zeros(-(-len(flags) // 64) * 8, np.uint8)
        bits = np.packbits(flags, bitorder="little")
        packed[: len(bits)] = bits
        return cls(packed.view("<u8").astype(np.uint64, copy=False), len(flags))

    @classmethod
    def of_rows(cls, rows: NDArray[np.integer], n_items: int) -> Self:
        flags = np.zeros(n_items, np.bool_)
        flags[rows] = True
        return cls.of_flags(flags)

    @classmethod
    def union(cls, sets: Iterable[Self], n_items: int) -> Self:
        found = cls.of_rows(np.empty(0, np.int32), n_items)
        for one in sets:
            found = found | one
        return found

    def __and__(self, other: Self) -> Self:
        return type(self)(self.words & other.words, self.n_items)

    def __or__(self, other: Self) -> Self:
        return type(self)(self.words | other.words, self.n_items)

    def __invert__(self) -> Self:
        words = ~self.words
        if self.n_items % 64:
            words[-1] &= np.uint64(2 ** (self.n_items % 64) - 1)
        return type(self)(words, self.n_items)

    def __len__(self) -> int:
        return int(np.bitwise_count(self.words).sum())

    @property
    def rows(self) -> Rows:
        """Ascending."""
        return np.flatnonzero(self.flags).astype(np.int32)

    @property
    def flags(self) -> NDArray[np.bool_]:
        """(n_items,), the caller's own."""
        octets = self.words.astype("<u8", copy=False).view(np.uint8)
        return np.unpackbits(octets, count=self.n_items, bitorder="little").view(np.bool_)
