"""Runs that are killed, and gone on with from the command line to the same artifact bytes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index import artifact
from tests.trainer.console import ROOT, TINY, Console, files, films, process
from tests.trainer.worlds import FIT_QUICKLY
from trainer.__main__ import main

LONGER = [*FIT_QUICKLY, "--dense-epochs", "4", "--prune-epochs", "8"]


def killed(out: Path, log: Path, how: signal.Signals, n_epochs: int) -> tuple[int, str]:
    """Runs `fit`, sends it a signal once `n_epochs` are in its log; exit code and stderr."""
    command = [sys.executable, "-m", "trainer", *LONGER, "--out", str(out), "--log", str(log), "--resume"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            while running.poll() is None and not (log.exists() and log.read_text().count("\n") >= n_epochs):
                time.sleep(0.01)
            running.send_signal(how)
            _, told = running.communicate(timeout=60)
        finally:
            running.kill()
    return running.returncode, told


def test_a_run_killed_twice_ends_in_the_bytes_of_one_that_was_not(tmp_path: Path, capsys: Console) -> None:
    assert main([*LONGER, "--out", str(tmp_path / "whole")]) == 0
    out, log = tmp_path / "out", tmp_path / "epochs.jsonl"
    assert killed(out, log, signal.SIGKILL, 2)[0] == -signal.SIGKILL
    code, told = killed(out, log, signal.SIGTERM, 7)
    assert code == 130
    assert "resuming after epoch" in told
    assert "is kept: the same command with --resume goes on after it" in told
    assert "Traceback" not in told
    with pytest.raises(Exception, match="no artifact"):
        artifact.open_current(out)
    assert main([*LONGER, "--out", str(out), "--log", str(log), "--resume"]) == 0
    assert files(out) == files(tmp_path / "whole")
    numbers = [line.split(",")[0] for line in log.read_text().splitlines()]
    assert len(numbers) in (len(set(numbers)), len(set(numbers)) + 1)  # a kill may fall between checkpoint and log


@pytest.fixture
def interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The arguments of a run that was interrupted after its last epoch, while segments were made."""
    arguments = ["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out")]

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trainer.commands.fit.segment", stop)
        assert main(arguments) == 130
    return arguments


def test_what_was_trained_is_not_trained_again(interrupted: list[str], capsys: Console, tmp_path: Path) -> None:
    log = tmp_path / "epochs.jsonl"
    assert main([*interrupted, "--resume", "--log", str(log)]) == 0
    assert log.read_text() == ""
    assert not (tmp_path / "out" / ".checkpoint.npz").exists()


def test_the_choices_of_the_machine_are_those_of_the_interrupted_run(interrupted: list[str], tmp_path: Path) -> None:
    place = interrupted.index("--threads")
    without_threads = interrupted[:place] + interrupted[place + 2 :]
    assert main([*without_threads, "--resume"]) == 0
    assert artifact.open_current(tmp_path / "out").manifest.options["threads"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["--dims", "32"], "the interrupted run had dims 16, not 32"),
        (["--seed", "2"], "seed 1, not 2"),
        (["--min-rating", "5"], "data "),
        (["--no-holdout"], "holdout True, not False"),
    ],
)
def test_another_run_is_not_gone_on_with(
    interrupted: list[str], changes: list[str], words: str, capsys: Console, tmp_path: Path
) -> None:
    before = files(tmp_path / "out")
    capsys.readouterr()
    assert main([*interrupted, *changes, "--resume"]) == 3
    assert words in capsys.readouterr().err
    assert files(tmp_path / "out") == before


def test_other_segments_of_the_same_training_are_welcome(interrupted: list[str], tmp_path: Path) -> None:
    assert main([*interrupted, "--tau", "0.9", "--resume"]) == 0


def test_without_resume_it_begins_again_and_says_so(interrupted: list[str], tmp_path: Path) -> None:
    done = process(*interrupted)
    assert done.returncode == 0
    assert "a checkpoint of an interrupted run will be replaced; --resume would go on with it" in done.stderr


def test_resuming_what_was_never_begun_begins(tmp_path: Path) -> None:
    done = process("fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--resume")
    assert done.returncode == 0
    assert "no checkpoint is there: from the beginning" in done.stderr


FILLED = """
import shutil, sys, threading, time
from pathlib import Path
from tests.trainer.worlds import FIT_QUICKLY
from trainer.__main__ import main

disk, log = Path(sys.argv[1]), Path(sys.argv[2])
out, filler = disk / "out", disk / "filler"

def fill():
    while not (log.exists() and log.read_text()):
        time.sleep(0.001)
    with filler.open("wb", buffering=0) as file:
        while not ended.is_set():  # what a failed checkpoint gave back is taken as well
            try:
                file.write(bytes(4096))
            except OSError:
                time.sleep(0.001)

given = [*FIT_QUICKLY, "--dense-epochs", "20", "--out", str(out), "--log", str(log), "--quiet"]
ended, thread = threading.Event(), threading.Thread(target=fill)
thread.start()
assert main(given) == 5
ended.set()
thread.join()
assert [path.name for path in out.iterdir()] == [".checkpoint.npz"], list(out.iterdir())
filler.unlink()
assert main([*given, "--resume"]) == 0
assert main([*given[:-5], "--out", sys.argv[3]]) == 0
for path in Path(sys.argv[3]).rglob("*"):
    assert path.is_dir() or path.read_bytes() == (out / path.relative_to(sys.argv[3])).read_bytes(), path
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_up_leaves_no_version_and_the_run_goes_on_once_there_is_room(tmp_path: Path) -> None:
    disk, log, whole = tmp_path / "disk", tmp_path / "log.jsonl", tmp_path / "whole"
    disk.mkdir()
    mount = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        'mount -t tmpfs -o size=8m none "$1" && shift && exec "$@"',
        "sh",
        str(disk),
    ]
    if subprocess.run([*mount, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no mounts are allowed here")
    done = subprocess.run(
        [*mount, sys.executable, "-c", FILLED, str(disk), str(log), str(whole)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "No space left on device" in done.stderr
    assert "the same command with --resume goes on" in done.stderr
