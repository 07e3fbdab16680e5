"""Both commands that open an artifact refuse a bad one alike: exit code 5 and one line, before anything is answered."""

from pathlib import Path

import pytest

from index import artifact
from index.artifact import Artifact
from service.__main__ import main as serve
from tests.index.hostile import HOSTILE
from trainer.__main__ import main as train

Console = pytest.CaptureFixture[str]


@pytest.fixture
def damaged(written: Artifact, request: pytest.FixtureRequest) -> Path:
    damage, _ = HOSTILE[request.param]
    damage(written.folder)
    return written.folder.parent


def refusal(code: int, capsys: Console) -> str:
    captured = capsys.readouterr()
    assert code == 5
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    return line


@pytest.mark.parametrize("damaged", list(HOSTILE)[::12], indirect=True)
def test_inspecting_and_serving_refuse_a_hostile_artifact_in_the_same_words(damaged: Path, capsys: Console) -> None:
    inspected = refusal(train(["inspect", str(damaged)]), capsys)
    assert refusal(serve(["--artifacts", str(damaged), "--port", "0", "--no-auth"]), capsys) == inspected
    assert str(damaged) in inspected


def test_inspecting_a_version_outside_the_folder_is_refused(written: Artifact, capsys: Console) -> None:
    outside = f"../{written.folder.parent.name}/{artifact.current_version(written.folder.parent)}"
    line = refusal(train(["inspect", str(written.folder.parent), "--version", outside]), capsys)
    assert "is not the name of a version" in line
