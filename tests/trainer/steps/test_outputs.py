"""Steps of some items: a smaller catalogue's, and what NAdam does meanwhile to the others."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.steps.test_steps import EVERY_WAY, Way, a_step, item_matrix, loss_by_hand, some_weights, spread_out
from tests.trainer.worlds import random_matrix
from trainer.steps.batch import batch_of
from trainer.steps.outputs import Sample, SampledSteps, WholeSteps

RATE = 0.02


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 6), st.integers(1, 50))
def test_outputs_are_the_users_items_and_others_each_once(seed: int, n_items: int, n_users: int, most: int) -> None:
    users = random_matrix(seed, n_users, n_items, 0.2)
    most = min(most, n_items)
    sample = Sample(n_items, most, generator(seed))
    for _ in range(2):  # nothing of one step is left for the next
        rows = sample.rows(users)
        own = np.unique(users.indices)
        assert rows[: len(own)].tolist() == own.tolist()
        assert len(rows) == len(set(rows.tolist())) == max(most, len(own))
        assert rows.min() >= 0
        assert rows.max() < n_items
        assert rows[sample.places(users, rows)].tolist() == users.indices.tolist()


def test_others_are_drawn_from_everywhere_and_differ_from_step_to_step() -> None:
    sample, users = Sample(50, 10, generator()), random_matrix(0, 1, 50, 0.1)
    own = set(users.indices.tolist())
    drawn = [frozenset(sample.rows(users).tolist()) - own for _ in range(1000)]
    assert len(set(drawn)) > 900
    times = np.bincount([row for rows in drawn for row in rows], minlength=50)
    others = np.setdiff1d(np.arange(50), list(own))
    assert times[others].min() > 0.4 * times[others].mean()
    assert times[others].max() < 1.8 * times[others].mean()


@pytest.mark.parametrize("way", EVERY_WAY)
def test_a_step_is_that_of_a_smaller_catalogue(way: Way) -> None:
    weights, users = some_weights(1, 20, 8, 3), random_matrix(1, 6, 20, 0.1)
    users = users[np.flatnonzero(users.getnnz(axis=1))]
    sample = Sample(20, 15, generator())
    rows = Sample(20, 15, generator()).rows(users)
    x = users.toarray()[:, rows].astype(np.float64)
    A, before = item_matrix(weights), weights.values.clone()
    steps = SampledSteps(weights, sample, lambda part: a_step(way, part), RATE)
    assert steps(users, users.shape[0]) == pytest.approx(loss_by_hand(A[rows], x, "linear"), abs=1e-5)
    assert steps.way == way
    still = np.setdiff1d(np.arange(20), rows)
    assert len(still) == 5
    assert torch.equal(weights.values[still], before[still])
    assert (weights.values[rows] != before[rows]).any(dim=1).all()


@pytest.mark.parametrize("way", EVERY_WAY)
def test_with_all_items_it_is_the_whole_step(way: Way) -> None:
    found = []
    for sampled in (False, True):
        weights = some_weights(3, 20, 8, 3)
        make = partial(a_step, way, learning_rate=RATE)
        steps = SampledSteps(weights, Sample(20, 20, generator()), make, RATE) if sampled else WholeSteps(make(weights))
        losses = [steps(random_matrix(number, 30, 20), 30) for number in range(3)]
        steps.settle()
        found.append((losses, item_matrix(weights)))
    np.testing.assert_allclose(found[0][0], found[1][0], atol=1e-5)
    np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-4)


@pytest.mark.parametrize("missed", [1, 3, 40])
def test_who_was_no_output_for_some_steps_is_where_torchs_nadam_would_have_it(missed: int) -> None:
    """Items 10 to 19 are outputs of the first steps, and then of none; `settle` makes up for what they missed."""
    weights = some_weights(3, 20, 8, 3)
    support = torch.from_numpy(spread_out(weights, torch.ones_like(weights.values)))
    W = torch.from_numpy(spread_out(weights, weights.values)).requires_grad_()
    optimiser = torch.optim.NAdam([W], lr=RATE, eps=1e-8)
    steps = SampledSteps(
        weights, Sample(20, 1, generator()), lambda part: a_step("sparse", part, learning_rate=RATE), RATE
    )
    for number in range(30 + missed):
        dense = random_matrix(number, 30, 20, 0.4).toarray()
        dense[:, 10:] *= number < 30
        dense[0, :10] = 1
        if number < 30:
            dense[1] = 1
        users = type(random_matrix(0, 1, 2))(dense)
        rows = np.unique(users.indices)
        A = torch.nn.functional.normalize(W * support, dim=1)[torch.from_numpy(rows).long()]
        x = torch.from_numpy(dense[:, rows]).double()
        loss = (2 - 2 * torch.nn.functional.cosine_similarity(x @ A @ A.T - x, x)).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        before = weights.values[10:].clone()
        steps(users, users.shape[0])
        assert torch.equal(weights.values[10:], before) == (number >= 30)
    unsettled = spread_out(weights, weights.values)[10:]
    steps.settle()
    expected = (W * support).detach().numpy()[10:]
    found = spread_out(weights, weights.values)[10:]
    assert np.abs(found - expected).max() < 0.001 * np.abs(unsettled - expected).max() + 1e-5
    after = spread_out(weights, weights.values)
    steps.settle()
    assert np.array_equal(after, spread_out(weights, weights.values))


def test_a_batch_of_nobody_moves_nothing_by_a_gradient() -> None:
    """As a rank has it whose users are all in other batches."""
    weights = some_weights(1, 20, 8, 3)
    before = weights.values.clone()
    for way in EVERY_WAY:
        assert a_step(way, weights)(batch_of(random_matrix(1, 3, 20)[:0], 5)) == 0.0
    assert torch.equal(weights.values, before)
