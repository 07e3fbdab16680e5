"""What bench_segments measures: how much alike the items of a segment are, and how well segments are ranked."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.kernels import Rows
from index.segments import NO_SEGMENT

Matrix = Any  # scipy's csr_matrix
_BIN = 100  # items of about one popularity, among which random groups are drawn
_DRAWS, _RESAMPLES = 3, 2000


class Interval(NamedTuple):
    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


def paired(values: NDArray[np.float64], seed: int = 0) -> Interval:
    """The mean over users, with a bootstrap's 95 percent; of a difference where `values` are differences."""
    rng = np.random.default_rng(seed)
    means = [values[rng.integers(0, len(values), len(values))].mean() for _ in range(_RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(values.mean()), float(low), float(high))


def unit_rows(matrix: Matrix) -> Matrix:
    matrix = sp.csr_matrix(matrix, dtype=np.float64)
    lengths = np.sqrt(np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel())
    return sp.csr_matrix(sp.diags(1 / np.maximum(lengths, 1e-12)) @ matrix)


def alike(features: Matrix, membership: Rows) -> float:
    """The mean over items of the mean cosine with the others of their segment, of those that have a feature."""
    has = (features.getnnz(axis=1) > 0) & (membership != NO_SEGMENT)
    rows = np.flatnonzero(has)
    shape = (int(membership.max()) + 1, len(membership))
    members = sp.csr_matrix((np.ones(len(rows)), (membership[rows], rows)), shape=shape)
    sums = sp.csr_matrix(members @ features)
    others = np.bincount(membership[rows], minlength=shape[0])[membership[rows]] - 1
    own = np.asarray(features[rows].multiply(sums[membership[rows]]).sum(axis=1)).ravel() - 1
    return float((own[others > 0] / others[others > 0]).mean())


def shuffled(membership: Rows, popularity: NDArray[np.float32], seed: int) -> Rows:
    """Random groups of the same sizes, and of the same popularity: items change places with those about as popular."""
    rng = np.random.default_rng(seed)
    order = np.argsort(-popularity, kind="stable")
    found = membership.copy()
    for start in range(0, len(order), _BIN):
        part = order[start : start + _BIN]
        found[part] = membership[rng.permutation(part)]
    return found


def lift(features: Matrix, membership: Rows, popularity: NDArray[np.float32]) -> float:
    """How much more alike the items of a segment are than those of random groups."""
    by_chance = [alike(features, shuffled(membership, popularity, seed)) for seed in range(_DRAWS)]
    return alike(features, membership) / float(np.mean(by_chance))


def of_size(membership: Rows, least: int) -> Rows:
    """Without what is in a segment of fewer items."""
    sizes = np.bincount(membership[membership != NO_SEGMENT], minlength=1)
    small = (membership != NO_SEGMENT) & (sizes[np.maximum(membership, 0)] < least)
    return np.where(small, NO_SEGMENT, membership).astype(np.int32)


def k_means(rows: NDArray[np.float32], n: int, seed: int = 1, rounds: int = 40) -> Rows:
    """Spherical k-means on rows of length 1; empty clusters stay empty."""
    rng = np.random.default_rng(seed)
    centres = rows[rng.choice(len(rows), n, replace=False)]
    found = np.full(len(rows), -1)
    for _ in range(rounds):
        nearest = (rows @ centres.T).argmax(axis=1)
        if (nearest == found).all():
            break
        found = nearest
        sums = sp.csr_matrix((np.ones(len(rows), np.float32), (found, np.arange(len(rows)))), shape=(n, len(rows)))
        centres = np.asarray(sums @ rows)
        centres = centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    return np.where(np.linalg.norm(rows, axis=1) > 0, found, NO_SEGMENT).astype(np.int32)


def ndcg(order: NDArray[np.integer], gains: NDArray[np.float64], n: int = 10) -> float:
    """Of a ranking of segments by how many of a user's hidden items each holds."""
    discounts = 1 / np.log2(np.arange(2, n + 2))
    best = np.sort(gains)[::-1][:n]
    ideal = float((best * discounts[: len(best)]).sum())
    found = gains[order[:n]]
    return float((found * discounts[: len(found)]).sum()) / ideal


Ranker = Callable[[Sequence[int], NDArray[np.float64]], NDArray[np.float64]]


def held(rows: NDArray[np.integer], membership: Rows, n_segments: int) -> NDArray[np.float64]:
    """(n_segments,) how many of the items each segment holds."""
    segments = membership[rows]
    return np.bincount(segments[segments != NO_SEGMENT], minlength=n_segments).astype(np.float64)


def best_sums(scores: NDArray[np.float64], membership: Rows, n_segments: int, n: int) -> NDArray[np.float64]:
    """(n_segments,) the sum of the n best scores above 0 of each segment: what its shelf is worth."""
    order = np.argsort(-scores, kind="stable")
    order = order[(scores[order] > 0) & (membership[order] != NO_SEGMENT)]
    segments = membership[order]
    by_segment = np.argsort(segments, kind="stable")
    starts = np.searchsorted(segments[by_segment], np.arange(n_segments + 1))
    within = np.arange(len(order)) - starts[segments[by_segment]]
    chosen = by_segment[within < n]
    return np.asarray(np.bincount(segments[chosen], scores[order[chosen]], n_segments), np.float64)
