"""Baselines against their textbook formulas."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer.worlds import interactions_of, random_matrix
from trainer.baselines import ease, popular, pruned_ease
from trainer.errors import ConfigurationError
from trainer.split import split


def ease_by_ridge(X: NDArray[np.float64], regularisation: float) -> NDArray[np.float64]:
    """Every item regressed on all others with a ridge: column j of B."""
    n_items = X.shape[1]
    B = np.zeros((n_items, n_items))
    for item in range(n_items):
        others = [other for other in range(n_items) if other != item]
        left = X[:, others].T @ X[:, others] + regularisation * np.eye(len(others))
        B[others, item] = np.linalg.solve(left, X[:, others].T @ X[:, item])
    return B


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(2, 15), st.floats(0.5, 500))
def test_ease_is_a_ridge_regression_of_each_item_on_the_others(
    seed: int, n_users: int, n_items: int, regularisation: float
) -> None:
    train = random_matrix(seed, n_users, n_items)
    expected = ease_by_ridge(train.toarray().astype(np.float64), regularisation)
    found = ease.fit(train, regularisation)
    np.testing.assert_allclose(found, expected, atol=1e-8)
    assert not np.diag(found).any()


def test_ease_scores_are_the_history_times_its_weights() -> None:
    train = random_matrix(1, 30, 10)
    weights = ease.fit(train, 10.0)
    np.testing.assert_allclose(ease.scores(weights, train), train.toarray() @ weights, atol=1e-6)


@given(st.integers(0, 2**32), st.integers(1, 12), st.data())
def test_pruned_ease_keeps_the_largest_weights_of_each_source_item(
    seed: int, n_items: int, data: st.DataObject
) -> None:
    weights = np.random.default_rng(seed).normal(size=(n_items, n_items))
    k = data.draw(st.integers(1, n_items))
    expected = np.zeros_like(weights)
    for item, row in enumerate(weights):
        for other in sorted(range(n_items), key=lambda other: -abs(row[other]))[:k]:
            expected[item, other] = row[other]
    assert np.array_equal(pruned_ease.prune(weights, k).toarray(), expected)


def test_lambda_is_the_best_on_validation_users() -> None:
    taste = np.arange(300)[:, None] % 4 == np.arange(120)[None, :] % 4
    chances = np.random.default_rng(0).random((300, 120))
    parts = split(interactions_of(sp.csr_matrix((chances < np.where(taste, 0.3, 0.08)).astype(np.float32))), seed=1)
    assert parts.validation is not None
    history, targets = parts.validation.history.toarray(), parts.validation.targets.toarray()
    values = {}
    for regularisation in ease.LAMBDAS:
        scores = history @ ease.fit(parts.train, regularisation)
        scores[history > 0] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :100]
        discounts = 1 / np.log2(np.arange(2, 102))
        gains = (np.take_along_axis(targets, order, axis=1) * discounts).sum(axis=1)
        perfect = np.array([discounts[: int(min(row.sum(), 100))].sum() for row in targets])
        values[regularisation] = float((gains / perfect).mean())
    chosen, weights = ease.choose(parts)
    assert len(set(values.values())) == len(values)
    assert chosen == max(values, key=values.__getitem__)
    assert np.array_equal(weights, ease.fit(parts.train, chosen))


def test_lambda_cannot_be_chosen_without_held_out_users() -> None:
    with pytest.raises(ConfigurationError, match="--no-holdout"):
        ease.choose(split(interactions_of(random_matrix(0, 20, 5)), seed=1, holdout=False))


def test_ease_says_how_many_bytes_it_takes() -> None:
    """At least the Gram matrix, its inverse and B, float64."""
    assert ease.bytes_needed(10_000) >= 3 * 8 * 10_000**2


def test_popularity_is_the_share_of_users_and_the_same_for_everybody() -> None:
    train = random_matrix(2, 40, 8)
    expected = [float(np.mean(column)) for column in train.toarray().T]
    assert popular.popularity(train).tolist() == pytest.approx(expected)
    scores = popular.scores(train, train[:3])
    assert scores.shape == (3, 8)
    assert (scores == popular.popularity(train)).all()


def test_nobody_is_popular_where_nobody_trains() -> None:
    assert popular.popularity(random_matrix(2, 4, 8)[:0]).tolist() == [0.0] * 8
