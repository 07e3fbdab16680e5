"""The name of a shelf in what a language model says: JSON is asked for, and found is what small models make of that."""

import json
import re
import unicodedata

from trainer.segmentation.terms import fold, title_case

LONGEST_NAME, MOST_WORDS = 40, 5  # characters; up to four words are asked for
_FENCE = re.compile(r"```(?:\w*\n)?(.*?)```", re.DOTALL)
_OBJECT = re.compile(r"\{[^{}]*\}")
_HEADING = re.compile(
    r"[\s\"'*#`-]*(?:(?:category|shelf|segment) )?(?:name|label|category|shelf|title|answer)[\"'*`]*\s*:", re.IGNORECASE
)
_PROSE = re.compile(r"(?:i|i['’]\w+|sorry|sure|unfortunately|here (?:is|are)|as an ai)\b", re.IGNORECASE)
_QUOTES = " \t\"'“”‘’«»„`*_#"
_KEYS = ("name", "label", "category", "title")


class NoNameError(ValueError):
    """Why an answer is no name, in a few words."""


def without_thoughts(answer: str) -> str:
    """An answer without what a model that thinks aloud says before it."""
    for end in ("</think>", "</thinking>"):  # some leave the beginning out
        answer = answer.rpartition(end)[2]
    return answer.strip()


def shelf_name(answer: str) -> str:
    """The name, in title case. Raises NoNameError for an answer that holds none or one that does not suit a shelf."""
    name = unicodedata.normalize("NFC", _named(without_thoughts(answer)))
    name = name.replace("\xa0", " ").strip().strip(_QUOTES).rstrip(".").strip(_QUOTES)
    if not name:
        raise NoNameError("an empty answer")
    if "\n" in name or _PROSE.match(name) or "://" in name or any(mark in name for mark in "<>{}[]|\\"):
        raise NoNameError("an answer that is no name")
    if not name.isprintable():
        raise NoNameError("control characters in the answer")
    if len(name) > LONGEST_NAME or len(name.split()) > MOST_WORDS:
        raise NoNameError("a name that is too long")
    if not fold(name):
        raise NoNameError("an answer that is no name")
    return title_case(" ".join(name.split()))


def _named(answer: str) -> str:
    """What stands where the name should: in JSON, in a code fence, behind `Label:`, or alone."""
    if fenced := _FENCE.search(answer):
        answer = fenced[1].strip()
    if "{" in answer:
        return _in_json(answer)
    return _HEADING.sub("", answer, count=1).strip() if _HEADING.match(answer) else answer


def _in_json(answer: str) -> str:
    for found in _OBJECT.findall(answer):
        try:
            entry = json.loads(found, strict=False)  # a name with a line break is told to be one
        except ValueError:
            continue
        for name, value in entry.items():
            if name.lower() in _KEYS and isinstance(value, str):
                return value.strip()
    raise NoNameError("an answer that is no name")
