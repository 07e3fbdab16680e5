"""The file that a language model's answers are kept in, and what is left of it when it is damaged."""

import json
import logging
import os
from pathlib import Path

import pytest

from trainer.errors import ConfigurationError
from trainer.segmentation.answers_file import AnswersFile, key_of

ONE, TWO = key_of({"model": "tiny", "question": "one"}), key_of({"model": "tiny", "question": "two"})


def test_what_is_kept_is_there_the_next_time(tmp_path: Path) -> None:
    path = tmp_path / "new" / "answers.jsonl"
    answers = AnswersFile(path)
    assert answers.get(ONE) is None
    answers.keep(ONE, "War\nFilms é \ud800")
    assert answers.get(ONE) == AnswersFile(path).get(ONE) == "War\nFilms é \ud800"
    answers.keep(TWO, "")
    assert [AnswersFile(path).get(key) for key in (ONE, TWO)] == ["War\nFilms é \ud800", ""]
    assert len(path.read_text().splitlines()) == 2


def test_a_key_is_of_everything_that_decides_an_answer() -> None:
    body = {"model": "tiny", "messages": [{"role": "user", "content": "Which?"}], "temperature": 0}
    assert key_of(body) == key_of(dict(reversed(body.items())))
    changes: list[dict[str, object]] = [{"model": "other"}, {"messages": []}, {"temperature": 1}]
    for change in changes:
        assert key_of({**body, **change}) != key_of(body)


@pytest.mark.parametrize(
    "damage",
    [b"{", b"\xff\xfe", b"[]", b"7", b'{"key": "x", "answer": "y"}', b'{"key": 7, "answer": "y"}', b"[" * 9999],
    ids=lambda damage: damage[:12].decode("latin-1"),
)
def test_a_damaged_line_is_skipped_with_a_warning(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "answers.jsonl"
    lines = [json.dumps({"key": key, "answer": "War"}).encode() for key in (ONE, TWO)]
    path.write_bytes(b"\n".join([lines[0], damage, b"", lines[1], b""]))
    answers = AnswersFile(path)
    assert answers.get(ONE) == answers.get(TWO) == "War"
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert f"{path}: skipped 1 damaged lines, the first is line 2" in record.getMessage()


def test_what_comes_after_a_line_that_was_cut_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "answers.jsonl"
    AnswersFile(path).keep(ONE, "War Films")
    path.write_bytes(path.read_bytes()[:-9])
    AnswersFile(path).keep(TWO, "Comedies")
    answers = AnswersFile(path)
    assert answers.get(ONE) is None
    assert answers.get(TWO) == "Comedies"


def test_a_disk_that_takes_nothing_costs_the_file_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    answers = AnswersFile(tmp_path / "file" / "answers.jsonl")
    answers.keep(ONE, "War Films")
    answers.keep(TWO, "Comedies")
    assert answers.get(ONE) == "War Films"
    assert [record.getMessage().split(": ")[1][:20] for record in caplog.records] == ["answers are not kept"]


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name in ("", "pipe"):
        with pytest.raises(ConfigurationError, match="it is no file; name another"):
            AnswersFile(tmp_path / name)
