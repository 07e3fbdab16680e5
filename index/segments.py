"""Segments: labelled sets of items whose signed dims are the rows of B, in the items' own latent space."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index import kernels
from index.kernels import Dims, Floats, Postings, Rows
from index.merge_tree import MergeTree

NO_SEGMENT = -1


class Guests(NamedTuple):
    """Soft membership, for shelves only: items of other segments that are as typical of this one as its own.

    Segment `c` has the rows `rows[starts[c]:starts[c + 1]]`, ascending.
    """

    starts: NDArray[np.int64]  # (n_segments + 1,)
    rows: Rows

    def violation(self, membership: Rows, n_segments: int) -> str | None:
        """The first broken invariant in words, or None."""
        starts, rows = self.starts, self.rows
        if (
            len(starts) != n_segments + 1
            or starts[0] != 0
            or starts[-1] != len(rows)
            or (starts[1:] < starts[:-1]).any()
        ):
            return "the row pointers of the guests do not lead from 0 to the last one"
        if not len(rows):
            return None
        if int(rows.min()) < 0 or int(rows.max()) >= len(membership):
            return "a guest is no item"
        segments = np.repeat(np.arange(n_segments), np.diff(starts))
        places = segments * len(membership) + rows
        if (places[1:] <= places[:-1]).any():
            return "the guests of a segment do not ascend"
        if (membership[rows] == segments).any():
            return "a segment's own item is its guest"
        return None


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
    guests: Guests | None = None
    tree: MergeTree | None = None
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

    @cached_property
    def n_guests(self) -> NDArray[np.int64]:
        """(n_segments,) how many guests each has; none where the artifact is older than guests."""
        return np.zeros(len(self), np.int64) if self.guests is None else np.diff(self.guests.starts)

    def members(self, row: int) -> Rows:
        """The rows of the items of segment `row`, ascending."""
        starts, order = self._by_segment
        return order[starts[row] : starts[row + 1]]

    @cached_property
    def _on_shelves(self) -> tuple[NDArray[np.int64], Rows]:
        """Members and guests of every segment, as `_by_segment`."""
        starts, order = self._by_segment
        if self.guests is None or not len(self.guests.rows):
            return starts, order
        own, guests = np.diff(starts), np.diff(self.guests.starts)
        segments = np.concatenate([np.repeat(np.arange(len(self)), own), np.repeat(np.arange(len(self)), guests)])
        rows = np.concatenate([order[starts[0] : starts[-1]], self.guests.rows])
        both = np.lexsort((rows, segments))
        return np.cumsum(np.concatenate([[0], own + guests])), rows[both]

    def shelf_items(self, row: int) -> Rows:
        """The rows of the items that a shelf of segment `row` may show: its members and guests, ascending."""
        starts, order = self._on_shelves
        return order[starts[row] : starts[row + 1]]

    @property
    def shelf_sizes(self) -> NDArray[np.int64]:
        """(n_segments,) how many items each one's shelf may show."""
        return np.diff(self._on_shelves[0])

    def closeness(self, row: int) -> Floats:
        """(n_segments,) what share of the smaller one's items are the other's guests; 1 for the segment itself."""
        firsts, seconds, shares = self._close_pairs
        entries = slice(*np.searchsorted(firsts, [row, row + 1]))
        found = np.zeros(len(self))
        found[seconds[entries]] = shares[entries]
        found[row] = 1.0
        return found

    @cached_property
    def _close_pairs(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Two segments, and how close they are, in the order of the first."""
        n = len(self)
        if self.guests is None or not len(self.guests.rows):
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0)
        hosts = np.repeat(np.arange(n), np.diff(self.guests.starts))
        homes = self.membership[self.guests.rows].astype(np.int64)
        hosts, homes = hosts[homes >= 0], homes[homes >= 0]
        pairs, counts = np.unique(np.concatenate([hosts * n + homes, homes * n + hosts]), return_counts=True)
        firsts, seconds = pairs // n, pairs % n
        smaller = np.minimum(self.sizes[firsts], self.sizes[seconds])
        return firsts, seconds, np.minimum(counts / np.maximum(smaller, 1), 1.0)

    @cached_property
    def shelves_of(self) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The segments whose shelves may show item `i`: entries `starts[i]:starts[i + 1]`, ascending."""
        starts, order = self._on_shelves
        segments = np.repeat(np.arange(len(self), dtype=np.int32), np.diff(starts))
        items = order[starts[0] : starts[-1]]
        by_item = np.argsort(items, kind="stable")
        counts = np.bincount(items, minlength=len(self.membership))
        return np.concatenate([[0], np.cumsum(counts)]), segments[by_item]

    def showing(self, item: int) -> list[int]:
        """The segments whose shelves may show the item of this row, ascending."""
        starts, segments = self.shelves_of
        return [int(row) for row in segments[starts[item] : starts[item + 1]]]

    def take(self, rows: Rows) -> "Segments":
        """The same with the items in another order: item `i` is what `rows[i]` was."""
        guests = self.guests
        if guests is not None:
            place = np.empty(len(rows), np.int32)
            place[rows] = np.arange(len(rows), dtype=np.int32)
            segments = np.repeat(np.arange(len(self)), np.diff(guests.starts))
            moved = place[guests.rows]
            guests = Guests(guests.starts, moved[np.lexsort((moved, segments))])
        return replace(self, membership=self.membership[rows], guests=guests)

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
        if self.guests is not None and (problem := self.guests.violation(self.membership, len(self))):
            return problem
        return self.tree.violation(len(self), self.n_dims) if self.tree is not None else None
