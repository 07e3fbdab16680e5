"""python -m trainer with --labels llm and --labels-file, from the options to the artifact."""

import logging
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from index.artifact import Artifact, open_current
from tests.trainer.console import TINY, Console, exit_code, files, films, refused
from tests.trainer.matrices import saved
from tests.trainer.segmentation.chat import KEY, Chat, Reply, chatting
from trainer.__main__ import main


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    """An endpoint that the environment names."""
    with chatting() as chat:
        for name, value in {"URL": chat.url, "MODEL": "tiny", "KEY": KEY}.items():
            monkeypatch.setenv(f"SPARSESHELF_LLM_{name}", value)
        yield chat


@pytest.fixture
def importing(tmp_path: Path) -> list[str]:
    """The options of an import of 45 films in four segments."""
    films(tmp_path)
    rng = np.random.default_rng(0)
    dims = np.arange(45) % 4
    matrix = rng.random((45, 4)) * 0.1
    matrix[np.arange(45), dims] = 1.0
    (tmp_path / "ids.txt").write_text("".join(f"{item}\n" for item in range(45)))
    named = {
        "--matrix": saved(tmp_path / "weights.npz", matrix),
        "--item-ids": tmp_path / "ids.txt",
        "--items": tmp_path / "items.tsv",
        "--tau": 1,
        "--out": tmp_path / "out",
    }
    return ["import", *(str(part) for option in named.items() for part in option)]


def made(options: list[str]) -> Artifact:
    assert main(options) == 0
    return open_current(Path(options[options.index("--out") + 1]))


def labels(artifact: Artifact) -> list[str]:
    return list(artifact.model.segments.labels)


def test_an_import_is_named_by_the_model_and_a_rerun_asks_nothing(
    chat: Chat, importing: list[str], tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: Console
) -> None:
    caplog.set_level(logging.DEBUG)
    by_keywords = made(importing)
    assert len(labels(by_keywords)) == 4
    assert not {"labels", "labels_model", "labels_digest", "labels_file"} & by_keywords.manifest.options.keys()
    named = made([*importing, "--labels", "llm"])
    assert labels(named) == [chat.name(question) for question in chat.questions]
    assert re.fullmatch(r"Film\d+ Film\d+ Picks", labels(named)[0])
    assert len(chat.asked) == 4
    options = dict(named.manifest.options)
    assert len(options.pop("labels_digest")) == 64
    assert options == {**by_keywords.manifest.options, "labels": "llm", "labels_model": "tiny"}
    assert np.array_equal(named.model.segments.membership, by_keywords.model.segments.membership)
    again = made([*importing, "--labels", "llm"])
    assert again.version == named.version
    assert len(chat.asked) == 4
    assert (tmp_path / "out" / "llm-answers.jsonl").read_text().count("\n") == 4
    seen = caplog.text + "".join(capsys.readouterr())
    assert chat.headers[0]["Authorization"] == f"Bearer {KEY}"
    assert KEY not in seen
    assert chat.url.encode() not in (named.folder / "manifest.json").read_bytes()
    assert all(KEY.encode() not in content for content in files(tmp_path).values())


