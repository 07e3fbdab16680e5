"""What is measured is what is served: rankings come out of index.Recommender, or of a system's scores."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.model import Embedding
from index.recommender import Recommender
from index.search import search_of
from trainer import metrics
from trainer.interactions import Csr
from trainer.metrics import Rankings
from trainer.split import Holdout

DEPTH = 100
_CHUNK_USERS = 256
_DENSE = (
    4  # a row with more than a fourth of its dims is multiplied as a dense one: faster, but its bits are a library's
)

Scores = Callable[[Csr], NDArray[np.floating]]  # histories (users, n_items) -> scores (users, n_items)


class Quality(NamedTuple):
    """Values a user, so that two systems can be compared in pairs."""

    ndcg_100: NDArray[np.float64]  # (n_users,)
    recall_20: NDArray[np.float64]
    recall_50: NDArray[np.float64]
    mrr_100: NDArray[np.float64]
    hit_rate_20: NDArray[np.float64]

    def named(self) -> dict[str, NDArray[np.float64]]:
        return {
            "ndcg@100": self.ndcg_100,
            "recall@20": self.recall_20,
            "recall@50": self.recall_50,
            "mrr@100": self.mrr_100,
            "hit_rate@20": self.hit_rate_20,
        }

    def means(self) -> dict[str, float]:
        return {name: float(values.mean()) for name, values in self.named().items()}


def quality(rankings: Rankings, targets: Csr) -> Quality:
    """The metrics of accuracy, of rankings that are DEPTH deep."""
    found = metrics.hits(rankings, targets)
    n_targets = np.diff(targets.indptr)
    return Quality(
        metrics.ndcg(found, n_targets, 100),
        metrics.recall(found, n_targets, 20),
        metrics.recall(found, n_targets, 50),
        metrics.reciprocal_rank(found, 100),
        metrics.hit_rate(found, 20),
    )


def rank_served(recommender: Recommender, holdout: Holdout) -> Rankings:
    """The answers of the recommender itself, ids in."""
    vocabulary = recommender.model.vocabulary
    rankings = np.full((holdout.n_users, DEPTH), -1, np.int32)
    histories = [[vocabulary.item_id(row) for row in holdout.shown(user)] for user in range(holdout.n_users)]
    for user, ranked in enumerate(recommender.rank_items(histories, DEPTH)):
        rankings[user, : len(ranked.sources)] = ranked.ranking.rows
    return rankings


def rank_embedding(embedding: Embedding, holdout: Holdout) -> Rankings:
    """The same search without ids, for the many evaluations of a training run."""
    return rank_scores(embedding_scores(embedding), holdout)


def embedding_scores(embedding: Embedding) -> Scores:
    """Scores x A Aᵀ; an item without a code is never ranked (it is served last, by popularity)."""
    uncoded = np.flatnonzero(~embedding.coded)
    product = _dense_product if _DENSE * embedding.k > embedding.n_dims else _sparse_product
    multiply = product(embedding)

    def scores(histories: Csr) -> NDArray[np.floating]:
        found = multiply(histories)
        found[:, uncoded] = -np.inf
        return found

    return scores


def _dense_product(embedding: Embedding) -> Scores:
    A = embedding.to_dense()
    return lambda histories: (histories @ A) @ A.T


def _sparse_product(embedding: Embedding) -> Scores:
    search = search_of(embedding)

    def scores(histories: Csr) -> NDArray[np.floating]:
        found = np.empty(histories.shape)
        for user in range(histories.shape[0]):
            rows = np.asarray(histories.indices[histories.indptr[user] : histories.indptr[user + 1]], np.int32)
            found[user] = search.scores(embedding.profile(rows, np.ones(len(rows))))
        return found

    return scores


def rank_scores(score: Scores, holdout: Holdout) -> Rankings:
    """Rankings by the scores of a chunk of histories at once: never all users' scores side by side."""
    rankings = np.full((holdout.n_users, DEPTH), -1, np.int32)
    for start in range(0, holdout.n_users, _CHUNK_USERS):
        scores = np.asarray(score(holdout.history[start : start + _CHUNK_USERS]), np.float64)
        for user, row in enumerate(scores, start):
            best = holdout.ranking(user, row, DEPTH)
            rankings[user, : len(best)] = best
    return rankings
