"""Recall and nDCG against slow loops."""

from math import log2

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer.worlds import random_matrix
from trainer import metrics
from trainer.interactions import Csr

USERS = st.lists(
    st.tuples(
        st.lists(st.integers(0, 14), unique=True, max_size=12),
        st.sets(st.integers(0, 14), min_size=1, max_size=10),
    ),
    min_size=1,
    max_size=5,
)


def arrays(users: list[tuple[list[int], set[int]]]) -> tuple[NDArray[np.int32], Csr, NDArray[np.int64]]:
    rankings = np.full((len(users), 12), -1, np.int32)
    targets = np.zeros((len(users), 15), np.float32)
    for user, (ranking, wanted) in enumerate(users):
        rankings[user, : len(ranking)] = ranking
        targets[user, list(wanted)] = 1
    return rankings, sp.csr_matrix(targets), np.array([len(wanted) for _, wanted in users])


@given(USERS)
def test_a_hit_is_a_target_at_its_rank(users: list[tuple[list[int], set[int]]]) -> None:
    rankings, targets, _ = arrays(users)
    found = metrics.hits(rankings, targets)
    for user, (ranking, wanted) in enumerate(users):
        expected = [item in wanted for item in ranking]
        assert found[user].tolist() == expected + [False] * (12 - len(expected))


@given(USERS, st.integers(1, 20))
def test_recall_is_what_a_loop_counts(users: list[tuple[list[int], set[int]]], n: int) -> None:
    rankings, targets, n_targets = arrays(users)
    found = metrics.recall(metrics.hits(rankings, targets), n_targets, n)
    for user, (ranking, wanted) in enumerate(users):
        hits = 0
        for item in ranking[:n]:
            hits += item in wanted
        assert found[user] == pytest.approx(hits / min(n, len(wanted)))


@given(USERS, st.integers(1, 20))
def test_ndcg_is_what_a_loop_sums(users: list[tuple[list[int], set[int]]], n: int) -> None:
    rankings, targets, n_targets = arrays(users)
    found = metrics.ndcg(metrics.hits(rankings, targets), n_targets, n)
    for user, (ranking, wanted) in enumerate(users):
        gain = 0.0
        for rank, item in enumerate(ranking[:n], start=1):
            if item in wanted:
                gain += 1 / log2(rank + 1)
        perfect = 0.0
        for rank in range(1, min(n, len(wanted)) + 1):
            perfect += 1 / log2(rank + 1)
        assert found[user] == pytest.approx(gain / perfect)
        assert 0 <= found[user] <= 1 + 1e-12


def test_a_perfect_ranking_scores_one_and_an_empty_one_nothing() -> None:
    targets = sp.csr_matrix(np.array([[1, 0, 1, 0]], np.float32))
    for ranking, expected in (([2, 0, 1], 1.0), ([0, 2, -1], 1.0), ([-1, -1, -1], 0.0), ([1, 3, -1], 0.0)):
        found = metrics.hits(np.array([ranking], np.int32), targets)
        assert metrics.ndcg(found, np.array([2]), 3).tolist() == pytest.approx([expected])
        assert metrics.recall(found, np.array([2]), 3).tolist() == pytest.approx([expected])


def test_by_hand() -> None:
    targets = sp.csr_matrix(np.array([[1, 1, 1, 0, 0]], np.float32))
    found = metrics.hits(np.array([[3, 0, 4, 2]], np.int32), targets)
    assert metrics.recall(found, np.array([3]), 2).tolist() == [0.5]
    assert metrics.recall(found, np.array([3]), 4).tolist() == pytest.approx([2 / 3])
    gain, perfect = 1 / log2(3) + 1 / log2(5), 1 + 1 / log2(3) + 1 / log2(4)
    assert metrics.ndcg(found, np.array([3]), 4).tolist() == pytest.approx([gain / perfect])


@given(USERS, st.integers(1, 20))
def test_mrr_and_hit_rate_are_of_the_first_hit(users: list[tuple[list[int], set[int]]], n: int) -> None:
    rankings, targets, _ = arrays(users)
    found = metrics.hits(rankings, targets)
    for user, (ranking, wanted) in enumerate(users):
        ranks = [rank for rank, item in enumerate(ranking[:n], start=1) if item in wanted]
        assert metrics.reciprocal_rank(found, n)[user] == pytest.approx(1 / ranks[0] if ranks else 0.0)
        assert metrics.hit_rate(found, n)[user] == bool(ranks)


def shown_of(seed: int, n_users: int, n_items: int, n: int) -> NDArray[np.int32]:
    """Rankings of different lengths without repetitions."""
    rng = np.random.default_rng(seed)
    shown = np.full((n_users, n), -1, np.int32)
    for user in range(n_users):
        length = int(rng.integers(0, min(n, n_items) + 1))
        shown[user, :length] = rng.permutation(n_items)[:length]
    return shown


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(2, 12))
def test_diversity_is_one_less_the_mean_cosine_of_all_pairs(seed: int, n_users: int, n_items: int) -> None:
    train = random_matrix(seed, 9, n_items, 0.4)
    shown = shown_of(seed, n_users, n_items, 5)
    dense = train.toarray().astype(float)
    for user, found in enumerate(metrics.diversity(shown, train)):
        items = [item for item in shown[user] if item >= 0]
        values = []
        for place, one in enumerate(items):
            for other in items[place + 1 :]:
                lengths = np.linalg.norm(dense[:, one]) * np.linalg.norm(dense[:, other])
                values.append(1 - (dense[:, one] @ dense[:, other] / lengths if lengths else 0.0))
        assert found == pytest.approx(np.mean(values) if values else 0.0, abs=1e-5)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=20))
def test_gini_is_half_the_relative_mean_difference(counts: list[int]) -> None:
    differences = sum(abs(one - other) for one in counts for other in counts)
    expected = differences / (2 * len(counts) * sum(counts)) if sum(counts) else 0.0
    assert metrics.gini(np.array(counts)) == pytest.approx(expected)


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(2, 12))
def test_what_is_shown_is_counted_as_a_loop_does(seed: int, n_users: int, n_items: int) -> None:
    train = random_matrix(seed, 9, n_items, 0.4)
    shown = shown_of(seed, n_users, n_items, 5)
    found = metrics.beyond_accuracy(shown, train, 5)
    flat = [int(item) for item in shown.ravel() if item >= 0]
    share = train.toarray().sum(axis=0)
    assert found["coverage@5"] == pytest.approx(len(set(flat)) / n_items)
    assert found["gini@5"] == pytest.approx(metrics.gini(np.array([flat.count(item) for item in range(n_items)])))
    surprises = [[-log2(max(share[item], 1) / 9) for item in ranking if item >= 0] for ranking in shown]
    assert found["novelty@5"] == pytest.approx(np.mean([np.mean(values) if values else 0.0 for values in surprises]))
    popular = sorted(range(n_items), key=lambda item: (-share[item], item))[: max(1, round(n_items / 10))]
    n_popular = sum(item in popular for item in flat)
    assert found["popularity_share@5"] == pytest.approx(n_popular / len(flat) if flat else 0.0)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, shown = random_matrix(2, 30, 15), shown_of(2, 11, 15, 6)
    whole = metrics.diversity(shown, train)
    monkeypatch.setattr(metrics, "_DIVERSE_USERS", 4)
    assert metrics.diversity(shown, train) == pytest.approx(whole)
