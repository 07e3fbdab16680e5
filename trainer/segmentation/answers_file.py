"""What a language model has answered so far, a line of JSON each: no question costs twice, whichever run asks it."""

import hashlib
import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.errors import ConfigurationError

logger = logging.getLogger(__name__)

NAME = "llm-answers.jsonl"  # in the output folder
_KEY = re.compile(r"[0-9a-f]{64}")


class AnswersFile:
    """Answers by the digest of their questions. Each is in the file as soon as it is kept.

    Raises ConfigurationError for a file that cannot be read. A damaged line costs what it answered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, str] = {}
        self._cut = False  # the last line has no end
        self._failing = False
        self._read()

    def get(self, key: str) -> str | None:
        return self._answers.get(key)

    def keep(self, key: str, answer: str) -> None:
        """Appends an answer. A full disk costs the file and not the labels."""
        self._answers[key] = answer
        line = (json.dumps({"key": key, "answer": answer}) + "\n").encode()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("ab", buffering=0) as file:
                self._cut = file.write(b"\n" + line if self._cut else line) < len(line)
        except OSError as error:
            self._cut = True
            if not self._failing:  # once, and not after every answer
                logger.warning("%s: answers are not kept (%s)", self._path, error.strerror or error)
            self._failing = True

    def _read(self) -> None:
        if self._path.exists() and not self._path.is_file():
            raise ConfigurationError(f"--llm-cache {self._path}: it is no file; name another")
        try:
            content = self._path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):  # of the output folder others say what is wrong with it
            return
        except OSError as error:
            raise ConfigurationError(f"--llm-cache {self._path}: cannot be read ({error.strerror})") from error
        self._cut = not content.endswith(b"\n") and content != b""
        damaged = []
        for number, line in enumerate(content.split(b"\n"), start=1):
            if not line.strip():
                continue
            if (kept := _kept(line)) is None:
                damaged.append(number)
            else:
                self._answers[kept[0]] = kept[1]
        if damaged:
            logger.warning(
                "%s: skipped %d damaged lines, the first is line %d; what they answered is asked once more",
                self._path, len(damaged), damaged[0],
            )  # fmt: skip


def key_of(body: Mapping[str, Any]) -> str:
    """The digest of all that decides an answer: model, messages, parameters."""
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _kept(line: bytes) -> tuple[str, str] | None:
    """Key and answer of a line; None where it is damaged."""
    try:
        entry = json.loads(line)
        key, answer = entry["key"], entry["answer"]
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    sound = isinstance(key, str) and isinstance(answer, str) and _KEY.fullmatch(key)
    return (key, answer) if sound else None
