"""How much the items of a segment have in common: their codes with its mean code, and their signs with its own."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.coherence import pair_cosines
from index.kernels import Floats
from index.model import Model
from index.segments import NO_SEGMENT, Segments
from trainer.interactions import Csr


@dataclass(frozen=True)
class Coherence:
    """NaN where there is nothing to say: no item, no pair, no weight on a signed dim."""

    cosines: Floats  # (n_segments,) mean over the items of their code's cosine with the segment's mean code
    pairs: Floats  # (n_segments,) mean cosine of two of the items, which does not fall with their number
    purity: Floats  # (n_segments,) of the items' |weights| on the segment's dims, the share that has its sign
    centres: Floats  # (n_segments, n_dims) mean codes, of length 1 (or 0 without items)

    def weakest(self, n: int) -> list[int]:
        """The segments whose items are least alike, two by two."""
        known = np.flatnonzero(np.isfinite(self.pairs))
        return [int(row) for row in known[np.argsort(self.pairs[known], kind="stable")][:n]]


def coherence(model: Model) -> Coherence:
    """O(n_items k + n_segments n_dims)."""
    segments, embedding, n = model.segments, model.embedding, len(model.segments)
    rows = np.flatnonzero(segments.membership != NO_SEGMENT).astype(np.int32)
    own = segments.membership[rows].astype(np.int64)
    found = embedding.codes_of(rows)
    dims, weights = found[0].astype(np.int64).ravel(), found[1].ravel()
    of_entries = np.repeat(own, embedding.k)
    sums: Csr = sp.csr_matrix((weights, (of_entries, dims)), shape=(n, embedding.n_dims))
    centres = sums.toarray().astype(np.float64)
    lengths = np.linalg.norm(centres, axis=1)
    centres /= np.maximum(lengths, 1e-12)[:, None]
    sizes = segments.sizes.astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Coherence(
            cosines=np.bincount(of_entries, weights * centres[of_entries, dims], minlength=n) / sizes,
            pairs=pair_cosines(model),
            purity=_purity(segments, of_entries, dims, weights),
            centres=centres,
        )


def _purity(
    segments: Segments, of_entries: NDArray[np.int64], dims: NDArray[np.int64], weights: NDArray[np.float32]
) -> Floats:
    n = len(segments)
    homes = np.repeat(np.arange(n), np.diff(segments.starts)) * segments.n_dims + segments.dims  # they ascend
    wanted = of_entries * segments.n_dims + dims
    places = np.minimum(np.searchsorted(homes, wanted), max(len(homes) - 1, 0))
    held = homes[places] == wanted if len(homes) else np.zeros(len(wanted), np.bool_)
    agreeing = held.copy()
    agreeing[held] = np.sign(weights[held]) == segments.signs[places[held]]
    whole = np.bincount(of_entries[held], np.abs(weights[held]), minlength=n)
    return np.asarray(np.bincount(of_entries[agreeing], np.abs(weights[agreeing]), minlength=n) / whole)
