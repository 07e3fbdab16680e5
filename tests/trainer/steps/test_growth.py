"""The gradient by weights that do not exist, against differences of the loss written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.trainer.steps.test_steps import item_matrix, loss_by_hand, some_weights
from tests.trainer.worlds import random_matrix
from trainer.fit_options import FitOptions, Loss
from trainer.steps import growth
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