def test_answers_may_lie_elsewhere_and_serve_another_folder(chat: Chat, importing: list[str], tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "answers.jsonl"
    first = made([*importing, "--labels", "llm", "--llm-cache", str(kept)])
    assert not (tmp_path / "out" / "llm-answers.jsonl").exists()
    elsewhere = [*importing[:-1], str(tmp_path / "elsewhere"), "--labels", "llm", "--llm-cache", str(kept)]
    assert made([*elsewhere, "--llm-budget", "0"]).version == first.version
    assert len(chat.asked) == 4
    kept.unlink()
    assert made([*elsewhere, "--llm-budget", "3"]).version != first.version
    assert len(chat.asked) == 7


def test_an_interrupted_run_goes_on_where_it_was(chat: Chat, importing: list[str], tmp_path: Path) -> None:
    def interrupt() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    chat.script = [Reply(), Reply(), Reply(before=interrupt, hangs=True)]
    assert main([*importing, "--labels", "llm"]) == 130
    assert (tmp_path / "out" / "llm-answers.jsonl").read_text().count("\n") == 2
    made([*importing, "--labels", "llm"])
    assert len(chat.asked) == 5


def test_once_takes_a_run_with_the_same_labels_for_the_same(chat: Chat, tmp_path: Path) -> None:
    given = ["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out"), "--once"]
    keywords = made(given).version
    written = tmp_path / "labels.csv"
    written.write_text("segment_id,label\ns1,Mine\n")
    named = made([*given, "--labels", "llm"])
    n_asked = len(chat.asked)
    assert n_asked
    assert named.version != keywords
    log = tmp_path / "log.jsonl"
    assert made([*given, "--labels", "llm", "--log", str(log)]).version == named.version
    assert not log.exists()
    overridden = made([*given, "--labels", "llm", "--labels-file", str(written)])
    assert labels(overridden) == ["Mine", *labels(named)[1:]]
    assert made([*given, "--labels", "llm", "--labels-file", str(written)]).version == overridden.version
    written.write_text("segment_id,label\ns1,Yours\n")
    assert labels(made([*given, "--labels", "llm", "--labels-file", str(written)]))[0] == "Yours"
    assert made(given).version == keywords
    assert len(chat.asked) == n_asked


def test_a_labels_file_has_the_last_word(importing: list[str], tmp_path: Path, capsys: Console) -> None:
    before = labels(made(importing))
    (tmp_path / "labels.csv").write_text("segment_id;label\ns3;Nights in\ns7;Gone\n")
    separated = ["--labels-file", str(tmp_path / "labels.csv"), "--separator", ";"]
    (tmp_path / "items.tsv").write_text((tmp_path / "items.tsv").read_text().replace("\t", ";"))
    assert labels(made([*importing, *separated])) == [*before[:2], "Nights in", before[3]]


def test_a_wrong_labels_file_is_refused_before_training(tmp_path: Path, capsys: Console) -> None:
    (tmp_path / "labels.csv").write_text("segment_id,label\ns1,\n")
    out, log = tmp_path / "out", tmp_path / "log.jsonl"
    given = [*films(tmp_path), *TINY, "--labels-file", str(tmp_path / "labels.csv"), "--log", str(log)]
    assert "labels.csv, line 2: the label of s1 is empty" in refused(capsys, 4, out, *given)
    assert not log.exists()


@pytest.mark.parametrize("name", ["URL", "MODEL"])
def test_what_the_environment_lacks_is_told_before_training(
    chat: Chat, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Console
) -> None:
    monkeypatch.delenv(f"SPARSESHELF_LLM_{name}")
    log = tmp_path / "log.jsonl"
    line = refused(capsys, 3, tmp_path / "out", *films(tmp_path), *TINY, "--labels", "llm", "--log", str(log))
    assert f"--labels llm: set SPARSESHELF_LLM_{name} to" in line
    assert not log.exists()


def test_a_catalogue_without_words_is_refused_before_training(chat: Chat, tmp_path: Path, capsys: Console) -> None:
    ratings = films(tmp_path)[:2]
    line = refused(capsys, 3, tmp_path / "out", "--quiet", *ratings, *TINY, "--labels", "llm")
    assert "--labels llm needs titles or attributes" in line
    assert not chat.asked


@pytest.mark.parametrize(
    "wrong", ["--llm-cache x", "--llm-budget 5", "--labels colours", "--labels llm --llm-budget -1"]
)
@pytest.mark.parametrize("command", ["fit --data x", "import --matrix x --item-ids x"])
def test_options_that_would_be_ignored_are_wrong_usage(command: str, wrong: str, capsys: Console) -> None:
    assert exit_code(*command.split(), "--out", "x", *wrong.split()) == 2
    assert wrong.split()[-2] in capsys.readouterr().err


def test_a_separator_may_be_that_of_a_labels_file(tmp_path: Path, capsys: Console) -> None:
    wrong = "import --matrix x.npz --item-ids x --out x --separator ;".split()
    assert exit_code(*wrong) == 2
    assert "--separator goes with --items, --data or --labels-file" in capsys.readouterr().err
    assert exit_code(*wrong, "--labels-file", str(tmp_path / "labels.csv")) == 4
    assert "labels.csv: there is no such file" in capsys.readouterr().err
