"""What is measured is what is served: rankings come out of index.Recommender, or of a baseline's scores."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from index.recommender import Recommender
from index.search import ItemSearch, Mask, rank
from trainer import metrics
from trainer.interactions import Csr
from trainer.metrics import Rankings
from trainer.split import Holdout

DEPTH = 100
_CHUNK_USERS = 256


class Quality(NamedTuple):
    """Values a user, so that two systems can be compared in pairs."""

    ndcg_100: NDArray[np.float64]  # (n_users,)
    recall_20: NDArray[np.float64]
    recall_50: NDArray[np.float64]

    def means(self) -> dict[str, float]:
        return {
            "ndcg@100": float(self.ndcg_100.mean()),
            "recall@20": float(self.recall_20.mean()),
            "recall@50": float(self.recall_50.mean()),
        }


def quality(rankings: Rankings, targets: Csr) -> Quality:
    """The three metrics of rankings that are DEPTH deep."""
    found = metrics.hits(rankings, targets)
    n_targets = np.diff(targets.indptr)
    return Quality(
        metrics.ndcg(found, n_targets, 100), metrics.recall(found, n_targets, 20), metrics.recall(found, n_targets, 50)
    )


def rank_served(recommender: Recommender, holdout: Holdout) -> Rankings:
    """The answers of the recommender itself, ids in and ids out."""
    vocabulary = recommender.model.vocabulary
    rankings = np.full((holdout.n_users, DEPTH), -1, np.int32)
    for user in range(holdout.n_users):
        history = [vocabulary.item_id(row) for row in _items(holdout.history, user)]
        answers = recommender.recommend(history, DEPTH).items
        rankings[user, : len(answers)] = [vocabulary.row(item.item_id) or 0 for item in answers]
    return rankings


def rank_embedding(embedding: ItemEmbedding, holdout: Holdout) -> Rankings:
    """The same search without ids, for the many evaluations of a training run."""
    search = ItemSearch(embedding)

    def scores(user: int) -> NDArray[np.float64]:
        rows = _items(holdout.history, user)
        found = search.scores(search.profile(rows, np.ones(len(rows))))
        found[search.uncoded] = -np.inf  # they come last, by popularity, where a ranking gets that far
        return found

    return _rank(scores, holdout)


def rank_scores(score: Callable[[Csr], NDArray[np.floating]], holdout: Holdout) -> Rankings:
    """Rankings of a baseline that scores a chunk of histories (users, n_items) at once."""
    rankings = np.empty((0, DEPTH), np.int32)
    for start in range(0, holdout.n_users, _CHUNK_USERS):
        part = Holdout(holdout.history[start : start + _CHUNK_USERS], holdout.targets[start : start + _CHUNK_USERS])
        scores = np.asarray(score(part.history), np.float64)
        rankings = np.vstack([rankings, _rank(scores.__getitem__, part)])
    return rankings


def _rank(scores: Callable[[int], NDArray[np.float64]], holdout: Holdout) -> Rankings:
    rankings = np.full((holdout.n_users, DEPTH), -1, np.int32)
    for user in range(holdout.n_users):
        best = rank(Mask.hiding(_items(holdout.history, user)).apply(scores(user)), DEPTH).rows
        rankings[user, : len(best)] = best
    return rankings


def _items(matrix: Csr, user: int) -> NDArray[np.int32]:
    return np.asarray(matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]], np.int32)
