"""Recall and nDCG against slow loops."""

from math import log2

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

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
