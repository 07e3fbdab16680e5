"""The item matrix A as two rectangles: which dims an item uses, and with which weights."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from index import kernels
from index.kernels import Dims, Floats, Postings, Rows

UNIT_LENGTH_TOLERANCE = 1e-4
_ROWS_AT_ONCE = 256  # in float64: wide rows are many


@dataclass(frozen=True)
class ItemEmbedding:
    """A sparse signed code of at most `k` non-zeros an item (section 2 of docs/design.md).

    A row's living entries come first, their dims ascending; a shorter row ends in weight 0 at dims
    it does not use. Rows have length 1, or 0 for an item that was never trained.
    """

    stored_as: ClassVar[str] = "dims.npy, weights.npy"
    dims: Dims  # (n_items, k)
    weights: NDArray[np.float32]  # (n_items, k)
    n_dims: int

    @property
    def n_items(self) -> int:
        return int(self.dims.shape[0])

    @property
    def k(self) -> int:
        return int(self.dims.shape[1])

    @property
    def bytes_per_item(self) -> int:
        return (self.dims.itemsize + self.weights.itemsize) * self.k

    @property
    def coded(self) -> NDArray[np.bool_]:
        """(n_items,) whether an item has a code at all."""
        return np.asarray((self.weights != 0).any(axis=1))

    @classmethod
    def from_dense(cls, matrix: NDArray[np.floating], k: int) -> Self:
        """Keeps each row's `k` largest |weights| (ties by dim) of (n_items, n_dims) and gives rows length 1."""
        n_dims = matrix.shape[1]
        if not 1 <= k <= n_dims:
            raise ValueError(f"k must be between 1 and the {n_dims} dims, got {k}")
        strongest = np.argsort(-np.abs(matrix), axis=1, kind="stable")[:, :k]
        return cls.from_entries(strongest, np.take_along_axis(matrix, strongest, axis=1), n_dims)

    @classmethod
    def from_entries(cls, dims: NDArray[np.integer], weights: NDArray[np.floating], n_dims: int) -> Self:
        """Brings two rectangles (n_items, k) of distinct dims and their weights into the form above."""
        if not _in_order(dims, weights):
            order = np.lexsort((dims, weights == 0), axis=1)  # living entries first, then by dim
            dims, weights = np.take_along_axis(dims, order, axis=1), np.take_along_axis(weights, order, axis=1)
        values = np.empty(weights.shape, np.float32)
        for start in range(0, len(weights), _ROWS_AT_ONCE):
            values[start : start + _ROWS_AT_ONCE] = _unit_rows(weights[start : start + _ROWS_AT_ONCE])
        return cls(as_dims(dims, n_dims), values, n_dims)

    @classmethod
    def from_rows(
        cls, starts: NDArray[np.integer], dims: NDArray[np.integer], weights: NDArray[np.floating], n_dims: int
    ) -> Self:
        """Row `i` has the entries `starts[i]:starts[i + 1]`, of distinct dims; k is that of the fullest row.

        Raises ValueError where no row has any.
        """
        lengths = np.diff(starts)
        k = int(lengths.max(initial=0))
        if not k:
            raise ValueError("no row has a weight")
        place = np.arange(k)
        alive = place < lengths[:, None]
        taken = np.zeros_like(alive)  # of the first k dims, of which a row leaves as many free as it lacks
        low = np.flatnonzero(dims < k)
        taken[np.searchsorted(starts, low, side="right") - 1, dims[low]] = True
        free = np.argsort(taken, axis=1, kind="stable")
        rectangle = np.take_along_axis(free, np.maximum(place - lengths[:, None], 0), axis=1)
        rectangle[alive] = dims
        values = np.zeros(alive.shape, np.float64)
        values[alive] = weights
        return cls.from_entries(rectangle, values, n_dims)

    def to_dense(self) -> NDArray[np.float32]:
        """A as (n_items, n_dims)."""
        matrix = np.zeros((self.n_items, self.n_dims), np.float32)
        np.put_along_axis(matrix, self.dims.astype(np.int64), self.weights, axis=1)
        return matrix

    def profile(self, rows: Rows, weights: Floats) -> Floats:
        """The profile z = x A as (n_dims,), for history `rows` with one weight each."""
        return kernels.fold_in(self.dims, self.weights, rows, weights, self.n_dims)

    def take(self, rows: Rows) -> Self:
        """Of these items, in this order."""
        return type(self)(self.dims[rows], self.weights[rows], self.n_dims)

    def codes_of(self, rows: Rows) -> tuple[Dims, NDArray[np.float32]]:
        """Dims and weights (len(rows), k) of some items."""
        return self.dims[rows], self.weights[rows]

    def dominant(self, rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The signed dim of each row's largest |weight|, ties by dim: dims and signs (0 without a code)."""
        dims, weights = self.dims[rows], self.weights[rows]
        own = np.arange(len(dims)), np.abs(weights).argmax(axis=1)
        return dims[own].astype(np.int64), np.sign(weights[own]).astype(np.int64)

    def having(self, dim: int) -> tuple[Rows, NDArray[np.float32]]:
        """The rows, ascending, that have a weight on a dim, and these weights. O(n_items k)."""
        rows, places = np.nonzero((self.dims == dim) & (self.weights != 0))
        return rows.astype(np.int32), self.weights[rows, places]

    def invert(self) -> Postings:
        """The same non-zeros grouped by dim."""
        starts = np.arange(self.n_items + 1, dtype=np.int64) * self.k
        return kernels.invert(starts, self.dims.ravel(), self.weights.ravel(), self.n_dims)

    def violation(self) -> str | None:
        """The first broken invariant in words, or None. Costs one pass over the rectangles."""
        if self.dims.ndim != 2 or self.dims.shape != self.weights.shape:
            return f"dims {self.dims.shape} and weights {self.weights.shape} must be equal rectangles"
        if not self.dims.size:
            return "it holds no items"
        if int(self.dims.max()) >= self.n_dims:
            return f"dim {int(self.dims.max())} is out of range, the matrix has {self.n_dims}"
        if not np.isfinite(self.weights).all():
            return "a weight is not a finite number"
        alive = self.weights != 0
        if (alive[:, 1:] & ~alive[:, :-1]).any():
            return "a row has a weight behind a zero"
        dims = self.dims.astype(np.int64)
        if (np.diff(dims, axis=1)[alive[:, 1:]] <= 0).any():
            return "a row's dims do not ascend"
        if (np.diff(np.sort(dims, axis=1), axis=1) == 0).any():
            return "a row names a dim twice"
        lengths = np.linalg.norm(self.weights.astype(np.float64), axis=1)
        off = (np.abs(lengths - 1) > UNIT_LENGTH_TOLERANCE) & (lengths != 0)
        if off.any():
            return f"row {int(np.argmax(off))} has length {lengths[np.argmax(off)]:.4f}, not 1"
        return None


def _unit_rows(weights: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows of length 1, or 0 where they are 0."""
    values = weights.astype(np.float64)
    lengths = np.linalg.norm(values, axis=1, keepdims=True)
    found: NDArray[np.float64] = np.divide(values, lengths, out=np.zeros_like(values), where=lengths > 0)
    return found


def _in_order(dims: NDArray[np.integer], weights: NDArray[np.floating]) -> bool:
    """Whether nothing needs sorting, as after a training run: to sort wide rows takes longer than an epoch."""
    dead = weights == 0
    return bool((dims[:, 1:] > dims[:, :-1]).all() and (dead == dead[:, :1]).all())


def as_dims(dims: NDArray[np.integer], n_dims: int) -> Dims:
    """Dims in the narrowest type that holds them all."""
    return dims.astype(np.uint16) if dims_type(n_dims) is np.uint16 else dims.astype(np.uint32)


def dims_type(n_dims: int) -> type[np.uint16] | type[np.uint32]:
    return np.uint16 if n_dims <= 2**16 else np.uint32
