"""What rankings are worth: accuracy a user, and what all users together are shown. Relevance is binary.

Every function takes all rankings at once and works through them in chunks: nothing is ever users x items.
"""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from trainer.interactions import Csr

Rankings = NDArray[np.int32]  # (n_users, n) rows best first, -1 where a ranking has ended
PerUser = NDArray[np.float64]  # (n_users,)
POPULAR = 0.1  # of the items: the most popular ones, which popularity_share counts
DIVERSITY_LISTS = 1_000  # that diversity is taken over, evenly chosen: all would take users x users
_HIT_USERS, _DIVERSE_USERS = 4096, 32  # looked at at a time


def hits(rankings: Rankings, targets: Csr) -> NDArray[np.bool_]:
    """(n_users, n) whether the item at a rank is a target of the user."""
    n_users, n_items = targets.shape
    found = np.zeros(rankings.shape, np.bool_)
    for start in range(0, n_users, _HIT_USERS):
        chunk, shown = targets[start : start + _HIT_USERS], rankings[start : start + _HIT_USERS]
        users = np.arange(len(shown), dtype=np.int64)
        wanted = np.repeat(users, np.diff(chunk.indptr)) * n_items + chunk.indices
        answered = users[:, None] * n_items + shown
        found[start : start + _HIT_USERS] = np.isin(answered, wanted) & (shown >= 0)
    return found


# ------------------------------------------------------------ accuracy


def recall(found: NDArray[np.bool_], n_targets: NDArray[np.integer], n: int) -> PerUser:
    """Hits among the first n, divided by min(n, number of targets)."""
    return np.asarray(found[:, :n].sum(axis=1) / np.minimum(n, n_targets))


def ndcg(found: NDArray[np.bool_], n_targets: NDArray[np.integer], n: int) -> PerUser:
    """Sum over hits of 1 / log2(rank + 1), divided by the same sum of a perfect ranking."""
    discounts = 1 / np.log2(np.arange(2, n + 2))
    perfect = np.cumsum(discounts)[np.minimum(n, n_targets) - 1]
    return np.asarray((found[:, :n] * discounts[: found.shape[1]]).sum(axis=1) / perfect)


def reciprocal_rank(found: NDArray[np.bool_], n: int) -> PerUser:
    """1 / rank of the first hit, 0 where the first n have none. Its mean is MRR."""
    first = found[:, :n].argmax(axis=1)
    return np.asarray(found[:, :n].any(axis=1) / (first + 1))


def hit_rate(found: NDArray[np.bool_], n: int) -> PerUser:
    """1 where the first n have a hit."""
    return np.asarray(found[:, :n].any(axis=1), np.float64)


# ------------------------------------------------------------ beyond accuracy


def beyond_accuracy(rankings: Rankings, train: Csr, n: int = 20) -> dict[str, float]:
    """What the first `n` are made of, by name; train (n_train_users, n_items) says what is popular and alike."""
    shown = rankings[:, :n]
    counts = np.bincount(shown[shown >= 0], minlength=train.shape[1])
    popularity = train.getnnz(axis=0)
    return {
        f"coverage@{n}": float((counts > 0).mean()),
        f"gini@{n}": gini(counts),
        f"novelty@{n}": float(novelty(shown, popularity, train.shape[0]).mean()),
        f"diversity@{n}": float(diversity(_evenly(shown, DIVERSITY_LISTS), train).mean()),
        f"popularity_share@{n}": popularity_share(counts, popularity),
    }


def gini(counts: NDArray[np.integer]) -> float:
    """Of how often each item is shown (n_items,): 0 where all are equally often, towards 1 where few are."""
    n_items, total = len(counts), counts.sum()
    if not total:
        return 0.0
    weights = 2 * np.arange(1, n_items + 1) - n_items - 1
    return float((weights * np.sort(counts)).sum() / (n_items * total))


def novelty(shown: Rankings, popularity: NDArray[np.integer], n_train_users: int) -> PerUser:
    """Mean surprise -log2 p of the items shown; p is the share of training users who have one, at least one of them.

    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems" (PNAS 2010).
    """
    surprise = np.append(-np.log2(np.maximum(popularity, 1) / max(n_train_users, 1)), 0.0)  # the last for -1
    return np.asarray(surprise[shown].sum(axis=1) / _lengths(shown))


def diversity(shown: Rankings, train: Csr) -> PerUser:
    """Intra-list diversity: 1 less the mean cosine of two items of a list, items as vectors of who has them.

    Of unit vectors c the mean over pairs is (|sum c|² - n) / (n (n - 1)), so that no pair is looked at. A list of
    one is 0. Smyth and McClave, "Similarity vs. Diversity" (ICCBR 2001).
    """
    sizes = train.getnnz(axis=0)
    scaled = train.multiply(1 / np.sqrt(np.maximum(sizes, 1), dtype=np.float32))
    items = sp.csr_matrix(scaled.T)  # (n_items, n_train_users), rows of length 1 or 0
    found = np.zeros(len(shown))
    for start in range(0, len(shown), _DIVERSE_USERS):
        chunk = shown[start : start + _DIVERSE_USERS]
        there = chunk >= 0
        owners = np.repeat(np.arange(len(chunk)), there.sum(axis=1))
        lists = sp.csr_array((np.ones(len(owners), np.float32), (owners, chunk[there])), (len(chunk), len(sizes)))
        sums = lists @ items
        alone = lists @ (sizes > 0).astype(np.float64)  # an item with itself: 1, or 0 where nobody has it
        lengths = _lengths(chunk)
        pairs = np.asarray(sums.multiply(sums).sum(axis=1)).ravel() - alone
        alike = pairs / np.maximum(lengths * (lengths - 1), 1)
        found[start : start + len(chunk)] = np.where(lengths > 1, 1 - alike, 0.0)
    return found


def popularity_share(counts: NDArray[np.integer], popularity: NDArray[np.integer]) -> float:
    """The share of what is shown that is one of the tenth of the items which most users have, ties by row."""
    most = np.argsort(-popularity, kind="stable")[: max(1, round(len(popularity) * POPULAR))]
    return float(counts[most].sum() / max(counts.sum(), 1))


def _evenly(shown: Rankings, most: int) -> Rankings:
    """At most `most` of the rankings, at equal distances."""
    return shown[np.linspace(0, len(shown) - 1, min(most, len(shown)), dtype=np.int64)]


def _lengths(shown: Rankings) -> NDArray[np.int64]:
    """(n_users,) of the rankings; 1 for an empty one, so that it can divide."""
    return np.asarray(np.maximum((shown >= 0).sum(axis=1), 1))
