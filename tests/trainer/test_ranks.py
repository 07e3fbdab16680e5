"""Ranks train what one process trains: in threads, which are compared sum by sum, and in processes of torchrun."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from torch import Tensor

from index import artifact
from index.embedding import ItemEmbedding
from tests.trainer.worlds import FIT_QUICKLY, QUICK, Shop, random_matrix
from trainer.__main__ import main
from trainer.checkpoint import Checkpoint
from trainer.errors import TrainingError
from trainer.fit import TrainingRun, fit
from trainer.fit_options import Epoch, FitOptions

ROOT = Path(__file__).parents[2]
ONE_STEP = FitOptions(dims=12, nonzeros=3, prune_epochs=1, regrow_epochs=1, final_epochs=1, batch_size=500)
KINDS: dict[str, FitOptions] = {
    "dense": replace(ONE_STEP, schedule="constant", sparse_below=0),
    "sparse": replace(ONE_STEP, schedule="constant", loss="relu"),
    "gram": replace(ONE_STEP, schedule="constant", sparse_below=12),
    "pruned": ONE_STEP,
    "sparse start": replace(ONE_STEP, start_nonzeros=5),
    "sampled outputs": replace(ONE_STEP, max_outputs=20, batch_size=4),
    "small batches": replace(ONE_STEP, batch_size=3),
}


class Seats:
    """What ranks in threads of one process have in common."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.barrier = threading.Barrier(number, timeout=20)
        self.given: list[Any] = [None] * number

    def gathered(self, rank: int, value: Any) -> list[Any]:
        self.given[rank] = value
        self.barrier.wait()
        found = list(self.given)
        self.barrier.wait()
        return found


