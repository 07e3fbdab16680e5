"""The gradient by weights that do not exist, against differences of the loss written out."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.trainer.steps.test_steps import item_matrix, loss_by_hand, some_weights
from tests.trainer.worlds import random_matrix
from trainer.fit_options import FitOptions, Loss
from trainer.steps import costs, growth
from trainer.steps.threads import Threads

OPTIONS = FitOptions(dims=8, nonzeros=3, batch_size=4)


def by_hand(A: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    found = np.zeros_like(A)
    for place in np.ndindex(A.shape):
        ends = []
        for step in (1e-6, -1e-6):
            moved = A.copy()
            moved[place] += step
            ends.append(loss_by_hand(moved, x, "linear"))
        found[place] = (ends[0] - ends[1]) / 2e-6
    return found


@pytest.mark.parametrize("k", [3, None])
def test_it_is_that_of_all_entries_of_a_over_all_users(k: int | None) -> None:
    """Several batches, the last of which is smaller."""
    weights, users = some_weights(2, 9, 8, k), random_matrix(2, 11, 9)
    expected = by_hand(item_matrix(weights), users.toarray().astype(np.float64))
    found = growth.gradient(weights, users, OPTIONS, Threads(2)) / users.shape[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=3e-4)


@pytest.mark.parametrize("kind", ["linear", "relu"])
def test_an_accelerator_finds_the_same(kind: Loss) -> None:
    weights, users, options = some_weights(2, 30, 8, 3), random_matrix(2, 50, 30), replace(OPTIONS, loss=kind)
    parts = [users[:20], users[20:]]
    found = growth._on_accelerator(weights, parts, options, torch.zeros(30, 8))
    expected = growth.gradient(weights, users, replace(options, batch_size=20), Threads(1))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-3)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("at_once", [8 * 4, 2**22])
def test_blocks_of_items_have_it_without_a_prediction(
    threads: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the users' mean loss, times half of them; blocks that divide neither items nor users."""
    monkeypatch.setattr(costs, "AT_ONCE", at_once)
    monkeypatch.setattr(growth, "_LEAST_ROWS", 1)
    weights, users = some_weights(2, 9, 8, 3), random_matrix(2, 11, 9)
    expected = by_hand(item_matrix(weights), users.toarray().astype(np.float64))
    blocks = list(growth.in_blocks(weights, users, replace(OPTIONS, start_nonzeros=4), Threads(threads)))
    assert [first for first, _ in blocks] == ([0, 4, 8] if at_once == 32 else [0])
    found = torch.cat([rows for _, rows in blocks]) * 2 / users.shape[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=3e-4)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
def test_an_accelerator_finds_the_same_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "AT_ONCE", 8 * 64)
    weights, users = some_weights(2, 100, 8, 3), random_matrix(2, 50, 100)
    options = replace(OPTIONS, start_nonzeros=4)
    expected = torch.cat([rows for _, rows in growth.in_blocks(weights, users, options, Threads(1))])
    weights.values, weights.dims = weights.values.cuda(), weights.dims.cuda()  # type: ignore[union-attr]
    found = torch.cat([rows for _, rows in growth.in_blocks(weights, users, options, Threads(1))])
    np.testing.assert_allclose(found.cpu().numpy(), expected.numpy(), atol=1e-3)


def test_what_an_accelerator_multiplies_is_what_the_users_have() -> None:
    users = random_matrix(2, 11, 9)
    assert np.array_equal(growth._inputs(users, 3, torch.zeros(4, 8)).numpy(), users.toarray()[:, 3:7])


def test_in_bfloat16_the_blocks_differ_by_its_rounding() -> None:
    weights, users = some_weights(2, 60, 16, 5), random_matrix(2, 50, 60)
    options = replace(OPTIONS, dims=16, start_nonzeros=8)
    exact = torch.cat([rows for _, rows in growth.in_blocks(weights, users, options, Threads(1))])
    options = replace(options, precision="bfloat16")
    rounded = torch.cat([rows for _, rows in growth.in_blocks(weights, users, options, Threads(1))])
    assert (rounded - exact).norm() < 0.03 * exact.norm()


def test_only_a_sparse_start_with_the_linear_loss_needs_no_rectangle() -> None:
    weights, users = some_weights(2, 9, 8, 3), random_matrix(2, 11, 9)
    sparse = replace(OPTIONS, start_nonzeros=4)
    assert isinstance(growth.gradients(weights, users, sparse, Threads(1)), Iterator)
    for options in (OPTIONS, replace(sparse, loss="relu")):
        ((first, rows),) = growth.gradients(weights, users, options, Threads(1))
        assert first == 0
        assert rows.shape == (9, 8)
