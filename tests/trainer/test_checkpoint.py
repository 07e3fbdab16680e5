"""A run between two epochs: written, read, and gone on with, to the same bits."""

import contextlib
import dataclasses
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index.embedding import ItemEmbedding
from tests.trainer.worlds import QUICK, Shop, random_matrix
from trainer import checkpoint
from trainer.checkpoint import Checkpoint
from trainer.errors import DataError
from trainer.fit import fit
from trainer.fit_options import Epoch, FitOptions

TINY = FitOptions(dims=12, nonzeros=3, prune_epochs=3, regrow_epochs=0, final_epochs=3, batch_size=16)
# Every epoch a new support; several epochs of one; restarts; sampled outputs; bfloat16.
RUNS = {
    "exponential": TINY,
    "dense epochs first": replace(TINY, dense_epochs=3),
    "regrown": replace(TINY, regrow_epochs=3, regrow=0.6),
    "regrown with several epochs of a support before": replace(TINY, regrow_epochs=2, schedule="step", prune_epochs=6),
    "constant": replace(TINY, schedule="constant", prune_epochs=4),
    "restart": replace(TINY, restart=True, schedule="linear"),
    "sparse start": replace(TINY, start_nonzeros=5, regrow_epochs=2, dense_epochs=2),
    "sparse start, relu": replace(TINY, start_nonzeros=5, regrow_epochs=2, loss="relu", schedule="step"),
    "sampled outputs": replace(TINY, max_outputs=12, batch_size=3),
    "bfloat16": replace(TINY, precision="bfloat16", schedule="step", prune_epochs=6),
}


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "run.npz"


def same_bits(one: ItemEmbedding, other: ItemEmbedding) -> bool:
    return np.array_equal(one.dims, other.dims) and one.weights.tobytes() == other.weights.tobytes()


def silent(_: Epoch) -> None:
    pass


@pytest.mark.parametrize("kind", RUNS)
def test_a_run_resumed_after_any_epoch_ends_with_the_same_bits(kind: str, kept: Path) -> None:
    options, train = RUNS[kind], random_matrix(1, 60, 30)
    states: list[Checkpoint] = []

    def keep(state: Checkpoint) -> None:
        checkpoint.write(kept, state, {})
        states.append(checkpoint.read(kept)[0])

    whole = fit(train, None, options, silent, keep=keep)
    assert len(states) == sum(stage.epochs for stage in options.stages())
    for state in states:
        seen: list[Epoch] = []
        assert same_bits(fit(train, None, options, seen.append, resumed=state), whole)
        assert [epoch.number for epoch in seen] == list(range(state.number + 1, len(states) + 1))


def test_a_resumed_run_remembers_its_best_epoch_and_its_patience(shop: Shop, kept: Path) -> None:
    options = replace(QUICK, dims=16, nonzeros=2, learning_rate=0.3, final_epochs=40, patience=3)
    states: list[Checkpoint] = []
    seen: list[Epoch] = []

    def keep(state: Checkpoint) -> None:
        checkpoint.write(kept, state, {})
        states.append(checkpoint.read(kept)[0])

    whole = fit(shop.parts.train, shop.validation, options, seen.append, keep=keep)
    for state in (states[-1], states[-3], states[options.prune_epochs]):
        again: list[Epoch] = []
        found = fit(shop.parts.train, shop.validation, options, again.append, resumed=state)
        assert same_bits(found, whole)
        assert again == seen[state.number :]


def state_of(number: int) -> Checkpoint:
    return Checkpoint(number, 0, 1, arrays={"weight": np.ones((2, 3), np.float32), "dims": np.zeros((2, 3), np.int32)})


def test_what_is_written_is_read_back(kept: Path) -> None:
    checkpoint.write(kept, state_of(7), {"dims": 12, "min_rating": None, "data": "ü"})
    found, decides = checkpoint.read(kept)
    assert decides == {"dims": 12, "min_rating": None, "data": "ü"}
    assert (found.number, found.stage, found.epochs_of_stage, found.best_score) == (7, 0, 1, None)
    assert found.arrays["weight"].dtype == np.float32
    assert {name: array.tolist() for name, array in found.arrays.items()} == {
        "weight": [[1.0] * 3] * 2, "dims": [[0] * 3] * 2,
    }  # fmt: skip


