"""The manifest: what a version says of itself, in JSON with one way to write it."""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

FORMAT, READABLE = 4, (1, 2, 3, 4)  # written, read: 1 has no packed codes, 2 no guests and merges, 3 no samples
MOST_BYTES = 2**20
DEEPEST = 32
SIZES = ("n_items", "n_dims", "k", "n_segments")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Manifest:
    """`options`, `data`, `metrics` and `libraries` are the trainer's words."""

    version: str
    sizes: Mapping[str, int]
    attributes: list[Mapping[str, str]]
    files: Mapping[str, str]  # path: sha256
    options: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    libraries: Mapping[str, str] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def digest(self) -> str:
        """What the version's name ends in: a digest of everything but the version."""
        return digest(replace(self, version="").to_json().encode())[:12]

    def to_json(self) -> str:
        fields = {"format": self.format, **{name: getattr(self, name) for name in self.__dataclass_fields__}}
        return json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def digest(content: bytes) -> str:
    """The sha256 of some bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def parsed(content: bytes) -> Manifest:
    """The manifest that was written as these bytes. ValueError or TypeError with the reason, in one line."""
    try:
        fields = json.loads(content.decode(), parse_constant=_refuse, parse_int=_integer, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not a manifest ({type(error).__name__}: {error})") from error
    if not isinstance(fields, dict):
        raise TypeError("it is not a manifest (no JSON object)")
    number = fields.get("format")
    if type(number) is not int or number not in READABLE:
        raise ValueError(
            f"format {str(number)[:40]!r} is not known to this release, which reads formats up to {FORMAT}; "
            "train again or upgrade sparseshelf"
        )
    if unlike := sorted(fields.keys() ^ Manifest.__dataclass_fields__.keys()):
        raise ValueError(f"it is not a manifest (its fields differ in {', '.join(map(repr, unlike))[:200]})")
    if _depth(fields) > DEEPEST:
        raise ValueError(f"it is not a manifest (nested deeper than {DEEPEST})")
    manifest = Manifest(**fields)
    _check_types(manifest)
    try:
        again = manifest.to_json().encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"it is not a manifest ({error})") from error
    if again != content:  # a key twice, another number that reads the same, other spaces
        raise ValueError("it was altered since it was written; it is not written as its fields are")
    return manifest


def _check_types(manifest: Manifest) -> None:
    shapes = {"version": str, "sizes": dict, "attributes": list, "files": dict, "options": dict, "data": dict}
    for name, expected in {**shapes, "metrics": dict, "libraries": dict}.items():
        if not isinstance(getattr(manifest, name), expected):
            raise TypeError(f"{name!r} must be a JSON {expected.__name__}")
    sizes = manifest.sizes
    if sizes.keys() != set(SIZES) or not all(type(size) is int and size >= 0 for size in sizes.values()):
        raise ValueError(f"'sizes' must give {', '.join(SIZES)} as whole numbers")
    for column in manifest.attributes:
        named = isinstance(column, dict) and column.keys() == {"name", "type"}
        if not named or not all(isinstance(value, str) for value in column.values()):
            raise ValueError("'attributes' must be a list of names and types")
    for path, sha256 in manifest.files.items():
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
            raise ValueError(f"the sha256 of {path[:80]!r} is not one")


def _depth(value: object) -> int:
    """How deep lists and objects are nested; counting stops beyond DEEPEST."""
    level: list[object] = [value]
    depth = 0
    while level and depth <= DEEPEST:
        level = [
            child
            for parent in level
            if isinstance(parent, dict | list)
            for child in (parent.values() if isinstance(parent, dict) else parent)
        ]
        depth += 1
    return depth


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number")


def _integer(text: str) -> int:
    if len(text) > 20:
        raise ValueError(f"a whole number of {len(text)} digits")
    return int(text)


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is beyond any number")
    return value
