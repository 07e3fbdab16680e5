"""python -m trainer rollback: back to the version before, as somebody in a hurry would."""

import fcntl
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import artifact
from tests.conftest import write
from tests.trainer.console import TINY, Console, exit_code, films, process
from tests.worlds import by_hand
from trainer.__main__ import main


def version_of(folder: Path, number: int) -> str:
    return write(folder, replace(by_hand(), popularity=np.full(6, number / 10, np.float32)), f"v{number}").version


@pytest.fixture
def three(tmp_path: Path) -> tuple[Path, list[str]]:
    folder = tmp_path / "artifacts"
    return folder, [version_of(folder, number) for number in (1, 2, 3)]


def refusal(console: Console, code: int, *arguments: object) -> str:
    console.readouterr()
    assert main(["rollback", *map(str, arguments)]) == code
    captured = console.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line


def listed(console: Console, folder: Path) -> list[dict[str, Any]]:
    console.readouterr()
    assert main(["rollback", str(folder), "--list", "--json"]) == 0
    found: list[dict[str, Any]] = json.loads(console.readouterr().out)["versions"]
    return found


def test_rollback_makes_the_version_before_current_and_a_second_one_goes_further_back(
    three: tuple[Path, list[str]], capsys: Console
) -> None:
    folder, (a, b, c) = three
    assert main(["rollback", str(folder)]) == 0
    assert capsys.readouterr().out.startswith(f"{b} is the current version now; it was {c}\n")
    assert main(["rollback", str(folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"artifacts": str(folder), "version": a, "version_before": b}
    assert artifact.open_current(folder).version == a
    assert "there is nothing" not in refusal(capsys, 3, folder)
    assert artifact.current_version(folder) == a


def test_a_version_that_is_named_becomes_current_and_the_same_one_again_changes_nothing(
    three: tuple[Path, list[str]], capsys: Console
) -> None:
    folder, (a, b, c) = three
    assert main(["rollback", str(folder), "--to", a]) == 0
    assert artifact.current_version(folder) == a
    capsys.readouterr()
    assert main(["rollback", str(folder), "--to", a]) == 0
    assert "already" in capsys.readouterr().out
    assert main(["rollback", str(folder), "--to", c]) == 0
    assert main(["rollback", str(folder)]) == 0
    assert artifact.current_version(folder) == b


def test_the_list_says_what_each_version_is_and_where_a_rollback_goes(
    three: tuple[Path, list[str]], capsys: Console
) -> None:
    folder, (a, b, c) = three
    for hour, version in enumerate((c, a, b)):
        os.utime(folder / version / "manifest.json", (1_700_000_000 + 3600 * hour,) * 2)
    (folder / "notes").mkdir()
    (folder / b / "codes.npy").write_bytes(b"")
    assert [(one["version"], one["place"]) for one in listed(capsys, folder)] == [
        (b, "the one before"), (a, "before"), (c, "current"),
    ]  # fmt: skip
    assert listed(capsys, folder)[2]["made"] == "2023-11-14T22:13:20+00:00"
    assert main(["rollback", str(folder), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [b, a, c]
    assert lines[1].endswith("(rollback goes here)")
    assert lines[3].endswith("(current)")
    (folder / a / "manifest.json").write_text("{}")
    assert main(["rollback", str(folder), "--list"]) == 0
    assert f"{a}/manifest.json" in capsys.readouterr().out.replace(os.sep, "/")


def test_what_fit_measured_is_in_the_list(artifacts: Path, capsys: Console) -> None:
    (one,) = listed(capsys, artifacts)
    manifest = artifact.open_current(artifacts).manifest
    assert one["ndcg_100"] == manifest.metrics["test"]["sparseshelf, 4 of 32"]["ndcg@100"]
    assert (one["source"], one["n_users"], one["place"]) == ("synthetic", 1200, "current")


def test_a_broken_version_is_refused_before_anything_moves(three: tuple[Path, list[str]], capsys: Console) -> None:
    folder, (a, b, c) = three
    path = next((folder / b).glob("*.npy"))
    path.write_bytes(path.read_bytes()[:-1])
    line = refusal(capsys, 5, folder)
    assert str(path) in line
    assert f"{c} stays current" in line
    shutil.rmtree(folder / b)
    assert "the version is not there" in refusal(capsys, 5, folder)
    assert artifact.current_version(folder) == c
    assert main(["rollback", str(folder), "--to", a]) == 0


@pytest.mark.parametrize("named", ["v9-000000000000", "../artifacts", "", "CURRENT"])
def test_what_is_no_version_is_refused(three: tuple[Path, list[str]], capsys: Console, named: str) -> None:
    folder, versions = three
    refusal(capsys, 5, folder, "--to", named)
    assert artifact.current_version(folder) == versions[-1]


def test_a_folder_that_is_none_is_refused_and_not_made(tmp_path: Path, capsys: Console) -> None:
    for options in ([], ["--list"], ["--to", "v1-000000000000"]):
        assert "no artifact in" in refusal(capsys, 5, tmp_path / "nothing", *options)
    assert list(tmp_path.iterdir()) == []
    assert "no artifact in" in refusal(capsys, 5, tmp_path)
    assert "no artifact in" in refusal(capsys, 5, tmp_path, "--list")


def test_nothing_to_go_back_to_is_said_and_nothing_is_guessed_from_times(tmp_path: Path, capsys: Console) -> None:
    a = version_of(tmp_path, 1)
    assert f"{a} is the only version" in refusal(capsys, 3, tmp_path)
    version_of(tmp_path, 2)
    (tmp_path / "SUCCESSION").unlink()
    line = refusal(capsys, 3, tmp_path)
    assert "is not known" in line
    assert a in line


def test_a_lost_pointer_is_mended_by_naming_a_version(three: tuple[Path, list[str]], capsys: Console) -> None:
    folder, (_, b, _) = three
    (folder / "CURRENT").write_bytes(b"\xff")
    refusal(capsys, 5, folder)
    assert main(["rollback", str(folder), "--to", b]) == 0
    assert artifact.open_current(folder).version == b


def test_a_rollback_waits_for_no_fit_and_says_what_to_do(three: tuple[Path, list[str]], capsys: Console) -> None:
    folder, (*_, c) = three
    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        line = refusal(capsys, 3, folder)
    finally:
        os.close(held)
    assert "another run is writing to it; wait for it, or end it" in line
    assert artifact.current_version(folder) == c


def test_to_and_list_do_not_go_together(three: tuple[Path, list[str]]) -> None:
    assert exit_code("rollback", str(three[0]), "--to", "a", "--list") == 2


def test_fit_once_does_not_bring_back_what_somebody_went_back_from(tmp_path: Path, capsys: Console) -> None:
    out = tmp_path / "out"
    fit = ["fit", *films(tmp_path), "--out", str(out), *TINY, "--precision", "float32"]

    def current(*arguments: str) -> str:
        assert main(arguments) == 0
        return artifact.current_version(out)

    first, second = current(*fit), current(*fit, "--seed", "2", "--once")
    assert current("rollback", str(out)) == first
    again = process(*fit, "--seed", "2", "--once")
    assert f"{second} has the same data and options, and somebody went back from it" in again.stderr
    assert artifact.current_version(out) == first
    assert current(*fit, "--seed", "2") == second
    assert current("rollback", str(out)) == first
    assert current("rollback", str(out), "--to", second) == second
