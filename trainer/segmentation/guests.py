"""Soft membership: which items a segment's shelf may show though they belong to another segment.

An item is a guest where its code is as close to the segment's mean code as a quarter of the segment's own items are at
most, and of no more than two segments, its closest. docs/segments.md has what that was measured to be worth.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from index.kernels import Floats, Rows
from index.segments import NO_SEGMENT, Guests
from trainer.interactions import Csr

TYPICAL = 0.25  # quantile of the members' cosines with their segment's mean code
MOST_SEGMENTS = 2  # that an item is a guest of
_CELLS = 2**24  # items times segments looked at together


def guests(embedding: ItemEmbedding, membership: Rows, n_segments: int, attention: Floats) -> Guests:
    """`attention` is how much each item counts in a mean code. O(n_items k n_segments) time."""
    codes = sp.csr_matrix(
        (embedding.weights.ravel(), embedding.dims.ravel().astype(np.int64), _starts(embedding)),
        shape=(embedding.n_items, embedding.n_dims),
    )
    belonging = np.flatnonzero(membership != NO_SEGMENT)
    own = membership[belonging]
    centres = _centres(codes, belonging, own, n_segments, attention)
    needed = _thresholds(codes, belonging, own, centres)
    found: list[tuple[Rows, Rows]] = []
    step = max(1, _CELLS // max(n_segments, 1))
    for start in range(0, len(belonging), step):
        rows = belonging[start : start + step]
        cosines = np.asarray(codes[rows] @ centres.T)
        cosines[cosines < needed] = -1.0
        cosines[np.arange(len(rows)), own[start : start + step]] = -1.0
        for _ in range(min(MOST_SEGMENTS, n_segments)):
            best = cosines.argmax(axis=1)
            chosen = np.flatnonzero(cosines[np.arange(len(rows)), best] > 0)
            found.append((best[chosen].astype(np.int32), rows[chosen].astype(np.int32)))
            cosines[np.arange(len(rows)), best] = -1.0
    segments = np.concatenate([np.empty(0, np.int32), *(one for one, _ in found)])
    hosted: Rows = np.concatenate([np.empty(0, np.int32), *(one for _, one in found)])
    order = np.lexsort((hosted, segments))
    return Guests(np.searchsorted(segments[order], np.arange(n_segments + 1)).astype(np.int64), hosted[order])


def _starts(embedding: ItemEmbedding) -> NDArray[np.int64]:
    return np.arange(embedding.n_items + 1, dtype=np.int64) * embedding.k


def _centres(
    codes: Csr, belonging: NDArray[np.int64], own: Rows, n_segments: int, attention: Floats
) -> NDArray[np.float32]:
    """(n_segments, n_dims) mean codes, of length 1."""
    members = sp.csr_matrix((attention[belonging], (own, belonging)), shape=(n_segments, codes.shape[0]))
    centres = (members @ codes).toarray().astype(np.float32)
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return np.asarray(centres)


def _thresholds(
    codes: Csr, belonging: NDArray[np.int64], own: Rows, centres: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(n_segments,) the cosine that a guest needs."""
    cosines = np.empty(len(belonging), np.float32)
    order = np.argsort(own, kind="stable")
    bounds = np.searchsorted(own[order], np.arange(len(centres) + 1))
    needed = np.ones(len(centres), np.float32)
    for segment, centre in enumerate(centres):
        places = order[bounds[segment] : bounds[segment + 1]]
        cosines[places] = codes[belonging[places]] @ centre
        needed[segment] = max(float(np.quantile(cosines[places], TYPICAL)), 1e-6) if len(places) else 1.0
    return needed
