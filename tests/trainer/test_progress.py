"""What a person and a log file see of a run."""

import contextlib
import fcntl
import json
import logging
import os
import pty
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

from trainer.fit_options import Epoch
from trainer.progress import Progress

EPOCHS = [Epoch(1, 2, 1, 8, 1.25, None), Epoch(2, 2, 2, 4, 0.5, 0.125)]


def watch(log: Path | None, *, quiet: bool = False) -> None:
    with Progress(log, quiet=quiet) as progress:
        for epoch in EPOCHS:
            progress(epoch)


def test_no_bar_is_drawn_where_nobody_looks(capsys: pytest.CaptureFixture[str]) -> None:
    watch(None)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def shown(screen: int) -> str:
    """What arrives until nothing has for a tenth of a second: a terminal hands its lines on when it likes."""
    seen, last = b"", time.monotonic()
    while time.monotonic() - last < 0.1:
        try:
            seen += os.read(screen, 100_000)
            last = time.monotonic()
        except BlockingIOError:
            time.sleep(0.005)
    return seen.decode()


@pytest.mark.parametrize("quiet", [False, True])
def test_a_terminal_gets_a_bar_unless_it_wants_quiet(quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    screen, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 200, 0, 0))
    os.set_blocking(screen, False)
    with os.fdopen(terminal, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        watch(None, quiet=quiet)
        monkeypatch.undo()
        seen = shown(screen)
    os.close(screen)
    if quiet:
        assert seen == ""
    else:
        for part in ("2/2", "stage=2", "k=4", "steps=dense", "loss=0.5000", "validation=0.1250"):
            assert part in seen


def test_the_log_has_every_epoch_as_soon_as_it_is_over(tmp_path: Path) -> None:
    log = tmp_path / "epochs.jsonl"
    with Progress(log, quiet=True) as progress:
        for number, epoch in enumerate(EPOCHS, start=1):
            progress(epoch)
            assert len(log.read_text().splitlines()) == number
    first, second = (json.loads(line) for line in log.read_text().splitlines())
    assert first == {"number": 1, "total": 2, "stage": 1, "k": 8, "loss": 1.25, "validation": None, "way": "dense"}
    assert second["validation"] == 0.125


def test_a_run_that_breaks_off_leaves_the_log_whole(tmp_path: Path) -> None:
    log = tmp_path / "epochs.jsonl"
    progress = Progress(log)
    with contextlib.suppress(KeyboardInterrupt), progress:
        progress(EPOCHS[0])
        raise KeyboardInterrupt
    assert len(log.read_text().splitlines()) == 1


@pytest.mark.parametrize(("total", "told"), [(40, 10), (25, 12), (3, 3)])
def test_a_log_file_gets_some_lines_and_not_one_an_epoch(
    total: int, told: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO), Progress(None) as progress:
        for number in range(1, total + 1):
            progress(Epoch(number, total, 1, 8, 1 / number, None))
    assert len(caplog.messages) == told
    assert all(f"of at most {total}" in message for message in caplog.messages)


def test_quiet_is_quiet_without_a_terminal_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        watch(None, quiet=True)
    assert not caplog.messages


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_costs_the_log_and_not_the_training(caplog: pytest.LogCaptureFixture) -> None:
    watch(Path("/dev/full"), quiet=True)
    assert caplog.messages == ["--log ends before epoch 1: No space left on device"]
