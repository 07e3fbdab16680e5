"""The loss against plain numpy, and what pruning keeps."""

from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer.worlds import random_matrix
from trainer.fit_options import Loss
from trainer.model import CompressedElsa, xavier_uniform

Matrix = NDArray[np.float64]


def loss_by_hand(A: Matrix, x: Matrix, kind: Loss) -> float:
    """Equation (2), written out: users, then a sum over items of (p/|p| - x/|x|)²."""
    total = 0.0
    for user in x:
        predicted = user @ (A @ A.T - np.eye(len(A)))
        if kind == "clip":
            predicted = np.clip(predicted, 0.0, 6.0)
        length = np.linalg.norm(predicted)
        difference = (predicted / length if length else predicted) - user / np.linalg.norm(user)
        total += float((difference**2).sum()) if length else 2.0
    return total / len(x)


def normalised(weights: Matrix) -> Matrix:
    return np.asarray(weights / np.linalg.norm(weights, axis=1, keepdims=True))


def dense(model: CompressedElsa) -> Matrix:
    return model.item_matrix().detach().double().numpy()


def initial_values(seed: int, n_items: int, n_dims: int) -> torch.Tensor:
    return xavier_uniform(n_items, n_dims, torch.Generator().manual_seed(seed))


def a_model(seed: int, n_items: int, n_dims: int, *, restart: bool = False) -> CompressedElsa:
    return CompressedElsa(initial_values(seed, n_items, n_dims), restart=restart)


def support(model: CompressedElsa) -> NDArray[np.bool_]:
    """(n_items, n_dims) where a weight may live."""
    assert model.dims is not None
    found = np.zeros((len(model.dims), model.n_dims), np.bool_)
    np.put_along_axis(found, model.dims.numpy(), values=True, axis=1)
    return found


@pytest.mark.parametrize("kind", ["linear", "clip"])
@given(seed=st.integers(0, 2**32), n_users=st.integers(1, 12), n_items=st.integers(2, 15), n_dims=st.integers(1, 9))
def test_the_loss_is_the_papers_formula(
    kind: Literal["linear", "clip"], seed: int, n_users: int, n_items: int, n_dims: int
) -> None:
    model = a_model(seed, n_items, n_dims)
    x = random_matrix(seed, n_users, n_items).toarray()
    A = normalised(initial_values(seed, n_items, n_dims).double().numpy())
    predicted = x @ (A @ A.T - np.eye(n_items))
    lengths = np.linalg.norm(np.clip(predicted, 0, None) if kind == "clip" else predicted, axis=1)
    assume(lengths.min() > 1e-3)  # shorter ones are nothing but rounding, whose direction is anybody's guess
    found = model.loss(torch.from_numpy(x), kind).item()
    assert found == pytest.approx(loss_by_hand(A, x.astype(np.float64), kind), abs=1e-4)


@pytest.mark.parametrize("kind", ["linear", "clip"])
def test_the_loss_of_a_pruned_model_knows_only_its_support(kind: Loss) -> None:
    model = a_model(1, 20, 8)
    model.prune(3)
    x = random_matrix(1, 30, 20).toarray()
    A = normalised(np.where(support(model), initial_values(1, 20, 8).double().numpy(), 0.0))
    found = model.loss(torch.from_numpy(x), kind).item()
    assert found == pytest.approx(loss_by_hand(A, x.astype(np.float64), kind), abs=1e-5)


@pytest.mark.parametrize("k", [8, 3])
def test_with_sampled_outputs_the_loss_is_that_of_a_smaller_catalogue(k: int) -> None:
    model = a_model(1, 20, 8)
    if k < 8:
        model.prune(k)
    rows = np.array([4, 1, 17, 9, 12])
    x = random_matrix(1, 30, 5).toarray()
    found = model.loss(torch.from_numpy(x), "linear", torch.from_numpy(rows)).item()
    assert found == pytest.approx(loss_by_hand(dense(model)[rows], x.astype(np.float64), "linear"), abs=1e-5)


def test_clipping_caps_predictions_at_six() -> None:
    initial = torch.tensor([[1.0, 0.1], [1.0, 0.0], [1.0, -0.1], [0.1, 1.0]])
    model = CompressedElsa(initial.repeat(4, 1))
    x = torch.ones(1, 16)
    A = normalised(initial.repeat(4, 1).double().numpy())
    assert (np.ones(16) @ A @ A.T - 1).max() > 6
    expected = loss_by_hand(A, np.ones((1, 16)), "clip")
    assert model.loss(x, "clip").item() == pytest.approx(expected, abs=1e-6)
    assert abs(expected - loss_by_hand(A, np.ones((1, 16)), "linear")) > 1e-3


def test_a_prediction_of_nothing_costs_two_and_does_not_break_training() -> None:
    model = CompressedElsa(torch.eye(3))
    x = torch.tensor([[1.0, 0.0, 1.0]])
    loss = model.loss(x, "clip")
    assert loss.item() == pytest.approx(2.0)
    loss.backward()  # type: ignore[no-untyped-call]
    assert model.weight.grad is not None
    assert torch.isfinite(model.weight.grad).all()


