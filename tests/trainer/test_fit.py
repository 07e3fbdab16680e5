"""The training loop: what it promises of rows, bits, stages and the epoch that it keeps."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from tests import oracle
from tests.trainer.worlds import QUICK, Shop, random_matrix
from trainer.checkpoint import Checkpoint
from trainer.errors import ConfigurationError, TrainingError
from trainer.fit import TrainingRun, fit
from trainer.fit_options import Epoch, FitOptions, Loss, Precision, default_batch_size, default_dims, default_loss
from trainer.interactions import Csr
from trainer.split import Holdout
from trainer.steps import costs, growth
from trainer.steps.autograd import AutogradStep
from trainer.steps.room import Room
from trainer.steps.step import Step
from trainer.steps.threads import Threads
from trainer.weights import Weights

TINY = FitOptions(dims=12, nonzeros=3, prune_epochs=3, regrow_epochs=0, final_epochs=2, batch_size=32)


def silent(_: Epoch) -> None:
    pass


def rows_of(matrix: Csr) -> list[list[int]]:
    return [np.flatnonzero(row).tolist() for row in matrix.toarray()]


def ndcg_100(embedding: ItemEmbedding, holdout: Holdout) -> float:
    """The mean over users by dense products and loops."""
    A = embedding.to_dense().astype(np.float64)
    total = 0.0
    for shown, hidden in zip(rows_of(holdout.history), rows_of(holdout.targets), strict=True):
        allowed = [row not in shown for row in range(len(A))]
        best = oracle.ranking(oracle.scores(A, shown, [1.0] * len(shown)), 100, allowed)
        gain = sum(1 / np.log2(place + 2) for place, row in enumerate(best) if row in hidden)
        total += gain / sum(1 / np.log2(place + 2) for place in range(min(100, len(hidden))))
    return total / holdout.n_users


def popular_ndcg_100(train: Csr, holdout: Holdout) -> float:
    counts = train.toarray().sum(axis=0)
    one_dim = counts / np.linalg.norm(counts)
    total = 0.0
    for shown, hidden in zip(rows_of(holdout.history), rows_of(holdout.targets), strict=True):
        best = oracle.ranking(one_dim, 100, [row not in shown for row in range(len(counts))])
        gain = sum(1 / np.log2(place + 2) for place, row in enumerate(best) if row in hidden)
        total += gain / sum(1 / np.log2(place + 2) for place in range(min(100, len(hidden))))
    return total / holdout.n_users


def test_the_planted_tastes_are_learned(shop: Shop, embedding: ItemEmbedding) -> None:
    learned, popular = ndcg_100(embedding, shop.test), popular_ndcg_100(shop.parts.train, shop.test)
    assert learned > 2 * popular


def test_items_of_one_theme_are_closer_than_others(shop: Shop, embedding: ItemEmbedding) -> None:
    A = embedding.to_dense().astype(np.float64)
    theme = np.array([int(item_id[1:]) % 12 for item_id in shop.interactions.item_ids])
    cosines, same = A @ A.T, theme[:, None] == theme[None, :]
    np.fill_diagonal(same, val=False)
    assert cosines[same].mean() > 5 * abs(cosines[theme[:, None] != theme[None, :]].mean())


def test_every_row_has_k_weights_and_length_one(embedding: ItemEmbedding) -> None:
    A = embedding.to_dense().astype(np.float64)
    assert embedding.violation() is None
    assert A.shape == (600, QUICK.dims)
    assert ((A != 0).sum(axis=1) <= QUICK.nonzeros).all()
    assert (A != 0).sum(axis=1).mean() > QUICK.nonzeros - 0.1
    np.testing.assert_allclose(np.linalg.norm(A, axis=1), 1.0, atol=1e-5)
    assert (A > 0).any()
    assert (A < 0).any()


def same_bits(one: ItemEmbedding, other: ItemEmbedding) -> bool:
    return np.array_equal(one.dims, other.dims) and one.weights.tobytes() == other.weights.tobytes()


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_and_threads_give_the_same_bits(precision: Precision, threads: int) -> None:
    options = replace(TINY, precision=precision)
    train = random_matrix(1, 60, 30)
    torch.set_num_threads(threads)
    try:
        one, other = fit(train, None, options, silent), fit(train, None, options, silent)
    finally:
        torch.set_num_threads(1)
    assert same_bits(one, other)


def test_another_seed_gives_other_bits() -> None:
    train = random_matrix(1, 60, 30)
    assert not same_bits(fit(train, None, TINY, silent), fit(train, None, replace(TINY, seed=2), silent))


def test_fitting_leaves_the_worlds_random_state_alone() -> None:
    before = torch.get_rng_state()
    fit(random_matrix(1, 40, 20), None, TINY, silent)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("schedule", "sizes"),
    [
        ("constant", [12, 3, 3, 3, 3, 3]),
        ("exponential", [12, 12, 6, 3, 3, 3]),
        ("linear", [12, 12, 8, 3, 3, 3]),
        ("step", [12, 12, 6, 3, 3, 3]),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_every_schedule_is_followed_and_ends_with_k_weights(schedule: str, sizes: list[int], restart: bool) -> None:
    seen: list[Epoch] = []
    options = replace(TINY, schedule=schedule, restart=restart, dense_epochs=1, loss="relu" if restart else "linear")
    found = fit(random_matrix(2, 60, 30), None, options, seen.append)
    assert found.violation() is None
    assert found.k == 3
    assert [epoch.k for epoch in seen] == sizes
    assert [epoch.stage for epoch in seen] == [sorted(set(sizes), reverse=True).index(size) + 1 for size in sizes]
    assert [(epoch.number, epoch.total) for epoch in seen] == [(number, 6) for number in range(1, 7)]
    assert all(epoch.validation is None for epoch in seen)


def test_restarting_costs_what_was_learned_until_then() -> None:
    losses = []
    for restart in (False, True):
        seen: list[Epoch] = []
        options = replace(TINY, schedule="constant", dense_epochs=8, restart=restart)
        fit(random_matrix(2, 60, 30), None, options, seen.append)
        losses.append([epoch.loss for epoch in seen])
    assert losses[0][:8] == losses[1][:8]
    assert losses[1][8] > losses[0][8] + 0.05


def test_regrown_weights_are_learned_and_change_supports() -> None:
    train = random_matrix(9, 90, 40, 0.15)
    plain = replace(TINY, dims=24, schedule="constant", final_epochs=8)
    seen: list[Epoch] = []
    before = fit(train, None, plain, silent)
    found = fit(train, None, replace(plain, regrow_epochs=8), seen.append)
    assert found.violation() is None
    assert ((found.to_dense() != 0).sum(axis=1) == 3).all()
    assert [epoch.k for epoch in seen] == [3] * 19
    assert [epoch.stage for epoch in seen] == [1] * 3 + [2] * 8 + [3] * 8
    assert (found.dims != before.dims).any(axis=1).mean() > 0.5


def test_no_more_is_exchanged_than_is_missing() -> None:
    options = replace(TINY, nonzeros=11, regrow_epochs=3, regrow=0.9)
    found = fit(random_matrix(9, 60, 30), None, options, silent)
    assert found.violation() is None
    assert ((found.to_dense() != 0).sum(axis=1) == 11).all()


SPARSE = replace(TINY, dims=24, start_nonzeros=6, regrow_epochs=2, final_epochs=6)


@pytest.mark.parametrize("changes", [{}, {"loss": "relu"}, {"precision": "bfloat16"}, {"max_outputs": 20}], ids=str)
def test_a_sparse_start_never_has_more_weights_and_grows_while_it_is_pruned(changes: dict[str, Any]) -> None:
    train = random_matrix(9, 90, 40, 0.15)
    states: list[Checkpoint] = []
    seen: list[Epoch] = []
    found = fit(train, None, replace(SPARSE, **changes), seen.append, keep=lambda state: states.append(copied(state)))
    supports = [state.arrays["dims"] for state in states]
    assert [dims.shape[1] for dims in supports] == [epoch.k for epoch in seen] == [6, 6, *[3] * 9]
    assert all((np.diff(dims, axis=1) > 0).all() for dims in supports)
    assert all(dims.min() >= 0 and dims.max() < 24 for dims in supports)
    assert (supports[1] != supports[0]).any(axis=1).mean() > 0.5
    assert found.violation() is None
    assert seen[-1].loss < seen[0].loss - 0.1


def copied(state: Checkpoint) -> Checkpoint:
    return replace(state, arrays={name: array.copy() for name, array in state.arrays.items()})


def test_no_step_after_a_sparse_start_has_all_dims_unless_it_is_asked_for() -> None:
    def ways(options: FitOptions) -> set[str]:
        seen: list[Epoch] = []
        fit(random_matrix(9, 90, 40, 0.15), None, options, seen.append)
        return {epoch.way for epoch in seen}

    assert "dense" not in ways(SPARSE)
    assert ways(replace(SPARSE, sparse_below=0)) == {"dense"}


class ByAutograd(TrainingRun):
    def _step(self, weights: Weights, _room: Room) -> Step:
        return AutogradStep(weights, self.options)


@pytest.mark.parametrize(("loss", "alike"), [("linear", 0.999), ("relu", 0.99)])
def test_a_sparse_start_by_autograd_is_the_same(loss: Loss, alike: float) -> None:
    """Two epochs, of which the second has another support."""
    train, options = random_matrix(9, 90, 40, 0.15), replace(SPARSE, loss=loss, prune_epochs=2, learning_rate=0.01)
    found = []
    for run_type in (TrainingRun, ByAutograd):
        a_run = run_type(train, None, options)
        for _ in range(2):
            a_run.advance()
        found.append(a_run.embedding().to_dense())
    assert np.median((found[0] * found[1]).sum(axis=1)) > alike  # of a cosine; ties may fall either way


def test_a_sparse_start_learns_the_planted_tastes(shop: Shop, embedding: ItemEmbedding) -> None:
    sparse = fit(shop.parts.train, shop.validation, replace(QUICK, start_nonzeros=6), silent)
    assert ndcg_100(sparse, shop.test) > ndcg_100(embedding, shop.test) - 0.05


def test_of_many_users_some_are_asked_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    train = random_matrix(9, 90, 40, 0.15)
    asked: list[tuple[int, int]] = []
    gradient = growth.gradient

    def noted(weights: Weights, users: Csr, options: FitOptions, threads: Threads) -> torch.Tensor:
        asked.append(users.shape)
        return gradient(weights, users, options, threads)

    monkeypatch.setattr(costs, "USERS_ASKED", 16)
    monkeypatch.setattr(growth, "gradient", noted)
    options = replace(TINY, regrow_epochs=2)
    assert same_bits(fit(train, None, options, silent), fit(train, None, options, silent))
    assert asked == [(16, 40)] * 4


def test_without_pruning_every_weight_is_kept() -> None:
    found = fit(random_matrix(2, 60, 30), None, replace(TINY, nonzeros=12), silent)
    assert ((found.to_dense() != 0).sum(axis=1) == 12).all()


def test_training_lowers_the_loss() -> None:
    seen: list[Epoch] = []
    fit(random_matrix(3, 80, 30), None, replace(TINY, schedule="constant", final_epochs=10), seen.append)
    assert seen[-1].loss < seen[0].loss - 0.1


def test_an_item_nobody_trained_on_has_a_zero_row() -> None:
    dense = random_matrix(4, 50, 20).toarray()
    dense[:, [3, 17]] = 0
    found = fit(sp.csr_matrix(dense), None, TINY, silent)
    assert np.flatnonzero(~found.coded).tolist() == [3, 17]
    assert not found.weights[[3, 17]].any()
    assert found.violation() is None


def last_stage(seen: Sequence[Epoch]) -> list[float]:
    return [epoch.validation for epoch in seen if epoch.validation is not None]


def test_the_best_epoch_of_the_last_stage_is_kept_and_patience_ends_it(shop: Shop) -> None:
    seen: list[Epoch] = []
    options = replace(QUICK, dims=16, nonzeros=2, learning_rate=0.3, final_epochs=40, patience=3)
    found = fit(shop.parts.train, shop.validation, options, seen.append)
    values = last_stage(seen)
    best = int(np.argmax(values))
    assert len(values) == best + 1 + 3 < 40
    assert ndcg_100(found, shop.validation) == pytest.approx(values[best], abs=1e-6)


def test_only_the_last_stage_is_validated(shop: Shop) -> None:
    seen: list[Epoch] = []
    fit(shop.parts.train, shop.validation, replace(QUICK, dense_epochs=1, final_epochs=2), seen.append)
    assert [epoch.validation is None for epoch in seen] == [epoch.stage < seen[-1].stage for epoch in seen]
    assert seen[-1].validation is not None


def test_without_validation_the_last_stage_runs_through() -> None:
    seen: list[Epoch] = []
    fit(random_matrix(5, 50, 20), None, replace(TINY, final_epochs=9, patience=1), seen.append)
    assert len(seen) == 12


@pytest.mark.parametrize(
    "changes",
    [
        {"learning_rate": 0.0},
        {"learning_rate": -1.0},
        {"learning_rate": float("nan")},
        {"batch_size": 0},
        {"patience": 0},
        {"nonzeros": 0},
        {"nonzeros": 13},
        {"dims": 0},
        {"final_epochs": 0},
        {"dense_epochs": -1},
        {"start_nonzeros": 2},
        {"start_nonzeros": 12},
        {"start_nonzeros": 6, "restart": True},
    ],
    ids=str,
)
def test_options_that_do_not_fit_together_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=r"--|epochs"):
        fit(random_matrix(1, 20, 10), None, replace(TINY, **changes), silent)


def test_a_lost_loss_is_said_with_the_way_out() -> None:
    with pytest.raises(TrainingError, match="--learning-rate"):
        fit(random_matrix(1, 40, 10), None, replace(TINY, learning_rate=3e38, schedule="constant"), silent)


@pytest.mark.parametrize("learning_rate", [1e20, 3e38])
def test_weights_that_overflowed_are_a_failed_training_and_no_model(learning_rate: float) -> None:
    options = replace(TINY, learning_rate=learning_rate, prune_epochs=0, final_epochs=1, batch_size=1000)
    with pytest.raises(TrainingError, match="--learning-rate"):
        fit(random_matrix(1, 40, 10), None, options, silent)


def test_a_batch_larger_than_the_users_is_all_of_them() -> None:
    train = random_matrix(6, 40, 15)
    assert same_bits(
        fit(train, None, replace(TINY, batch_size=40), silent), fit(train, None, replace(TINY, batch_size=999), silent)
    )


def test_default_dims_grow_with_the_items_in_powers_of_two_from_64_to_4096() -> None:
    values = [default_dims(n_items) for n_items in range(1, 30_000, 37)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (64, 4096)
    assert {value.bit_count() for value in values} == {1}
    assert [default_dims(n_items) for n_items in (0, 1000, 1682, 3533, 10_000, 10**7)] == [64, 64, 128, 512, 4096, 4096]


def test_narrow_models_learn_with_relu() -> None:
    assert [default_loss(dims, 10_000) for dims in (64, 1024, 2048, 4096)] == ["relu", "relu", "linear", "linear"]
    assert [default_loss(dims, 3533) for dims in (128, 256, 512)] == ["relu", "linear", "linear"]


def test_default_batches_grow_with_the_users_in_powers_of_two_from_64_to_1024() -> None:
    values = [default_batch_size(n_users) for n_users in range(0, 20_000, 19)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (64, 1024)
    assert [default_batch_size(n_users) for n_users in (1, 512, 960, 4096, 10**6)] == [64, 64, 128, 512, 1024]


def test_both_precisions_learn_much_the_same() -> None:
    def cosines(precision: Precision) -> NDArray[np.float64]:
        options = replace(TINY, precision=precision, schedule="constant")
        A = fit(random_matrix(7, 80, 20, 0.2), None, options, silent).to_dense().astype(np.float64)
        return np.asarray(A @ A.T)

    found = np.corrcoef(cosines("float32").ravel(), cosines("bfloat16").ravel())[0, 1]
    assert found > 0.8


def test_sampled_outputs_learn_the_same_tastes(shop: Shop, embedding: ItemEmbedding) -> None:
    """A third of the items a step; a batch of 16 users knows fewer."""
    options = replace(QUICK, max_outputs=200, batch_size=16)
    sampled = fit(shop.parts.train, shop.validation, options, silent)
    assert sampled.violation() is None
    assert ndcg_100(sampled, shop.test) > ndcg_100(embedding, shop.test) - 0.05


def test_more_outputs_than_items_are_all_of_them() -> None:
    train = random_matrix(6, 40, 15)
    assert same_bits(fit(train, None, replace(TINY, max_outputs=15), silent), fit(train, None, TINY, silent))


def test_the_items_of_a_batch_are_always_among_its_outputs() -> None:
    train = random_matrix(6, 40, 30)
    found = fit(train, None, replace(TINY, max_outputs=1), silent)
    assert found.violation() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_cuda_and_cpu_learn_the_same_within_noise(shop: Shop, precision: Precision) -> None:
    options = replace(QUICK, precision=precision)
    on_cpu = fit(shop.parts.train, shop.validation, options, silent)
    on_cuda = fit(shop.parts.train, shop.validation, options, silent, device="cuda")
    assert ndcg_100(on_cuda, shop.test) == pytest.approx(ndcg_100(on_cpu, shop.test), abs=0.03)