class Seat:
    def __init__(self, seats: Seats, rank: int) -> None:
        self.seats, self.rank, self.number = seats, rank, seats.number

    def sum_(self, tensor: Tensor) -> None:
        total = sum(self.seats.gathered(self.rank, tensor.clone()))
        assert isinstance(total, Tensor)
        tensor.copy_(total)

    def union(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.unique(np.concatenate(self.seats.gathered(self.rank, rows)))


def silent(_: Epoch) -> None: ...


def together(number: int, work: Callable[[Seat], Any]) -> list[Any]:
    """What `work` gives on each rank. Raises what it raises."""
    seats, found, wrong = Seats(number), [None] * number, []

    def sit(rank: int) -> None:
        try:
            found[rank] = work(Seat(seats, rank))
        except BaseException as error:
            wrong.append(error)
            seats.barrier.abort()

    threads = [threading.Thread(target=sit, args=(rank,)) for rank in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise wrong[0]
    return found


@pytest.mark.parametrize("number", [2, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_ranks_come_to_the_weights_of_one_process(kind: str, number: int) -> None:
    """After an epoch or two they differ by the order of sums only. Of five ranks some have no user in a batch."""
    options, train = KINDS[kind], random_matrix(1, 23, 30)

    def trained(ranks: Seat) -> tuple[float, NDArray[np.float32]]:
        run = TrainingRun(train[ranks.rank :: ranks.number], None, options, ranks=ranks)
        loss = run.advance().loss
        if kind == "sparse start":  # what grew next may differ where two gradients are nearly the same
            return loss, run.embedding().to_dense()
        return loss + run.advance().loss, run.embedding().to_dense()

    [(loss, alone)] = together(1, trained)
    for found, weights in together(number, trained):
        assert found == pytest.approx(loss, abs=1e-5)
        np.testing.assert_allclose(weights, alone, atol=5e-3)


def test_ranks_are_as_good_and_stop_at_the_same_epoch(shop: Shop, embedding: ItemEmbedding) -> None:
    def trained(ranks: Seat) -> tuple[ItemEmbedding, list[Epoch]]:
        epochs: list[Epoch] = []
        train = shop.parts.train[ranks.rank :: ranks.number]
        return fit(train, shop.validation, QUICK, epochs.append, ranks=ranks), epochs

    (one, epochs), (other, others) = together(2, trained)
    assert one.to_dense().tobytes() == other.to_dense().tobytes()
    assert epochs == others
    alone: list[Epoch] = []
    fit(shop.parts.train, shop.validation, QUICK, alone.append)
    assert max(epoch.validation or 0 for epoch in epochs) == pytest.approx(
        max(epoch.validation or 0 for epoch in alone), abs=0.02
    )


def test_ranks_start_from_a_version_together(shop: Shop, embedding: ItemEmbedding) -> None:
    warm = replace(QUICK, warm=True, warm_epochs=0, final_epochs=1)

    def trained(ranks: Seat) -> NDArray[np.float32]:
        train = shop.parts.train[ranks.rank :: ranks.number]
        return fit(train, None, warm, silent, ranks=ranks, start=embedding).to_dense()

    [alone], (one, other) = together(1, trained), together(2, trained)
    assert one.tobytes() == other.tobytes()
    np.testing.assert_allclose(one, alone, atol=5e-3)


def test_a_run_of_two_ranks_goes_on_with_three() -> None:
    options, train = replace(ONE_STEP, prune_epochs=2, final_epochs=2), random_matrix(1, 40, 30)
    states: list[Checkpoint] = []

    def begun(ranks: Seat) -> None:
        run = TrainingRun(train[ranks.rank :: 2], None, options, ranks=ranks)
        run.advance()
        if ranks.rank == 0:
            states.append(run.state())

    def ended(ranks: Seat) -> NDArray[np.float32]:
        return fit(train[ranks.rank :: ranks.number], None, options, silent, resumed=states[0], ranks=ranks).to_dense()

    together(2, begun)
    found = together(3, ended)
    np.testing.assert_allclose(found[0], fit(train, None, options, silent).to_dense(), atol=5e-3)
    assert found[0].tobytes() == found[1].tobytes() == found[2].tobytes()


def test_ranks_that_come_to_different_weights_stop() -> None:
    train = random_matrix(1, 40, 30)

    def spoilt(ranks: Seat) -> None:
        run = TrainingRun(train[ranks.rank :: 2], None, ONE_STEP, ranks=ranks)
        if ranks.rank:
            run.weights.values[3, 2] += 0.01
        run.advance()

    with pytest.raises(TrainingError, match="different weights"):
        together(2, spoilt)


# ------------------------------------------------------------ processes

LONGER = [*FIT_QUICKLY, "--dense-epochs", "4", "--prune-epochs", "24"]


@contextmanager
def started(folder: Path, *more: str, restarts: int = 0) -> Iterator["subprocess.Popen[str]"]:
    """Two ranks by torchrun."""
    launch = f"--standalone --nproc-per-node 2 --max-restarts {restarts} --monitor-interval 0.1 -m -- trainer".split()
    written = ["--out", str(folder / "out"), "--log", str(folder / "log")]
    command = [sys.executable, "-m", "torch.distributed.run", *launch, *LONGER, *written, *more]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            running.terminate()  # it ends its ranks, which are not in its group
            running.wait(timeout=30)


def kill_rank(running: "subprocess.Popen[str]", rank: int) -> None:
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    for child in children:
        if f"\0RANK={rank}\0" in Path(f"/proc/{child}/environ").read_text():
            return os.kill(int(child), signal.SIGKILL)
    raise AssertionError(f"no rank {rank} among {children}")


def epochs_of(log: Path) -> list[int]:
    return [json.loads(line)["number"] for line in log.read_text().splitlines()] if log.exists() else []


def wait_for_epochs(running: "subprocess.Popen[str]", log: Path, number: int) -> None:
    until = time.monotonic() + 60
    while len(epochs_of(log)) < number:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < until
        time.sleep(0.02)


def test_a_rank_that_is_killed_is_started_again_and_training_goes_on(tmp_path: Path) -> None:
    with started(tmp_path, "--json", restarts=1) as running:
        wait_for_epochs(running, tmp_path / "log", 3)
        kill_rank(running, 1)
        printed, told = running.communicate(timeout=120)
    assert running.returncode == 0, told
    assert "resuming after epoch" in told
    numbers = epochs_of(tmp_path / "log")
    assert len(numbers) in (len(set(numbers)), len(set(numbers)) + 1)  # a kill may fall between checkpoint and log
    systems = json.loads(printed)["metrics"]["test"]
    assert systems["sparseshelf, 4 of 32"]["ndcg@100"] > 2 * systems["popular"]["ndcg@100"]


def test_without_restarts_all_end_and_one_process_goes_on(tmp_path: Path) -> None:
    with started(tmp_path) as running:
        wait_for_epochs(running, tmp_path / "log", 3)
        kill_rank(running, 1)
        _, told = running.communicate(timeout=60)
    assert running.returncode != 0
    assert "with --resume goes on" in told
    done = epochs_of(tmp_path / "log")
    arguments = [*LONGER, "--out", str(tmp_path / "out"), "--log", str(tmp_path / "log"), "--resume"]
    assert main(arguments) == 0
    assert epochs_of(tmp_path / "log")[: len(done)] == done
    assert artifact.open_current(tmp_path / "out").manifest.metrics