def test_a_checkpoint_that_could_not_be_written_leaves_the_one_before(kept: Path) -> None:
    checkpoint.write(kept, state_of(1), {})
    broken = dataclasses.replace(state_of(2), arrays={"weight": np.array([{}], object)})
    with pytest.raises(ValueError, match="allow_pickle"):
        checkpoint.write(kept, broken, {})
    assert checkpoint.read(kept)[0].number == 1
    assert [path.name for path in kept.parent.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("size", [0, 10, 200, -1])
def test_a_damaged_checkpoint_is_refused_by_name(kept: Path, size: int) -> None:
    checkpoint.write(kept, state_of(1), {})
    kept.write_bytes(kept.read_bytes()[:size])
    with pytest.raises(DataError, match=r"run\.npz: it is not a checkpoint .* leave --resume out"):
        checkpoint.read(kept)


def test_an_altered_checkpoint_is_refused(kept: Path) -> None:
    checkpoint.write(kept, state_of(1), {})
    content = bytearray(kept.read_bytes())
    content[content.index(b"\x00\x00\x80?") + 2] ^= 1  # a weight of 1.0
    kept.write_bytes(content)
    with pytest.raises(DataError, match="not a checkpoint"):
        checkpoint.read(kept)


def test_a_pickle_in_a_checkpoint_is_not_read(kept: Path) -> None:
    with kept.open("wb") as file:
        np.savez(file, weight=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match="not a checkpoint"):
        checkpoint.read(kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": 9},
        {"epochs_of_stage": 9},
        {"epochs_of_stage": 0},
        {"arrays": {}},
        {"weight": np.zeros((30, 6))},
        {"weight": np.zeros((30, 5), np.float32)},
        {"dims": np.full((30, 6), 99, np.int32)},
        {"dims": np.zeros((30, 6))},
        {"dims": None},
        {"generator": np.zeros(3, np.uint8)},
        {"best_score": 0.5},
    ],
    ids=str,
)
def test_a_checkpoint_of_another_run_is_refused(changes: dict[str, Any]) -> None:
    states: list[Checkpoint] = []
    fit(random_matrix(1, 60, 30), None, TINY, silent, keep=states.append)
    arrays = {name: array for name, array in states[1].arrays.items() if name not in changes}
    arrays |= {name: array for name, array in changes.items() if name in states[1].arrays and array is not None}
    facts = {name: value for name, value in changes.items() if name not in states[1].arrays}
    broken = replace(states[1], **{"arrays": arrays, **facts})
    with pytest.raises(DataError, match="does not fit this run"):
        fit(random_matrix(1, 60, 30), None, TINY, silent, resumed=broken)


def test_a_checkpoint_of_other_items_is_refused() -> None:
    states: list[Checkpoint] = []
    fit(random_matrix(1, 60, 30), None, TINY, silent, keep=states.append)
    with pytest.raises(DataError, match="does not fit this run"):
        fit(random_matrix(1, 60, 31), None, TINY, silent, resumed=states[1])


@pytest.mark.parametrize("seed", range(100))
def test_a_checkpoint_with_flipped_bytes_is_refused_or_the_same(kept: Path, seed: int) -> None:
    checkpoint.write(kept, state_of(3), {"dims": 12})
    content = bytearray(kept.read_bytes())
    rng = random.Random(seed)
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    kept.write_bytes(content)
    with contextlib.suppress(DataError):
        assert checkpoint.read(kept)[1] == {"dims": 12}


def test_what_differs_is_said_by_name() -> None:
    assert checkpoint.differences({"dims": 64, "seed": 1}, {"dims": 128, "seed": 1}) == ["dims 128, not 64"]
    assert checkpoint.differences({"dims": 64}, {"dims": 64}) == []
