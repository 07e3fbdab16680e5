"""Every way of making a step against plain numpy in float64, and against torch's own optimiser."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer.worlds import random_matrix
from trainer.fit_options import FitOptions, Loss
from trainer.initial_weights import xavier_uniform
from trainer.interactions import Csr
from trainer.steps import choice, costs, dense
from trainer.steps.autograd import AutogradStep
from trainer.steps.batch import batch_of
from trainer.steps.dense import DenseStep
from trainer.steps.gram import GramStep
from trainer.steps.nadam import BETA1
from trainer.steps.sparse import SparseStep
from trainer.steps.step import Step
from trainer.steps.threads import Threads
from trainer.weights import Weights

Matrix = NDArray[np.float64]
Way = Literal["autograd", "dense", "sparse", "gram"]
EVERY_WAY: list[Way] = ["autograd", "dense", "sparse", "gram"]
KINDS: list[Loss] = ["linear", "relu"]
WITH_RELU = EVERY_WAY[:3]  # a Gram matrix knows none
EVERY_KIND = [(way, kind) for way in EVERY_WAY for kind in KINDS if kind == "linear" or way in WITH_RELU]


def some_weights(seed: int, n_items: int, n_dims: int, k: int | None = None) -> Weights:
    weights = Weights(xavier_uniform(n_items, n_dims, torch.Generator().manual_seed(seed)))
    if k is not None:
        weights.prune(k, Threads(1))
    return weights


def a_step(way: Way, weights: Weights, threads: int = 1, **changes: Any) -> Step:
    options = replace(FitOptions(dims=weights.n_dims, nonzeros=weights.k), **changes)
    match way:
        case "autograd":
            return AutogradStep(weights, options)
        case "dense":
            return DenseStep(weights, options, Threads(threads))
        case "sparse":
            return SparseStep(weights, options, Threads(threads))
        case "gram":
            return GramStep(weights, options, Threads(threads))


def spread_out(weights: Weights, values: torch.Tensor) -> Matrix:
    """(n_items, k) values at their dims, (n_items, n_dims)."""
    found = np.zeros((weights.n_items, weights.n_dims))
    dims = np.tile(np.arange(weights.n_dims), (weights.n_items, 1)) if weights.dims is None else weights.dims.numpy()
    np.put_along_axis(found, dims.astype(np.int64), values.double().numpy(), axis=1)
    return found


def item_matrix(weights: Weights) -> Matrix:
    W = spread_out(weights, weights.values)
    return np.asarray(W / np.linalg.norm(W, axis=1, keepdims=True))


def loss_by_hand(A: Matrix, x: Matrix, kind: Loss) -> float:
    """Equation (2), written out: users, then a sum over items of (p/|p| - x/|x|)²."""
    total = 0.0
    for user in x:
        predicted = user @ (A @ A.T - np.eye(len(A)))
        if kind == "relu":
            predicted = np.maximum(predicted, 0.0)
        length = np.linalg.norm(predicted)
        difference = (predicted / length if length else predicted) - user / np.linalg.norm(user)
        total += float((difference**2).sum()) if length else 2.0
    return total / len(x)


def gradient_by_hand(W: Matrix, support: NDArray[np.bool_], loss: Callable[[Matrix], float]) -> Matrix:
    """Of the weights on their support, by differences."""
    found = np.zeros_like(W)
    for place in zip(*np.nonzero(support), strict=True):
        ends = []
        for step in (1e-6, -1e-6):
            moved = W.copy()
            moved[place] += step
            ends.append(loss(np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))))
        found[place] = (ends[0] - ends[1]) / 2e-6
    return found


def gradient_of(weights: Weights) -> Matrix:
    """After the first step the momentum is a tenth of the gradient."""
    return spread_out(weights, weights.momentum) / (1 - BETA1)


@pytest.mark.parametrize(("way", "kind"), EVERY_KIND)
@given(seed=st.integers(0, 2**32), n_users=st.integers(1, 12), n_items=st.integers(2, 15), k=st.integers(1, 8))
def test_the_loss_is_the_papers_formula(kind: Loss, way: Way, seed: int, n_users: int, n_items: int, k: int) -> None:
    weights, x = some_weights(seed, n_items, 9, k), random_matrix(seed, n_users, n_items)
    A = item_matrix(weights)
    predicted = x.toarray() @ (A @ A.T - np.eye(n_items))
    lengths = np.linalg.norm(np.clip(predicted, 0, None) if kind == "relu" else predicted, axis=1)
    # Shorter ones are nothing but rounding, whose direction is anybody's guess; through AᵀA lengths are differences.
    assume(lengths.min() > (0.2 if way == "gram" else 1e-3))
    found = a_step(way, weights, loss=kind)(batch_of(x))
    assert found == pytest.approx(loss_by_hand(A, x.toarray().astype(np.float64), kind), abs=1e-4)


@pytest.mark.parametrize(("way", "kind"), EVERY_KIND)
@pytest.mark.parametrize(("n_dims", "k"), [(6, 3), (12, 6), (7, None)])
def test_the_gradient_is_that_of_the_formula(kind: Loss, way: Way, n_dims: int, k: int | None) -> None:
    if way in {"sparse", "gram"} and k is None:
        return  # they know a support only
    weights, users = some_weights(5, 7, n_dims, k), random_matrix(5, 9, 7)
    x = users.toarray().astype(np.float64)
    support = spread_out(weights, torch.ones_like(weights.values)) > 0
    W = spread_out(weights, weights.values)
    expected = gradient_by_hand(W, support, lambda A: loss_by_hand(A, x, kind))
    a_step(way, weights, loss=kind)(batch_of(users))
    np.testing.assert_allclose(gradient_of(weights), expected, atol=2e-4)


@pytest.mark.parametrize("way", WITH_RELU)
def test_a_prediction_of_nothing_costs_two_and_does_not_break_training(way: Way) -> None:
    weights = Weights(torch.eye(3))
    if way == "sparse":
        weights.prune(2, Threads(1))
    x = random_matrix(0, 2, 3, density=0.0)
    assert a_step(way, weights, loss="relu")(batch_of(x)) == pytest.approx(2.0)
    assert torch.isfinite(weights.values).all()


@pytest.mark.parametrize("way", EVERY_WAY)
def test_steps_are_those_of_torchs_nadam_on_the_formula(way: Way) -> None:
    """More users than a block of lanes and fewer, a k that is no multiple of four, several steps."""
    weights = some_weights(3, 50, 16, 7)
    W = torch.from_numpy(spread_out(weights, weights.values)).requires_grad_()
    support = torch.from_numpy(spread_out(weights, torch.ones_like(weights.values)))
    optimiser = torch.optim.NAdam([W], lr=0.02, eps=1e-8)
    step = a_step(way, weights, learning_rate=0.02)
    for number, n_users in enumerate((150, 70, 3, 128, 150)):
        users = random_matrix(number, n_users, 50, 0.1)
        x = torch.from_numpy(users.toarray()).double()
        A = torch.nn.functional.normalize(W * support, dim=1)
        loss = (2 - 2 * torch.nn.functional.cosine_similarity(x @ A @ A.T - x, x)).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        assert step(batch_of(users)) == pytest.approx(loss.item(), abs=1e-5)
    expected = (W * support).detach().numpy()
    np.testing.assert_allclose(spread_out(weights, weights.values), expected, atol=2e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_all_ways_agree(precision: Any) -> None:
    """Of bfloat16 only the products differ, by what it rounds."""
    users: Csr = random_matrix(8, 100, 60, 0.1)
    losses = {}
    for way in EVERY_WAY:
        step = a_step(way, some_weights(8, 60, 32, 8), precision=precision)
        losses[way] = [step(batch_of(users)) for _ in range(6)]
    tolerance = 2e-5 if precision == "float32" else 0.01
    for way in EVERY_WAY[1:]:
        np.testing.assert_allclose(losses[way], losses["autograd"], atol=tolerance)
    assert losses["sparse"][-1] < losses["sparse"][0]


@pytest.mark.parametrize(("way", "kind"), [case for case in EVERY_KIND if case[0] in {"dense", "sparse"}])
def test_the_number_of_threads_does_not_change_a_kernels_bits(kind: Loss, way: Way) -> None:
    found = []
    for threads in (1, 2, 3):
        weights = some_weights(4, 70, 24, 5)
        step = a_step(way, weights, threads, loss=kind)
        losses = [step(batch_of(random_matrix(number, 130, 70))) for number in range(3)]
        found.append((losses, weights.values.numpy().tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("k", [None, 5])
def test_gradients_of_a_few_items_at_a_time_are_those_of_all(monkeypatch: pytest.MonkeyPatch, k: int | None) -> None:
    found = []
    for at_once in (256, 7):
        monkeypatch.setattr(costs, "AT_ONCE", 1)
        monkeypatch.setattr(dense, "LEAST_AT_ONCE", at_once)
        weights, users = some_weights(4, 40, 12, k), random_matrix(4, 60, 40, 0.1)
        batch = batch_of(users)
        step = a_step("dense", weights)
        for _ in range(2):
            step(batch)
        found.append(weights.values.numpy().copy())
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)


@pytest.mark.parametrize(
    ("times_as_counted", "expected"), [(1.0, 1.0), (1.9, 1.0), (0.6, 1.0), (4.1, 4.0), (0.1, 0.125)]
)
def test_counts_decide_between_dense_and_sparse_unless_the_clock_is_far_from_them(
    monkeypatch: pytest.MonkeyPatch, times_as_counted: float, expected: float
) -> None:
    options = FitOptions(dims=4096, nonzeros=4, precision="bfloat16", batch_size=512)
    probed = replace(options, nonzeros=32)
    counted = costs.dense(probed, 4096) / float(costs.sparse(probed, 4096, 32))
    monkeypatch.setattr(choice, "_seconds", lambda *_: (times_as_counted * counted, 1.0))
    assert choice.sparse_below(options, 10_000) == costs.sparse_below(options, 10_000, expected)
    assert choice.sparse_below(options, 1000) == costs.sparse_below(options, 1000)  # too small to be worth a clock


def test_the_choice_is_where_the_cheaper_narrow_way_costs_as_much_as_the_dense_one() -> None:
    for n_items, dims, precision in ((3500, 512, "bfloat16"), (10_000, 4096, "bfloat16"), (10_000, 1024, "float32")):
        options = FitOptions(dims=dims, nonzeros=4, precision=precision, batch_size=512)  # type: ignore[arg-type]
        below = costs.sparse_below(options, n_items)
        narrow = [min(costs.sparse(options, n_items, k), costs.gram(options, n_items, k)) for k in (below - 1, below)]
        assert narrow[0] < costs.dense(options, n_items) <= narrow[1]
    assert costs.sparse_below(FitOptions(dims=1, nonzeros=1), 100) == 1
    assert not np.isfinite(costs.gram(replace(options, loss="relu"), 100, 4))


def test_the_probe_times_both_ways() -> None:
    assert min(choice._seconds(FitOptions(dims=48, nonzeros=16, batch_size=32), 100, 1)) > 0
