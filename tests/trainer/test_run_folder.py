"""The output folder while a run writes to it, with real processes that are killed and real full disks."""

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import write
from tests.worlds import by_hand
from trainer.checkpoint import Checkpoint
from trainer.errors import ConfigurationError, DataError
from trainer.run_folder import RunFolder


def state_of(number: int, n_weights: int = 8) -> Checkpoint:
    return Checkpoint(number, 0, 1, arrays={"weight": np.zeros(n_weights, np.float32)})


def test_a_checkpoint_is_found_again_with_what_decided_it(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "out") as folder:
        folder.begin({"seed": 3})
        folder.keep(state_of(4))
    with RunFolder(tmp_path / "out") as folder:
        assert folder.has_checkpoint
        kept = folder.kept()
    assert kept is not None
    assert (kept[0].number, kept[1]) == (4, {"seed": 3})


def test_a_finished_run_leaves_nothing_but_its_artifact(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        folder.keep(state_of(1))
        version = write(tmp_path, by_hand()).version
        folder.finish()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["CURRENT", version])


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def interrupted() -> None:
        with RunFolder(tmp_path) as folder:
            folder.keep(state_of(12))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert caplog.messages == ["epoch 12 is kept: the same command with --resume goes on after it"]


def test_a_run_that_never_got_far_promises_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path):
        raise KeyboardInterrupt
    assert caplog.messages == []


def test_without_checkpoints_none_is_kept(tmp_path: Path) -> None:
    with RunFolder(tmp_path, checkpoints=False) as folder:
        folder.keep(state_of(1))
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_left_is_removed_and_versions_stay(tmp_path: Path) -> None:
    version = write(tmp_path, by_hand()).version
    (tmp_path / ".writing-1234").mkdir()
    (tmp_path / ".writing-1234" / "dims.npy").touch()
    (tmp_path / ".CURRENT-1234").touch()
    with RunFolder(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["CURRENT", version])


def hold(path: Path, held: "multiprocessing.synchronize.Event") -> None:
    with RunFolder(path):
        held.set()
        multiprocessing.Event().wait()


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[multiprocessing.Process]:
    """Another process with a run in the folder."""
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    process = context.Process(target=hold, args=(tmp_path / "out", held))
    process.start()
    assert held.wait(60)
    yield process  # type: ignore[misc]
    process.kill()
    process.join()


def test_two_runs_do_not_write_to_one_folder_and_a_killed_one_lets_go(
    holder: multiprocessing.Process, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match="another run is writing to it"), RunFolder(tmp_path / "out"):
        pass
    holder.kill()
    holder.join()
    with RunFolder(tmp_path / "out"):
        pass


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    (tmp_path / ".checkpoint.npz").write_bytes(b"PK")
    with RunFolder(tmp_path) as folder, pytest.raises(DataError, match=r"\.checkpoint\.npz: it is not a checkpoint"):
        folder.kept()


def test_a_disk_too_small_is_said_before_training(tmp_path: Path) -> None:
    with RunFolder(tmp_path) as folder:
        folder.check_space(1000, 1000)
        with pytest.raises(ConfigurationError, match=r"MiB are free, about .* are needed; --no-checkpoints needs less"):
            folder.check_space(2**60, 0)
    with RunFolder(tmp_path, checkpoints=False) as folder:
        folder.check_space(2**60, 0)
        with pytest.raises(ConfigurationError, match="make room"):
            folder.check_space(0, 2**60)


FULL = """
import sys
from pathlib import Path
import numpy as np
from tests.trainer.test_run_folder import state_of
from trainer.run_folder import RunFolder

with RunFolder(Path(sys.argv[1])) as folder:
    folder.keep(state_of(1))
    folder.keep(state_of(2, 1_000_000))
    assert folder.kept()[0].number == 1, "the checkpoint before is lost"
    assert sorted(path.name for path in Path(sys.argv[1]).iterdir()) == [".checkpoint.npz"]
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_up_costs_a_checkpoint_and_not_the_run(tmp_path: Path) -> None:
    mount = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"', "sh"]
    if subprocess.run([*mount, str(tmp_path), "/bin/true", ""], capture_output=True, check=False).returncode:
        pytest.skip("no mounts are allowed here")
    done = subprocess.run([*mount, str(tmp_path), sys.executable, FULL], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "no checkpoint of epoch 2: No space left on device" in done.stderr
