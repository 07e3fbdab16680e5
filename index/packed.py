"""The item matrix A in 2 bytes a non-zero: a dim, and one of as many levels as it leaves room for."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from index import packed_kernels
from index.embedding import ItemEmbedding, as_dims
from index.kernels import Dims, Floats, Rows
from index.packed_kernels import Codes, Fields, PackedRows

MOST_LEVEL_BITS = 6  # of a code: with 63 levels a weight is as good as in float32
_MOST_NARROW_DIMS = 2**12  # which leave 4 bits of uint16
MOST_BANDS = 16
LEAST_LEVEL = 2.0**-20  # the largest is 1
_SAMPLE = 2**18  # rows that levels are fitted to
_ROUNDS = 100
_FACTORS = np.array([1.0, *np.geomspace(0.75, 1.333, 12)])
_ROWS_AT_ONCE = 2**16
_ROWS_SCANNED = 2**12  # what a core's second cache holds
_PROBLEMS = {
    packed_kernels.DIM_TOO_LARGE: "names a dim that is out of range, the matrix has {n_dims}",
    packed_kernels.BEHIND_A_ZERO: "has a code behind a zero",
    packed_kernels.DIM_TWICE: "names a dim twice",
}


@dataclass(frozen=True)
class PackedEmbedding:
    """A sparse signed code of at most `k` non-zeros an item, packed (section 5 of docs/design.md).

    A non-zero is one number: its dim, and in the lowest bits (6 of them; 5 above 1,024 dims, 4 above 2,048; 6 again in
    the uint32 of more than 4,096) which of `levels` it has. A row's living codes come first, by size of weight, the
    largest first; a shorter row ends in code 0. So a place says much of a weight's size, and each of up to 16 bands of
    places has levels of its own. A weight is its level over the length of the row of levels: rows have length 1.
    """

    stored_as: ClassVar[str] = "codes.npy, levels.npy"
    codes: Codes  # (n_items, k)
    levels: NDArray[np.float32]  # (n_bands, 2**bits) 0, the negative ones ascending, the positive ones ascending
    n_dims: int

    @classmethod
    def pack(cls, embedding: ItemEmbedding) -> Self:
        """Levels fitted to the weights (Lloyd 1982, either sign by itself); of each row what is closest in angle."""
        bits = level_bits(embedding.n_dims)
        some = embedding.weights[:: -(-embedding.n_items // _SAMPLE)]
        signs = int((embedding.weights < 0).any()), int((embedding.weights > 0).any())
        levels, n_negative = fitted_levels(np.take_along_axis(some, _by_size(some), axis=1), 2**bits - 1, signs)
        sizes = np.clip(np.abs(levels) / np.abs(levels).max(), LEAST_LEVEL, 1)
        stored = (np.sign(levels) * sizes).astype(np.float32)
        return cls(_nearest(embedding, levels, n_negative), stored, embedding.n_dims)

    def pack_more(self, embedding: ItemEmbedding) -> Self:
        """Other items of the same dims and k, with the levels of these."""
        levels = self.levels.astype(np.float64) * np.median(self.rows.scales[self.coded])
        codes = _nearest(embedding, levels, (levels < 0).sum(axis=1))
        return type(self)(codes, self.levels, self.n_dims)

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
        levels = self.levels.astype(np.float64).ravel()
        offsets = np.arange(self.k) * n_bands(self.k) // self.k << self.bits
        scales = packed_kernels.row_scales(self.codes, self.bits, levels, offsets)
        return PackedRows(self.codes, self.bits, levels, offsets, scales)

    @cached_property
    def fields(self) -> Fields:
        """The same for kernels that are called from Python."""
        return tuple(self.rows)

    def to_dense(self) -> NDArray[np.float32]:
        """A as (n_items, n_dims)."""
        dims, weights = self.codes_of(np.arange(self.n_items, dtype=np.int32))
        items, places = np.nonzero(weights)
        matrix = np.zeros((self.n_items, self.n_dims), np.float32)
        matrix[items, dims[items, places]] = weights[items, places]
        return matrix

    def profile(self, rows: Rows, weights: Floats) -> Floats:
        """The profile z = x A as (n_dims,), for history `rows` with one weight each."""
        return packed_kernels.fold_in_packed(self.fields, rows, weights, self.n_dims)

    def take(self, rows: Rows) -> Self:
        """Of these items, in this order."""
        return type(self)(self.codes[rows], self.levels, self.n_dims)

    def codes_of(self, rows: Rows) -> tuple[Dims, NDArray[np.float32]]:
        """Dims, ascending, and weights (len(rows), k) of some items; weight 0 where a row is short."""
        codes = self.codes[rows]
        levels = self.rows.levels[self.rows.offsets + (codes & (2**self.bits - 1))]
        dims = codes.astype(np.int64) >> self.bits
        order = np.argsort(np.where(levels != 0, dims, self.n_dims), axis=1, kind="stable")
        weights = np.take_along_axis(levels * self.rows.scales[rows, None], order, axis=1)
        return as_dims(np.take_along_axis(dims, order, axis=1), self.n_dims), weights.astype(np.float32)

    def dominant(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The signed dim of each row's largest |weight| before packing: dims and signs (0 without a code).

        Codes lie by the size of these weights; what is left of them, levels, may tie or swap.
        """
        first = self.codes[rows, 0].astype(np.int64)
        return first >> self.bits, np.sign(self.levels[0][first % 2**self.bits]).astype(np.int64)

    def having(self, dim: int) -> tuple[Rows, NDArray[np.float32]]:
        """The rows, ascending, that have a weight on a dim, and these weights. O(n_items k)."""
        first, mask = self.codes.dtype.type((dim << self.bits) + 1), 2**self.bits - 1
        rows, weights = [], []
        for start in range(0, self.n_items, _ROWS_SCANNED):
            codes = self.codes[start : start + _ROWS_SCANNED].ravel()
            found = np.flatnonzero(codes - first < mask)  # what is less than the first wraps around
            levels = self.rows.levels[self.rows.offsets[found % self.k] + (codes[found] & mask)]
            rows.append((found // self.k + start).astype(np.int32))
            weights.append((levels * self.rows.scales[rows[-1]]).astype(np.float32))
        return np.concatenate(rows), np.concatenate(weights)

    def violation(self) -> str | None:
        """The first broken invariant in words, or None. Costs one pass over the codes."""
        if self.codes.dtype != code_type(self.n_dims) or self.codes.ndim != 2 or not self.codes.size:
            return f"codes {self.codes.dtype} {self.codes.shape} hold no items, or do not fit the dims"
        if self.levels.shape != levels_shape(self.k, self.n_dims):
            return f"levels {self.levels.shape} do not fit the codes"
        sizes = np.abs(self.levels[:, 1:])
        if self.levels[:, 0].any() or not ((sizes >= LEAST_LEVEL) & (sizes <= 1)).all():
            return f"a band's levels must be 0, and then of sizes from {LEAST_LEVEL:g} to 1"
        if (np.diff(self.levels[:, 1:]) < 0).any():
            return "the levels do not ascend"
        row, problem = packed_kernels.first_unsound(self.codes, self.bits, self.n_dims)
        return None if row < 0 else f"row {row} " + _PROBLEMS[problem].format(n_dims=self.n_dims)


def _nearest(embedding: ItemEmbedding, levels: NDArray[np.float64], n_negative: NDArray[np.int64]) -> Codes:
    """Of each row what is closest in angle."""
    bits = level_bits(embedding.n_dims)
    codes: Codes = np.empty(embedding.weights.shape, code_type(embedding.n_dims))  # type: ignore[assignment]
    for start in range(0, embedding.n_items, _ROWS_AT_ONCE):
        chunk = slice(start, start + _ROWS_AT_ONCE)
        order = _by_size(embedding.weights[chunk])
        weights = np.take_along_axis(embedding.weights[chunk], order, axis=1)
        dims = np.take_along_axis(embedding.dims[chunk].astype(np.uint32), order, axis=1)
        found = packed_kernels.nearest_levels(weights, levels, n_negative, _FACTORS)
        codes[chunk] = np.where(found != 0, dims << bits | found, 0)
    return codes


def _by_size(weights: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.argsort(-np.abs(weights), axis=1, kind="stable")


def n_bands(k: int) -> int:
    """Place j of k has the levels of band j n_bands // k."""
    return min(k, MOST_BANDS)


def levels_shape(k: int, n_dims: int) -> tuple[int, int]:
    return n_bands(k), 2 ** level_bits(n_dims)


def level_bits(n_dims: int) -> int:
    """Of a code, that are its level."""
    if n_dims > _MOST_NARROW_DIMS:
        return MOST_LEVEL_BITS
    return min(MOST_LEVEL_BITS, 16 - (n_dims - 1).bit_length())


def code_type(n_dims: int) -> type[np.uint16] | type[np.uint32]:
    return np.uint16 if n_dims <= _MOST_NARROW_DIMS else np.uint32


def fitted_levels(
    weights: NDArray[np.float32], n_levels: int, signs: tuple[int, int]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(n_bands, 1 + n_levels): 0, then levels, the negative ones first; and how many of them are negative.

    `weights` (n, k) are in order of size; `signs` is the least number of levels of either sign.
    """
    k = weights.shape[1]
    bands = np.arange(k) * n_bands(k) // k
    levels, n_negative = np.zeros((n_bands(k), 1 + n_levels)), np.zeros(n_bands(k), np.int64)
    for band in range(n_bands(k)):
        own = weights[:, bands == band]
        negative, positive = np.sort(-own[own < 0]).astype(np.float64), np.sort(own[own > 0]).astype(np.float64)
        half = n_levels // 2 + (len(negative) > len(positive))  # the odd one goes to the more frequent sign
        wanted = half if len(negative) and len(positive) else n_levels * (len(negative) > 0)
        n_negative[band] = np.clip(wanted, signs[0], n_levels - signs[1])
        levels[band, 1 : 1 + n_negative[band]] = -_lloyd(negative, n_negative[band])[::-1]
        levels[band, 1 + n_negative[band] :] = _lloyd(positive, n_levels - n_negative[band])
    return levels, n_negative


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
