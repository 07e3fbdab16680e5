"""Which version is current and which were before it, through new versions, going back, and writers that are killed."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import artifact, succession
from index.errors import ArtifactError
from index.succession import Succession
from tests.conftest import write
from tests.worlds import by_hand


def version_of(folder: Path, number: int) -> str:
    """Writes the `number`th version, which becomes current, and gives its name."""
    return write(folder, replace(by_hand(), popularity=np.full(6, number / 10, np.float32)), f"v{number}").version


def known(folder: Path) -> tuple[tuple[str, ...], str | None, tuple[str, ...]]:
    found = Succession.read(folder)
    return found.before, found.current, found.left


def test_without_current_it_says_whether_there_are_versions_to_take(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"no artifact in .* trainer fit"):
        artifact.open_current(tmp_path)
    version = version_of(tmp_path, 1)
    with pytest.raises(ArtifactError, match=r"is itself a version: name the folder"):
        artifact.open_current(tmp_path / version)
    (tmp_path / "CURRENT").unlink()
    with pytest.raises(ArtifactError, match=r"no CURRENT in .* rollback .* --to VERSION"):
        artifact.open_current(tmp_path)


def test_every_new_version_remembers_the_ones_before_it(tmp_path: Path) -> None:
    a = version_of(tmp_path, 1)
    assert known(tmp_path) == ((), a, ())
    assert not (tmp_path / "SUCCESSION").exists()
    b = version_of(tmp_path, 2)
    assert known(tmp_path) == ((a,), b, ())
    assert version_of(tmp_path, 2) == b
    assert known(tmp_path) == ((a,), b, ())
    c = version_of(tmp_path, 3)
    assert known(tmp_path) == ((a, b), c, ())


def test_who_goes_back_twice_goes_further_back_and_a_new_version_follows_what_it_replaces(tmp_path: Path) -> None:
    a, b, c = (version_of(tmp_path, number) for number in (1, 2, 3))
    succession.go_back(tmp_path, b)
    assert known(tmp_path) == ((a,), b, (c,))
    succession.go_back(tmp_path, a)
    assert known(tmp_path) == ((), a, (b, c))
    succession.go_back(tmp_path, c)
    assert known(tmp_path) == ((a, b), c, ())
    succession.go_back(tmp_path, b)
    d = version_of(tmp_path, 4)
    assert known(tmp_path) == ((a, b), d, ())


def test_a_version_that_was_current_long_ago_follows_what_it_replaces(tmp_path: Path) -> None:
    a, b, c = (version_of(tmp_path, number) for number in (1, 2, 3))
    assert version_of(tmp_path, 1) == a
    assert known(tmp_path) == ((b, c), a, ())


def test_a_current_version_of_an_earlier_release_or_by_hand_comes_last(tmp_path: Path) -> None:
    a, b, c = (version_of(tmp_path, number) for number in (1, 2, 3))
    (tmp_path / "SUCCESSION").write_text(f"{a}\n{b}\n")
    assert known(tmp_path) == ((a, b), c, ())
    (tmp_path / "CURRENT").write_text(a)
    assert known(tmp_path) == ((), a, (b,))


@pytest.mark.parametrize("content", [b"\xff\xfe", b"../elsewhere\n", b"v1\nv1\n", b"v\n" * 300_000])
def test_a_damaged_succession_is_named_and_does_not_keep_a_new_version_from_being_served(
    tmp_path: Path, content: bytes
) -> None:
    a = version_of(tmp_path, 1)
    (tmp_path / "SUCCESSION").write_bytes(content)
    with pytest.raises(ArtifactError, match="SUCCESSION"):
        Succession.read(tmp_path)
    b = version_of(tmp_path, 2)
    assert known(tmp_path) == ((a,), b, ())


def test_only_so_many_versions_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(succession, "_MOST_VERSIONS", 10)
    for number in range(13):
        succession.point_at(tmp_path, f"v{number}")
    assert known(tmp_path) == (tuple(f"v{number}" for number in range(2, 12)), "v12", ())


KILLED = """
import os, signal, sys
from pathlib import Path
from index import succession

left, really = int(sys.argv[1]), os.replace

def replace(source, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    really(source, target)

os.replace = replace
getattr(succession, sys.argv[2])(Path(sys.argv[3]), sys.argv[4])
"""


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize(("how", "number"), [("go_back", 2), ("point_at", 4), ("point_at", 1)])
def test_a_writer_that_is_killed_between_any_two_steps_leaves_all_as_it_was_or_as_it_should_be(
    tmp_path: Path, step: int, how: str, number: int
) -> None:
    names = {place: version_of(tmp_path, place) for place in (4, 1, 2, 3)}
    (tmp_path / "SUCCESSION").write_text(f"{names[1]}\n{names[2]}\n")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(step), how, str(tmp_path), names[number]], check=False, timeout=60
    )
    before, current, _ = known(tmp_path)
    assert artifact.open_current(tmp_path).version == current
    if done.returncode == -signal.SIGKILL:
        assert step < 2
        assert current == names[3]
        assert before[-1] == names[2]
    else:
        assert done.returncode == 0
        assert current == names[number]
        assert before[-1:] == ((names[1],) if how == "go_back" else (names[3],))
