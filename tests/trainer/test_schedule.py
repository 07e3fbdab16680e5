"""Schedules: exactly k at the end, whatever the width, and never up."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.errors import ConfigurationError
from trainer.schedule import SCHEDULES, Stage, stages

SIZES = st.integers(1, 8192).flatmap(lambda n_dims: st.tuples(st.just(n_dims), st.integers(1, n_dims)))
NAMES = st.sampled_from(sorted(SCHEDULES))


@given(NAMES, SIZES, st.integers(1, 80))
def test_every_schedule_ends_at_k_and_never_rises(name: str, sizes: tuple[int, int], epochs: int) -> None:
    n_dims, k = sizes
    values = SCHEDULES[name](n_dims, k, epochs)
    assert len(values) == epochs
    assert values[-1] == k
    assert all(k <= later <= earlier <= n_dims for earlier, later in pairwise([n_dims, *values]))


@given(NAMES, SIZES, st.integers(0, 9), st.integers(0, 50), st.integers(1, 50))
def test_stages_end_at_k_never_rise_and_take_every_epoch(
    name: str, sizes: tuple[int, int], dense_epochs: int, prune_epochs: int, final_epochs: int
) -> None:
    n_dims, k = sizes
    found = stages(
        name, n_dims=n_dims, k=k, dense_epochs=dense_epochs, prune_epochs=prune_epochs, final_epochs=final_epochs
    )
    assert sum(stage.epochs for stage in found) == dense_epochs + prune_epochs + final_epochs
    assert found[-1].k == k
    assert found[-1].epochs >= final_epochs
    assert all(later.k < earlier.k for earlier, later in pairwise(found))
    if dense_epochs:
        assert found[0].k == n_dims
        assert found[0].epochs >= dense_epochs


@given(NAMES, SIZES, st.integers(0, 50), st.integers(1, 20), st.floats(0.01, 0.99))
def test_regrown_epochs_come_between_pruning_and_the_last_stage(
    name: str, sizes: tuple[int, int], prune_epochs: int, regrow_epochs: int, regrow: float
) -> None:
    n_dims, k = sizes
    plain = {"n_dims": n_dims, "k": k, "dense_epochs": 0, "prune_epochs": prune_epochs}
    found = stages(name, **plain, final_epochs=7, regrow_epochs=regrow_epochs, regrow=regrow)
    if k == n_dims:  # nothing is missing
        assert found == stages(name, **plain, final_epochs=7)
        return
    assert found[-2:] == [Stage(k, regrow_epochs, regrow), Stage(k, 7)]
    assert sum(stage.epochs for stage in found[:-2]) == prune_epochs
    assert not any(stage.exchanged(epoch) for stage in [*found[:-2], found[-1]] for epoch in range(stage.epochs))
    counts = [found[-2].exchanged(epoch) for epoch in range(regrow_epochs)]
    assert counts == sorted(counts, reverse=True)
    assert all(min(1, k - 1) <= count < k for count in counts) or counts == [0] * regrow_epochs


@given(NAMES, SIZES, st.integers(0, 9), st.integers(1, 50), st.integers(0, 9), st.floats(0.01, 0.99), st.data())
def test_a_sparse_start_is_never_wider_and_exchanges_less_and_less_until_k(
    name: str,
    sizes: tuple[int, int],
    dense_epochs: int,
    prune_epochs: int,
    regrow_epochs: int,
    regrow: float,
    data: st.DataObject,
) -> None:
    n_dims, k = sizes
    if k == n_dims:
        return
    start = data.draw(st.integers(k, n_dims - 1))
    epochs = {"dense_epochs": dense_epochs, "prune_epochs": prune_epochs, "regrow_epochs": regrow_epochs}
    found = stages(name, n_dims=n_dims, k=k, **epochs, final_epochs=7, regrow=regrow, start=start)
    growing, ended = (found[:-2], found[-2:]) if regrow_epochs else (found[:-1], found[-1:])
    assert ended == [*[Stage(k, regrow_epochs, regrow)][:regrow_epochs], Stage(k, 7)]
    assert sum(stage.epochs for stage in growing) == dense_epochs + prune_epochs
    assert max(stage.k for stage in found) <= start
    counts = [stage.exchanged(epoch) for stage in growing for epoch in range(stage.epochs)]
    assert counts == sorted(counts, reverse=True)
    shares = [(stage.regrown, stage.regrown_later) for stage in growing]
    assert shares[0][0] == regrow
    assert shares[-1][1] == pytest.approx(0)
    assert all(one[1] == other[0] for one, other in pairwise(shares))


@pytest.mark.parametrize("start", [3, 64, 65])
def test_a_start_that_is_none_is_refused(start: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"between --nonzeros \(4\) and 63, below --dims, got {start}"):
        stages("exponential", n_dims=64, k=4, dense_epochs=0, prune_epochs=1, final_epochs=1, start=start)


def test_the_share_that_is_exchanged_falls_to_nothing() -> None:
    assert [Stage(16, 5, 0.5).exchanged(epoch) for epoch in range(5)] == [8, 6, 5, 3, 2]
    assert Stage(1, 5, 0.5).exchanged(0) == 0  # the only one stays
    assert Stage(8, 100, 0.1).exchanged(99) == 1


@given(st.sampled_from(["linear", "exponential", "step"]), SIZES, st.integers(2, 50))
def test_pruning_starts_from_the_whole_width(name: str, sizes: tuple[int, int], epochs: int) -> None:
    assert SCHEDULES[name](*sizes, epochs)[0] == sizes[0]


@pytest.mark.parametrize(
    ("name", "n_dims", "k", "epochs", "expected"),
    [
        ("constant", 64, 4, 3, [4, 4, 4]),
        ("linear", 10, 2, 5, [10, 8, 6, 4, 2]),
        ("linear", 10, 3, 4, [10, 8, 5, 3]),
        ("exponential", 64, 4, 5, [64, 32, 16, 8, 4]),
        ("exponential", 100, 1, 3, [100, 10, 1]),
        ("exponential", 6144, 16, 2, [6144, 16]),
        ("step", 64, 16, 6, [64, 64, 32, 32, 16, 16]),
        ("step", 100, 16, 4, [100, 50, 25, 16]),
        ("step", 2048, 16, 3, [2048, 512, 16]),
        ("step", 64, 16, 1, [16]),
        ("linear", 8, 8, 2, [8, 8]),
    ],
)
def test_schedules_by_hand(name: str, n_dims: int, k: int, epochs: int, expected: list[int]) -> None:
    assert SCHEDULES[name](n_dims, k, epochs) == expected


def test_equal_values_are_one_stage() -> None:
    found = stages("exponential", n_dims=64, k=4, dense_epochs=2, prune_epochs=5, final_epochs=3)
    assert found == [Stage(64, 3), Stage(32, 1), Stage(16, 1), Stage(8, 1), Stage(4, 4)]


@pytest.mark.parametrize(("n_dims", "k"), [(4, 0), (4, 5), (0, 1), (4, -1)])
def test_a_k_that_no_row_can_have_is_refused(n_dims: int, k: int) -> None:
    with pytest.raises(ConfigurationError, match=rf"--nonzeros must be between 1 and --dims \({n_dims}\), got {k}"):
        stages("linear", n_dims=n_dims, k=k, dense_epochs=0, prune_epochs=1, final_epochs=1)


@pytest.mark.parametrize(("dense", "prune", "final"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1)])
def test_epochs_that_nobody_can_train_are_refused(dense: int, prune: int, final: int) -> None:
    with pytest.raises(ConfigurationError, match="epochs must not be negative"):
        stages("linear", n_dims=4, k=2, dense_epochs=dense, prune_epochs=prune, final_epochs=final)
