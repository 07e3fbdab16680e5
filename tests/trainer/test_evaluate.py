"""Rankings: of the recommender, of its search without ids, and of baselines."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.model import Model
from index.recommender import Recommender
from index.segments import Segments
from index.vocabulary import Strings, Vocabulary
from tests import oracle
from tests.trainer.worlds import Shop, random_matrix
from trainer import evaluate
from trainer.evaluate import DEPTH, quality, rank_embedding, rank_scores, rank_served
from trainer.interactions import Csr
from trainer.split import Holdout


def recommender_of(embedding: ItemEmbedding, popularity: NDArray[np.float32] | None = None) -> Recommender:
    n_items = embedding.n_items
    segments = Segments(
        np.zeros(1, np.int64),
        np.empty(0, np.uint16),
        np.empty(0, np.int8),
        np.full(n_items, -1, np.int32),
        [],
        [],
        embedding.n_dims,
    )
    popularity = np.linspace(1, 0, n_items, dtype=np.float32) if popularity is None else popularity
    vocabulary = Vocabulary.of(f"i{row * 7 % n_items}" for row in range(n_items))
    return Recommender(
        Model(embedding, popularity, vocabulary, Catalog(Strings.pack([""] * n_items)), segments), "test"
    )


def holdout_of(n_users: int, n_items: int, seed: int = 0) -> Holdout:
    dense = random_matrix(seed, n_users, n_items, 0.2).toarray()
    hidden = np.random.default_rng(seed).random(dense.shape) < 0.3
    hidden[:, 0] |= True
    dense[:, 0] = 1
    dense[:, 1] = 1
    hidden[:, 1] &= False
    shown, targets = np.where(hidden, 0, dense), np.where(hidden, dense, 0)
    known = np.ones(n_items, np.bool_)
    return Holdout(sp.csr_matrix(shown), sp.csr_matrix(targets), np.arange(n_users), known)


def test_what_is_measured_is_what_is_served(shop: Shop, embedding: ItemEmbedding) -> None:
    served = rank_served(recommender_of(embedding), shop.test)
    assert np.array_equal(served, rank_embedding(embedding, shop.test))
    assert served.shape == (shop.test.n_users, DEPTH)


def test_rankings_are_those_of_dense_products(shop: Shop, embedding: ItemEmbedding) -> None:
    A = embedding.to_dense().astype(np.float64)
    history = shop.test.history.toarray()
    for user, ranking in enumerate(rank_embedding(embedding, shop.test)):
        shown = np.flatnonzero(history[user]).tolist()
        scores = oracle.scores(A, shown, [1.0] * len(shown))
        expected = oracle.ranking(scores, DEPTH, (history[user] == 0).tolist())
        assert oracle.same_order(ranking.tolist(), scores, expected, 1e-6)


def test_a_small_shop_has_rankings_that_end() -> None:
    embedding = ItemEmbedding.from_dense(np.random.default_rng(0).normal(size=(30, 8)), 3)
    holdout = holdout_of(5, 30)
    for rankings in (rank_served(recommender_of(embedding), holdout), rank_embedding(embedding, holdout)):
        for user, ranking in enumerate(rankings.tolist()):
            shown = np.flatnonzero(holdout.history.toarray()[user]).tolist()
            assert sorted(ranking[: 30 - len(shown)] + shown) == list(range(30))
            assert set(ranking[30 - len(shown) :]) == {-1}


def test_items_without_a_code_come_last_as_they_are_served() -> None:
    dense = np.random.default_rng(0).normal(size=(30, 8))
    dense[[4, 9, 25]] = 0
    embedding, holdout = ItemEmbedding.from_dense(dense, 3), holdout_of(5, 30)
    served, ranked = rank_served(recommender_of(embedding), holdout), rank_embedding(embedding, holdout)
    for user, history in enumerate(holdout.history.toarray()):
        n_coded = sum(history[row] == 0 for row in range(30) if row not in (4, 9, 25))
        assert served[user, :n_coded].tolist() == ranked[user, :n_coded].tolist()
        last = [row for row in (4, 9, 25) if history[row] == 0]
        assert served[user, n_coded : n_coded + len(last)].tolist() == last


def test_baselines_are_ranked_chunk_by_chunk_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "_CHUNK_USERS", 4)
    holdout = holdout_of(11, 25)
    weights = np.random.default_rng(1).normal(size=(25, 25))
    sizes: list[int] = []

    def score(histories: Csr) -> NDArray[np.float64]:
        sizes.append(histories.shape[0])
        return np.asarray(histories @ weights)

    found = rank_scores(score, holdout)
    assert sizes == [4, 4, 3]
    history = holdout.history.toarray()
    for user in range(11):
        expected = oracle.ranking(history[user] @ weights, DEPTH, (history[user] == 0).tolist())
        assert found[user].tolist() == expected + [-1] * (DEPTH - len(expected))


def test_what_a_user_has_is_never_ranked_however_low_the_rest() -> None:
    holdout = holdout_of(6, 20)
    found = rank_scores(lambda histories: -1e9 * (1 - histories.toarray()) - 1.0, holdout)
    for user, ranking in enumerate(found.tolist()):
        assert not set(ranking) & set(np.flatnonzero(holdout.history.toarray()[user]).tolist())


def test_quality_is_a_value_a_user_and_its_means() -> None:
    holdout = holdout_of(7, 40)
    rankings = rank_scores(lambda histories: np.tile(np.arange(40.0), (histories.shape[0], 1)), holdout)
    found = quality(rankings, holdout.targets)
    wanted = [set(np.flatnonzero(row).tolist()) for row in holdout.targets.toarray()]
    for values, n in ((found.recall_20, 20), (found.recall_50, 50)):
        expected = [
            len(targets & set(ranking[:n])) / min(n, len(targets))
            for targets, ranking in zip(wanted, rankings.tolist(), strict=True)
        ]
        assert values.tolist() == pytest.approx(expected)
    assert found.means() == pytest.approx(
        {
            "ndcg@100": float(np.mean(found.ndcg_100)),
            "recall@20": float(np.mean(found.recall_20)),
            "recall@50": float(np.mean(found.recall_50)),
            "mrr@100": float(np.mean(found.mrr_100)),
            "hit_rate@20": float(np.mean(found.hit_rate_20)),
        }
    )


def test_a_user_with_an_empty_history_is_measured_by_popularity() -> None:
    embedding = ItemEmbedding.from_dense(np.random.default_rng(0).normal(size=(30, 8)), 3)
    nothing = replace(holdout_of(3, 30), history=sp.csr_matrix(np.zeros((3, 30), np.float32)))
    popularity = np.asarray(np.random.default_rng(1).permutation(30) / 30, np.float32)
    served = rank_served(recommender_of(embedding, popularity), nothing)
    assert served[0, :30].tolist() == np.argsort(-popularity).tolist()
