"""The item matrix A in 2 bytes a non-zero: a dim, and one of as many levels as it leaves room for."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from index import packed_kernels
from index.embedding import ItemEmbedding, as_dims
from index.kernels import Dims, Floats, Rows
from index.packed_kernels import Codes, PackedRows

MOST_LEVEL_BITS = 6  # of a code: with 63 levels a weight is as good as in float32
_MOST_NARROW_DIMS = 2**12  # which leave 4 bits of uint16
LEAST_LEVEL = 2.0**-20  # the largest is 1
_SAMPLE = 2**20  # weights of either sign that levels are fitted to
_ROUNDS = 100
_FACTORS = np.array([1.0, *np.geomspace(0.75, 1.333, 12)])
_ROWS_AT_ONCE = 2**16
_PROBLEMS = {
    packed_kernels.DIM_TOO_LARGE: "names a dim that is out of range, the matrix has {n_dims}",
    packed_kernels.BEHIND_A_ZERO: "has a code behind a zero",
    packed_kernels.NOT_ASCENDING: "has dims that do not ascend",
}


@dataclass(frozen=True)
class PackedEmbedding:
    """A sparse signed code of at most `k` non-zeros an item, packed (section 5 of docs/design.md).

    A non-zero is one number: its dim, and in the lowest bits (6 of them; 5 above 1,024 dims, 4 above 2,048; 6 again in
    the uint32 of more than 4,096) which of `levels` it has. Levels are shared by all items; a weight is its level over
    the length of the row of levels, so that rows have length 1. A row's living codes come first, their dims ascending;
    a shorter row ends in code 0. Level 0 is 0.
    """

    stored_as: ClassVar[str] = "codes.npy, levels.npy"
    codes: Codes  # (n_items, k)
    levels: NDArray[np.float32]  # (2**bits,) 0, the negative ones ascending, the positive ones ascending
    n_dims: int

    @classmethod
    def pack(cls, embedding: ItemEmbedding) -> Self:
        """Levels fitted to the weights (Lloyd 1982, either sign by itself); of each row what is closest in angle."""
        bits = level_bits(embedding.n_dims)
        levels, n_negative = fitted_levels(embedding.weights, 2**bits - 1)
        codes: Codes = np.empty(embedding.dims.shape, code_type(embedding.n_dims))  # type: ignore[assignment]
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            chunk = slice(start, start + _ROWS_AT_ONCE)
            found = packed_kernels.nearest_levels(embedding.weights[chunk], levels, n_negative, _FACTORS)
            dims = embedding.dims[chunk].astype(np.uint32)
            codes[chunk] = np.where(found != 0, dims << bits | found, 0)
        sizes = np.clip(np.abs(levels) / np.abs(levels).max(), LEAST_LEVEL, 1)
        return cls(codes, (np.sign(levels) * sizes).astype(np.float32), embedding.n_dims)

    @property
    def n_items(self) -> int:
        return int(self.codes.shape[0])

    @property
    def k(self) -> int:
        return int(self.codes.shape[1])

    @property
    def bytes_per_item(self) -> int:
        return self.codes.itemsize * self.k

    @property
    def bits(self) -> int:
        """Of a code, that are its level."""
        return level_bits(self.n_dims)

    @property
    def coded(self) -> NDArray[np.bool_]:
        """(n_items,) whether an item has a code at all."""
        return np.asarray(self.rows.scales != 0)

    @cached_property
    def rows(self) -> PackedRows:
        """What kernels read."""
        levels = self.levels.astype(np.float64)
        return PackedRows(self.codes, self.bits, levels, packed_kernels.row_scales(self.codes, self.bits, levels))

    def to_dense(self) -> NDArray[np.float32]:
        """A as (n_items, n_dims)."""
        dims, weights = self.codes_of(np.arange(self.n_items, dtype=np.int32))
        items, places = np.nonzero(weights)
        matrix = np.zeros((self.n_items, self.n_dims), np.float32)
        matrix[items, dims[items, places]] = weights[items, places]
        return matrix

    def profile(self, rows: Rows, weights: Floats) -> Floats:
        """The profile z = x A as (n_dims,), for history `rows` with one weight each."""
        return packed_kernels.fold_in_packed(self.rows, rows, weights, self.n_dims)

    def codes_of(self, rows: Rows) -> tuple[Dims, NDArray[np.float32]]:
        """Dims and weights (len(rows), k) of some items; weight 0 where a row is short."""
        codes = self.codes[rows]
        weights = self.rows.levels[codes & (2**self.bits - 1)] * self.rows.scales[rows, None]
        return as_dims(codes >> self.bits, self.n_dims), weights.astype(np.float32)

    def violation(self) -> str | None:
        """The first broken invariant in words, or None. Costs one pass over the codes."""
        n_levels = 2**self.bits
        if self.codes.dtype != code_type(self.n_dims) or self.codes.ndim != 2 or self.levels.shape != (n_levels,):
            return f"codes {self.codes.dtype} {self.codes.shape} and levels {self.levels.shape} do not fit the dims"
        if not self.codes.size:
            return "it holds no items"
        sizes = np.abs(self.levels[1:])
        if self.levels[0] != 0 or not ((sizes >= LEAST_LEVEL) & (sizes <= 1)).all():
            return f"levels must be 0, and then of sizes from {LEAST_LEVEL:g} to 1"
        if (np.diff(self.levels[1:]) < 0).any():
            return "the levels do not ascend"
        row, problem = packed_kernels.first_unsound(self.codes, self.bits, self.n_dims)
        return None if row < 0 else f"row {row} " + _PROBLEMS[problem].format(n_dims=self.n_dims)


def level_bits(n_dims: int) -> int:
    """Of a code, that are its level."""
    if n_dims > _MOST_NARROW_DIMS:
        return MOST_LEVEL_BITS
    return min(MOST_LEVEL_BITS, 16 - (n_dims - 1).bit_length())


def code_type(n_dims: int) -> type[np.uint16] | type[np.uint32]:
    return np.uint16 if n_dims <= _MOST_NARROW_DIMS else np.uint32


def fitted_levels(weights: NDArray[np.float32], n_levels: int) -> tuple[NDArray[np.float64], int]:
    """0, then `n_levels` levels, the negative ones first; and how many of them are negative."""
    negative, positive = _sample(-weights[weights < 0]), _sample(weights[weights > 0])
    n_negative = n_levels // 2 + (len(negative) > len(positive))  # the odd one goes to the more frequent sign
    if not len(negative) or not len(positive):
        n_negative = n_levels if len(negative) else 0
    levels = [np.zeros(1), -_lloyd(negative, n_negative)[::-1], _lloyd(positive, n_levels - n_negative)]
    return np.concatenate(levels), n_negative


def _sample(sizes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sorted."""
    return np.sort(sizes[:: -(-len(sizes) // _SAMPLE) or 1]).astype(np.float64)


def _lloyd(values: NDArray[np.float64], n_levels: int) -> NDArray[np.float64]:
    """Levels with the least squared distance to sorted values, from their quantiles on."""
    if not len(values):
        return np.ones(n_levels)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    levels = np.quantile(values, (np.arange(n_levels) + 0.5) / n_levels)
    for _ in range(_ROUNDS):
        ends = np.searchsorted(values, (levels[1:] + levels[:-1]) / 2)
        bounds = np.concatenate([[0], ends, [len(values)]])
        sizes = np.diff(bounds)
        means = np.divide(np.diff(sums[bounds]), sizes, out=levels.copy(), where=sizes > 0)
        if np.array_equal(means, levels):
            break
        levels = means
    return np.maximum.accumulate(levels)
