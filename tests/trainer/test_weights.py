"""What pruning keeps, and what becomes of weights."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from trainer.initial_weights import random_support, xavier_uniform
from trainer.steps.threads import Threads
from trainer.weights import Weights

ONE = Threads(1)


def initial_values(seed: int, n_items: int, n_dims: int) -> torch.Tensor:
    return xavier_uniform(n_items, n_dims, torch.Generator().manual_seed(seed))


def some_weights(seed: int, n_items: int, n_dims: int, *, restart: bool = False) -> Weights:
    return Weights(initial_values(seed, n_items, n_dims), restart=restart)


def places(weights: Weights) -> NDArray[np.int64]:
    if weights.dims is None:
        return np.tile(np.arange(weights.n_dims), (weights.n_items, 1))
    return weights.dims.numpy().astype(np.int64)


def spread_out(weights: Weights, values: torch.Tensor) -> NDArray[np.float32]:
    found = np.zeros((weights.n_items, weights.n_dims), np.float32)
    np.put_along_axis(found, places(weights), values.numpy(), axis=1)
    return found


def test_rows_of_a_have_length_one_before_and_after_pruning() -> None:
    weights = some_weights(2, 30, 16)
    for k in (16, 7, 1):
        if k < 16:
            weights.prune(k, ONE)
        A = spread_out(weights, weights.codes())
        np.testing.assert_allclose(np.linalg.norm(A, axis=1), 1.0, atol=1e-6)
        assert ((A != 0).sum(axis=1) == k).all()


@pytest.mark.parametrize("threads", [1, 2])
@given(st.integers(0, 2**32), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.booleans(), st.booleans())
def test_pruning_keeps_the_largest_weights_and_supports_are_nested(
    threads: int, seed: int, sizes: list[int], restart: bool, ties: bool
) -> None:
    weights = some_weights(seed, 10, 12, restart=restart)
    rng = np.random.default_rng(seed)
    before = np.ones((10, 12), np.bool_)
    for k in sorted(sizes, reverse=True):
        moved = rng.normal(size=tuple(weights.values.shape)).astype(np.float32)  # as if something had been learned
        weights.values.copy_(torch.from_numpy(np.round(moved) if ties else moved))
        sizes_before = np.abs(spread_out(weights, weights.values))
        weights.prune(k, Threads(threads))
        kept = spread_out(weights, torch.ones(10, k)) > 0
        assert (kept.sum(axis=1) == k).all()
        assert (np.diff(places(weights), axis=1) > 0).all()
        assert not (kept & ~before).any()
        for item in range(10):
            assert sizes_before[item][kept[item]].min() >= sizes_before[item][before[item] & ~kept[item]].max(initial=0)
        before = kept


def test_of_equal_weights_the_first_are_kept() -> None:
    weights = Weights(torch.tensor([[1.0, -2.0, 1.0, -1.0, 2.0, 1.0]]))
    weights.prune(4, ONE)
    assert places(weights).tolist() == [[0, 1, 2, 4]]


@given(st.integers(0, 2**32), st.floats(1e-30, 1e30))
def test_weights_of_any_size_are_told_apart(seed: int, scale: float) -> None:
    values = np.random.default_rng(seed).normal(size=(3, 50)) ** 5 * scale
    weights = Weights(torch.from_numpy(values.astype(np.float32)))
    sizes = np.abs(weights.values.numpy())
    weights.prune(20, ONE)
    expected = np.sort(np.argsort(-sizes, axis=1, kind="stable")[:, :20], axis=1)
    assert places(weights).tolist() == expected.tolist()


def test_weights_that_are_no_numbers_are_pruned_to_dims_all_the_same() -> None:
    """The run says afterwards that they have overflowed."""
    weights = Weights(torch.full((4, 6), torch.nan))
    weights.prune(3, ONE)
    assert places(weights).min() >= 0
    assert places(weights).max() < 6


def test_restart_puts_the_initial_values_back() -> None:
    weights, initial = some_weights(3, 9, 8, restart=True), initial_values(3, 9, 8).numpy()
    for k in (5, 2):
        weights.values.mul_(-3.0).add_(0.01)
        weights.prune(k, ONE)
        assert np.array_equal(weights.values.numpy(), np.take_along_axis(initial, places(weights), axis=1))


def test_without_restart_the_survivors_go_on_from_where_they_are() -> None:
    weights = some_weights(3, 9, 8)
    weights.values.mul_(-3.0).add_(0.01)
    before = spread_out(weights, weights.codes())
    weights.prune(4, ONE)
    expected = np.take_along_axis(before, places(weights), axis=1)
    np.testing.assert_allclose(weights.values.numpy(), expected, atol=1e-6)


def test_after_pruning_the_optimiser_starts_anew_with_as_many_moments_as_weights() -> None:
    weights = some_weights(3, 9, 8)
    weights.momentum.fill_(1.0)
    weights.variance.fill_(1.0)
    weights.steps, weights.mu_product = 5, 0.1
    weights.prune(3, ONE)
    assert tuple(weights.momentum.shape) == tuple(weights.variance.shape) == (9, 3)
    assert not weights.momentum.any()
    assert not weights.variance.any()
    assert (weights.steps, weights.mu_product) == (0, 1.0)


def in_two_blocks(gradient: NDArray[np.float32]) -> list[tuple[int, torch.Tensor]]:
    return [(0, torch.from_numpy(gradient[:4].copy())), (4, torch.from_numpy(gradient[4:].copy()))]


@pytest.mark.parametrize("threads", [1, 2])
@given(seed=st.integers(0, 2**32), data=st.data())
def test_an_exchange_trades_the_smallest_weights_for_the_largest_missing_gradients(
    threads: int, seed: int, data: st.DataObject
) -> None:
    k = data.draw(st.integers(2, 8))
    n = data.draw(st.integers(1, min(k - 1, 12 - k)))
    rng, weights = np.random.default_rng(seed), some_weights(seed, 10, 12)
    weights.prune(k, ONE)
    for tensor in (weights.values, weights.momentum, weights.variance):
        tensor.copy_(torch.from_numpy(rng.normal(size=(10, k)).astype(np.float32)))
    weights.steps, weights.mu_product = 7, 0.3
    gradient = rng.normal(size=(10, 12)).astype(np.float32)
    before, dims = (
        [spread_out(weights, t) for t in (weights.values, weights.momentum, weights.variance)],
        places(weights),
    )
    weights.exchange(n, in_two_blocks(gradient), Threads(threads))
    after = [spread_out(weights, t) for t in (weights.values, weights.momentum, weights.variance)]
    for item in range(10):
        strongest = dims[item][np.argsort(-np.abs(before[0][item][dims[item]]))[: k - n]]
        missing = np.setdiff1d(np.arange(12), dims[item])
        grown = missing[np.argsort(-np.abs(gradient[item][missing]))[:n]]
        assert places(weights)[item].tolist() == sorted([*strongest, *grown])
        for old, new in zip(before, after, strict=True):
            assert np.array_equal(new[item][strongest], old[item][strongest])
            assert not new[item][grown].any()
    assert (weights.steps, weights.mu_product) == (7, 0.3)


def test_where_no_gradient_says_anything_supports_still_have_k_dims() -> None:
    weights = some_weights(1, 6, 9)
    weights.prune(4, ONE)
    weights.exchange(3, [(0, torch.zeros(6, 9))], ONE)
    assert (np.diff(places(weights), axis=1) > 0).all()


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 12), st.data())
def test_the_embedding_has_the_weights_of_trained_rows_and_zeros_for_the_others(
    seed: int, n_items: int, n_dims: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, n_dims))
    dense = rng.normal(size=(n_items, n_dims)).astype(np.float32)
    trained = rng.random(n_items) < 0.7
    weights = Weights(torch.from_numpy(dense.copy()))
    if k < n_dims:
        weights.prune(k, ONE)
    found = weights.embedding(trained)
    assert found.violation() is None
    assert (found.k, found.n_dims) == (k, n_dims)
    for row, kept in enumerate(found.to_dense()):
        expected = np.zeros(n_dims)
        if trained[row]:
            strongest = np.argsort(-np.abs(dense[row]))[:k]
            expected[strongest] = dense[row][strongest] / np.linalg.norm(dense[row][strongest])
        np.testing.assert_allclose(kept, expected, atol=1e-6)


@given(st.integers(0, 2**32), st.integers(1, 40), st.data())
def test_a_random_support_has_ascending_dims_of_all_that_there_are(seed: int, n_dims: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(1, n_dims))
    found = [random_support(50, n_dims, k, torch.Generator().manual_seed(seed)).numpy() for _ in range(2)]
    assert found[0].dtype == np.int32
    assert found[0].shape == (50, k)
    assert (np.diff(found[0], axis=1) > 0).all()
    assert found[0].min() >= 0
    assert found[0].max() < n_dims
    assert np.array_equal(found[0], found[1])


def test_every_dim_is_as_likely_in_a_random_support() -> None:
    counts = np.bincount(random_support(20_000, 32, 8, torch.Generator().manual_seed(1)).ravel(), minlength=32)
    np.testing.assert_allclose(counts / 20_000, 8 / 32, atol=0.02)


def test_initial_values_are_uniform_within_xaviers_bound_and_follow_the_seed() -> None:
    def values(seed: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = initial_values(seed, 300, 100).numpy()
        return found

    bound = np.sqrt(6 / 400)
    assert np.abs(values(1)).max() <= bound
    np.testing.assert_allclose(np.quantile(values(1), [0.1, 0.5, 0.9]), [-0.8 * bound, 0, 0.8 * bound], atol=0.003)
    assert np.array_equal(values(1), values(1))
    assert not np.array_equal(values(1), values(2))