@pytest.mark.parametrize("kind", ["linear", "clip"])
def test_the_gradient_is_that_of_the_formula(kind: Loss) -> None:
    model = a_model(5, 7, 6, restart=True)
    model.prune(3)
    x = random_matrix(5, 9, 7).toarray()
    model.loss(torch.from_numpy(x), kind).backward()  # type: ignore[no-untyped-call]
    weights, allowed = np.where(support(model), initial_values(5, 7, 6).double().numpy(), 0.0), support(model)
    numeric = np.zeros_like(weights)
    for place in zip(*np.nonzero(allowed), strict=True):
        ends = []
        for step in (1e-6, -1e-6):
            moved = weights.copy()
            moved[place] += step
            ends.append(loss_by_hand(normalised(moved), x.astype(np.float64), kind))
        numeric[place] = (ends[0] - ends[1]) / 2e-6
    assert model.dims is not None
    assert model.weight.grad is not None
    found = np.zeros_like(weights)
    np.put_along_axis(found, model.dims.numpy(), model.weight.grad.double().numpy(), axis=1)
    np.testing.assert_allclose(found, numeric, atol=2e-4)


def test_rows_have_length_one_before_and_after_pruning() -> None:
    model = a_model(2, 30, 16)
    for k in (16, 7, 1):
        if k < 16:
            model.prune(k)
        np.testing.assert_allclose(np.linalg.norm(dense(model), axis=1), 1.0, atol=1e-6)
        assert ((dense(model) != 0).sum(axis=1) == k).all()


@given(st.integers(0, 2**32), st.lists(st.integers(1, 12), min_size=1, max_size=4), st.booleans())
def test_pruning_keeps_the_largest_weights_and_supports_are_nested(seed: int, sizes: list[int], restart: bool) -> None:
    model = a_model(seed, 10, 12, restart=restart)
    rng = np.random.default_rng(seed)
    before = np.ones((10, 12), np.bool_)
    for k in sorted(sizes, reverse=True):
        with torch.no_grad():  # as if something had been learned meanwhile
            model.weight.add_(torch.from_numpy(rng.normal(size=tuple(model.weight.shape)).astype(np.float32)))
        sizes_before = np.zeros((10, 12))
        places = np.tile(np.arange(12), (10, 1)) if model.dims is None else model.dims.numpy()
        np.put_along_axis(sizes_before, places, np.abs(model.weight.detach().numpy()), axis=1)
        model.prune(k)
        kept = support(model)
        assert (kept.sum(axis=1) == k).all()
        assert not (kept & ~before).any()
        for item in range(10):
            assert sizes_before[item][kept[item]].min() >= sizes_before[item][before[item] & ~kept[item]].max(initial=0)
        before = kept
        assert not dense(model)[~kept].any()


def test_restart_puts_the_initial_values_back() -> None:
    model = a_model(3, 9, 8, restart=True)
    initial = initial_values(3, 9, 8).numpy()
    for k in (5, 2):
        with torch.no_grad():
            model.weight.mul_(-3.0)
            model.weight.add_(0.01)
        model.prune(k)
        assert model.dims is not None
        assert np.array_equal(model.weight.detach().numpy(), np.take_along_axis(initial, model.dims.numpy(), axis=1))


def test_without_restart_the_survivors_go_on_from_where_they_are() -> None:
    model = a_model(3, 9, 8)
    with torch.no_grad():
        model.weight.mul_(-3.0)
        model.weight.add_(0.01)
    before = dense(model)
    model.prune(4)
    assert model.dims is not None
    expected = np.take_along_axis(before, model.dims.numpy(), axis=1)
    np.testing.assert_allclose(model.weight.detach().numpy(), expected, atol=1e-6)


def test_outside_the_support_there_is_nothing_to_train() -> None:
    model = a_model(4, 12, 10, restart=True)
    model.prune(3)
    allowed = support(model)
    assert tuple(model.weight.shape) == (12, 3)
    optimiser = torch.optim.NAdam([model.weight], lr=0.1)
    x = torch.from_numpy(random_matrix(4, 20, 12).toarray())
    before = dense(model)
    for _ in range(5):
        optimiser.zero_grad()
        model.loss(x, "linear").backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert [parameter.shape for parameter in model.parameters()] == [(12, 3)]
    assert not dense(model)[~allowed].any()
    assert (dense(model)[allowed] != before[allowed]).any()


def test_initial_values_are_uniform_within_xaviers_bound_and_follow_the_seed() -> None:
    def values(seed: int) -> NDArray[np.float32]:
        found: NDArray[np.float32] = xavier_uniform(300, 100, torch.Generator().manual_seed(seed)).numpy()
        return found

    bound = np.sqrt(6 / 400)
    assert np.abs(values(1)).max() <= bound
    np.testing.assert_allclose(np.quantile(values(1), [0.1, 0.5, 0.9]), [-0.8 * bound, 0, 0.8 * bound], atol=0.003)
    assert np.array_equal(values(1), values(1))
    assert not np.array_equal(values(1), values(2))
