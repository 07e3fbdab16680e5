"""Recall and nDCG of rankings, binary relevance, a value a user."""

import numpy as np
from numpy.typing import NDArray

from trainer.interactions import Csr

Rankings = NDArray[np.int32]  # (n_users, n) rows best first, -1 where a ranking has ended


def hits(rankings: Rankings, targets: Csr) -> NDArray[np.bool_]:
    """(n_users, n) whether the item at a rank is a target of the user."""
    found = np.zeros(rankings.shape, np.bool_)
    for user, ranking in enumerate(rankings):
        found[user] = np.isin(ranking, targets.indices[targets.indptr[user] : targets.indptr[user + 1]])
    return found


def recall(found: NDArray[np.bool_], n_targets: NDArray[np.integer], n: int) -> NDArray[np.float64]:
    """Hits among the first n, divided by min(n, number of targets)."""
    return np.asarray(found[:, :n].sum(axis=1) / np.minimum(n, n_targets))


def ndcg(found: NDArray[np.bool_], n_targets: NDArray[np.integer], n: int) -> NDArray[np.float64]:
    """Sum over hits of 1 / log2(rank + 1), divided by the same sum of a perfect ranking."""
    discounts = 1 / np.log2(np.arange(2, n + 2))
    perfect = np.cumsum(discounts)[np.minimum(n, n_targets) - 1]
    return np.asarray((found[:, :n] * discounts[: found.shape[1]]).sum(axis=1) / perfect)
