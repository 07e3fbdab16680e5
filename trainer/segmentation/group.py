"""Raw groups: item i belongs to the signed dim f(i) = (argmax_j |A_ij|, sign), as in the paper."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.model import Embedding

SignedDim = tuple[int, int]


@dataclass(frozen=True)
class Group:
    """Items and how many of them belong to each signed dim."""

    rows: NDArray[np.int64]  # ascending
    counts: dict[SignedDim, int]

    @property
    def only(self) -> SignedDim:
        """The signed dim of a group that was never merged."""
        (signed_dim,) = self.counts
        return signed_dim

    def merged(self, other: "Group") -> "Group":
        counts = dict(self.counts)
        for signed_dim, count in other.counts.items():
            counts[signed_dim] = counts.get(signed_dim, 0) + count
        return Group(np.sort(np.concatenate([self.rows, other.rows])), counts)

    def signed_dims(self) -> list[SignedDim]:
        """The row of B: of two polarities of a dim the one with more items stays; where they tie the dim is dropped."""
        return sorted(
            (dim, sign) for (dim, sign), count in self.counts.items() if count > self.counts.get((dim, -sign), 0)
        )


def by_dominant_dim(embedding: Embedding) -> list[Group]:
    """One group a signed dim that some item has as its strongest (ties by dim); items without a code are in none."""
    dims, signs = embedding.dominant(np.arange(embedding.n_items, dtype=np.int32))
    rows = np.flatnonzero(embedding.coded)
    order = rows[np.lexsort((rows, signs[rows], dims[rows]))]
    changes = np.flatnonzero(np.diff(dims[order] * 2 + (signs[order] > 0))) + 1
    return [
        Group(part, {(int(dims[part[0]]), int(signs[part[0]])): len(part)})
        for part in np.split(order, changes)
        if len(part)
    ]
