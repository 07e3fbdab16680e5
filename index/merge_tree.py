"""How segments came to be: the groups that each was made of, and in which order these merged."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from index.kernels import Dims


class Merge(NamedTuple):
    """Two nodes of a segment's tree became one, at this cosine of their descriptors."""

    first: int
    second: int
    cosine: float


@dataclass(frozen=True)
class MergeTree:
    """For each segment its groups, one a signed dim, and one merge fewer than groups.

    Nodes are counted within a segment: its `m` groups are 0 to m - 1, the result of its merge `i` is m + i, and so the
    last merge makes the segment.
    """

    starts: NDArray[np.int64]  # (n_segments + 1,) row pointers of the groups
    dims: Dims  # (n_groups,)
    signs: NDArray[np.int8]  # (n_groups,)
    nodes: NDArray[np.int32]  # (n_groups - n_segments, 2)
    cosines: NDArray[np.float32]  # (n_groups - n_segments,)

    @classmethod
    def of(cls, segments: Iterable[tuple[Sequence[tuple[int, int]], Sequence[Merge]]], kind: type[np.generic]) -> Self:
        """From the signed dims and the merges of each segment; dims are stored as `kind`."""
        groups = [list(signed_dims) for signed_dims, _ in segments]
        merges = [merge for _, some in segments for merge in some]
        flat = [signed_dim for some in groups for signed_dim in some]
        return cls(
            starts=np.cumsum([0] + [len(some) for some in groups]).astype(np.int64),
            dims=np.array([dim for dim, _ in flat], np.int64).astype(kind),
            signs=np.array([sign for _, sign in flat], np.int8),
            nodes=np.array([(merge.first, merge.second) for merge in merges], np.int32).reshape(-1, 2),
            cosines=np.array([merge.cosine for merge in merges], np.float32),
        )

    def groups(self, segment: int) -> list[tuple[int, int]]:
        """The signed dims that the segment's groups had."""
        entries = slice(self.starts[segment], self.starts[segment + 1])
        return [(int(dim), int(sign)) for dim, sign in zip(self.dims[entries], self.signs[entries], strict=True)]

    def merges(self, segment: int) -> list[Merge]:
        """In the order in which they took place."""
        entries = slice(int(self.starts[segment]) - segment, int(self.starts[segment + 1]) - segment - 1)
        return [
            Merge(int(first), int(second), float(cosine))
            for (first, second), cosine in zip(self.nodes[entries], self.cosines[entries], strict=True)
        ]

    def violation(self, n_segments: int, n_dims: int) -> str | None:
        """The first broken invariant in words, or None."""
        if len(self.starts) != n_segments + 1 or self.starts[0] != 0 or self.starts[-1] != len(self.dims):
            return "the row pointers of the groups do not lead from 0 to the last one"
        if (self.starts[1:] <= self.starts[:-1]).any():
            return "a segment was made of no group"
        if not len(self.signs) == len(self.dims) == len(self.nodes) + n_segments == len(self.cosines) + n_segments:
            return "there must be one merge fewer than a segment has groups"
        if len(self.dims) and int(self.dims.max()) >= n_dims:
            return f"dim {int(self.dims.max())} of a group is out of range, the matrix has {n_dims}"
        if not np.isin(self.signs, (-1, 1)).all():
            return "the sign of a group is neither +1 nor -1"
        if not (np.abs(self.cosines) <= 1).all():
            return "the cosine of a merge lies outside of -1 to 1"
        sizes = np.diff(self.starts)
        places = np.arange(len(self.nodes)) - np.repeat(self.starts[:-1] - np.arange(n_segments), sizes - 1)
        made = np.repeat(sizes, sizes - 1) + places  # the node that a merge makes
        if (self.nodes < 0).any() or (self.nodes >= made[:, None]).any():
            return "a merge names a node that is not there yet"
        owner = np.repeat(np.arange(n_segments), sizes - 1)
        used = np.sort((self.nodes + 2 * self.starts[owner][:, None]).ravel())
        if (used[1:] == used[:-1]).any():
            return "a node merges twice"
        return None
