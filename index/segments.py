"""Segments: labelled sets of items whose signed dims are the rows of B, in the items' own latent space."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from index import kernels
from index.kernels import Dims, Floats, Postings, Rows

NO_SEGMENT = -1


@dataclass(frozen=True)
class Segments:
    """`n_segments` rows of B with their labels and hard membership.

    Row `c` of B has `signs / sqrt(length)` at its signed dims, so rows have length 1; no row is empty
    and no dim comes twice in one, whichever its sign.
    """

    starts: NDArray[np.int64]  # (n_segments + 1,) row pointers of B
    dims: Dims  # (n_signed_dims,) ascending within a row
    signs: NDArray[np.int8]  # (n_signed_dims,) +1 or -1
    membership: Rows  # (n_items,) the segment of an item, or NO_SEGMENT
    ids: Sequence[str]  # (n_segments,) the names on the wire
    labels: Sequence[str]  # (n_segments,)
    n_dims: int
    _row_of: dict[str, int] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._row_of.update({segment_id: row for row, segment_id in enumerate(self.ids)})

    def __len__(self) -> int:
        return len(self.starts) - 1

    def row(self, segment_id: str) -> int | None:
        return self._row_of.get(segment_id)

    @cached_property
    def weights(self) -> NDArray[np.float32]:
        """The values of B's non-zeros, (n_signed_dims,)."""
        lengths = np.sqrt(np.diff(self.starts))
        return np.asarray(self.signs / np.repeat(lengths, np.diff(self.starts)), np.float32)

    @cached_property
    def postings(self) -> Postings:
        return kernels.invert(self.starts, self.dims, self.weights, self.n_dims)

    @cached_property
    def _by_segment(self) -> tuple[NDArray[np.int64], Rows]:
        order = np.argsort(self.membership, kind="stable").astype(np.int32)
        return np.searchsorted(self.membership[order], np.arange(len(self) + 1)).astype(np.int64), order

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """(n_segments,) how many items belong to each."""
        return np.diff(self._by_segment[0])

    def members(self, row: int) -> Rows:
        """The rows of the items of segment `row`, ascending."""
        starts, order = self._by_segment
        return order[starts[row] : starts[row + 1]]

    def entries(self, row: int) -> slice:
        """Where in `dims`, `signs` and `weights` the row of B lies."""
        return slice(int(self.starts[row]), int(self.starts[row + 1]))

    def signed_dims(self, row: int) -> list[tuple[int, int]]:
        entries = self.entries(row)
        return [(int(dim), int(sign)) for dim, sign in zip(self.dims[entries], self.signs[entries], strict=True)]

    def having(self, dim: int, sign: int) -> list[int]:
        """The rows of B that have a signed dim."""
        entries = slice(self.postings.starts[dim], self.postings.starts[dim + 1])
        rows = self.postings.rows[entries][self.postings.weights[entries] * sign > 0]
        return [int(row) for row in rows]

    def scores(self, profile: Floats) -> Floats:
        """r_seg = z Bᵀ as (n_segments,), through the posting lists and kernel that score items."""
        return kernels.accumulate(self.postings, profile, len(self))

    def violation(self, n_items: int) -> str | None:
        """The first broken invariant in words, or None."""
        ascending = (self.starts[1:] > self.starts[:-1]).all()  # differences of hostile numbers would wrap around
        if len(self.starts) < 1 or self.starts[0] != 0 or self.starts[-1] != len(self.dims) or not ascending:
            return "the row pointers of B do not lead from 0 to its last entry by at least one each"
        if len(self.dims) != len(self.signs):
            return f"{len(self.dims)} dims and {len(self.signs)} signs"
        if len(self.dims) and int(self.dims.max()) >= self.n_dims:
            return f"dim {int(self.dims.max())} is out of range, the matrix has {self.n_dims}"
        if not np.isin(self.signs, (-1, 1)).all():
            return "a sign is neither +1 nor -1"
        within = np.ones(max(len(self.dims) - 1, 0), np.bool_)
        within[self.starts[1:-1] - 1] = False
        if (np.diff(self.dims.astype(np.int64))[within] <= 0).any():
            return "the dims of a row of B do not ascend"
        if len(self.membership) != n_items:
            return f"membership names {len(self.membership)} items of {n_items}"
        if n_items and not NO_SEGMENT <= int(self.membership.min()) <= int(self.membership.max()) < len(self):
            return "membership names a segment that does not exist"
        if not len(self.ids) == len(self.labels) == len(self):
            return f"{len(self.ids)} ids and {len(self.labels)} labels for {len(self)} segments"
        if len(self._row_of) != len(self):
            return "two segments have one id"
        if "" in self._row_of:
            return "a segment's id is empty"
        return None
