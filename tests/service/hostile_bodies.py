"""Bodies that no client of good will sends: each of a kind, made from a body that would do."""

import gzip
import json
import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

JSON = "application/json"
VALUES: tuple[str, ...] = (
    *(
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "1e999",
        "-1e999",
        "1e-9999",
        "-0.0",
        "9" * 5000,
        "NaN",
        "Infinity",
        "-Infinity",
    ),
    *(
        '""',
        '"a"',
        '"\\ud800"',
        '"\\u0000"',
        '"\\udfff\\ud800"',
        '"\U0001f600"',
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[0]",
        '[""]',
    ),
    *('["\\ud800"]', '["\\ud800", 1e999]', '{"\\ud800": 1}', '{"": {}}', '["s1", "s1"]'),
    *('[{"item_id": "a", "weight": 1e999}]', '[{"item_id": "\\ud800", "weight": 1}]'),
    *('[{"segment_id": "s1", "strength": 1e999}]', '[{"segment_id": "\\ud800", "strength": 1}]'),
    *('{"eq": {"\\ud800": "x"}}', '{"eq": {"year": 1e999}}', '{"in": {"genres": ["\\ud800"]}}', '{"\\ud800": {}}'),
    *('{"exists": "\\udcff"}', '{"range": {"year": {"from": NaN}}}', '{"eq": {"country": "\\ud800"}}'),
)


@dataclass(frozen=True)
class Hostile:
    kind: str
    content: bytes
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": JSON})


def hostile(rng: random.Random, good: dict[str, Any], fields: list[str]) -> Hostile:
    """One body of a kind chosen at random, for a route with these fields that takes the good one."""
    kind = rng.choice(list(KINDS))
    made = KINDS[kind](rng, good, fields)
    return made if isinstance(made, Hostile) else Hostile(kind, made)


def _with(good: dict[str, Any], name: str, value: str) -> bytes:
    """The good body with one field's value, written as it is."""
    entries = {json.dumps(key): json.dumps(entry) for key, entry in good.items()} | {json.dumps(name): value}
    return ("{" + ", ".join(f"{key}: {entry}" for key, entry in entries.items()) + "}").encode()


def _nested(rng: random.Random, good: dict[str, Any], fields: list[str]) -> bytes:
    depth = rng.choice((20, 500, 1000, 5000, 100_000))
    opening, closing = rng.choice((("[", "]"), ('{"a": ', "}"), ('{"not": ', "}"), ('{"and": [', "]}")))
    nested = opening * depth + "1" + closing * (depth if rng.random() < 0.7 else 0)
    return nested.encode() if rng.random() < 0.3 else _with(good, rng.choice(fields), nested)


def _truncated(rng: random.Random, good: dict[str, Any], _fields: list[str]) -> bytes:
    whole = json.dumps(good).encode()
    return whole[: rng.randrange(1, len(whole))]


def _twice(rng: random.Random, good: dict[str, Any], fields: list[str]) -> bytes:
    name = rng.choice(fields)
    first = _with(good, name, rng.choice(VALUES))[:-1].decode()
    return f"{first}, {json.dumps(name)}: {rng.choice(VALUES)}}}".encode()


def _no_text(rng: random.Random, good: dict[str, Any], _fields: list[str]) -> bytes:
    whole = bytearray(json.dumps(good).encode())
    for _ in range(rng.randrange(1, 6)):
        whole.insert(rng.randrange(len(whole)), rng.choice(b"\xc0\xc1\xf5\xff"))  # in no UTF-8
    return bytes(whole)


def _elsewise(rng: random.Random, good: dict[str, Any], _fields: list[str]) -> bytes:
    return json.dumps(good).encode(rng.choice(("utf-16", "utf-32", "utf-8-sig", "utf-16-le")))


def _long(rng: random.Random, good: dict[str, Any], fields: list[str]) -> bytes:
    n = rng.choice((513, 1001, 10_001, 50_000))
    return _with(good, rng.choice(fields), rng.choice((json.dumps(["a"] * n), json.dumps("x" * n))))


def _key(rng: random.Random, good: dict[str, Any], _fields: list[str]) -> bytes:
    name = rng.choice(
        ("x" * 500_000, "\x00", "\ud800", "__proto__", "history ", "É", "a.b[0]", "".join(string.whitespace))
    )
    return _with(good, name, rng.choice(VALUES))


def _typed(rng: random.Random, good: dict[str, Any], _fields: list[str]) -> Hostile:
    types = (
        "",
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "json",
        "a/b/c;;=",
    )
    return Hostile("content type", json.dumps(good).encode(), {"Content-Type": rng.choice(types)})


def _zipped(rng: random.Random, good: dict[str, Any], _fields: list[str]) -> Hostile:
    size = rng.choice((1, 50_000_000))
    content = gzip.compress(b" " * size + json.dumps(good).encode(), 1)
    return Hostile("gzip", content, {"Content-Type": JSON, "Content-Encoding": "gzip"})


KINDS: dict[str, Callable[[random.Random, dict[str, Any], list[str]], bytes | Hostile]] = {
    "nested": _nested,
    "value": lambda rng, good, fields: _with(good, rng.choice(fields), rng.choice(VALUES)),
    "no object": lambda rng, _good, _fields: rng.choice([value for value in VALUES if value != "{}"]).encode(),
    "truncated": _truncated,
    "key twice": _twice,
    "no text": _no_text,
    "another encoding": _elsewise,
    "long": _long,
    "strange key": _key,
    "content type": _typed,
    "gzip": _zipped,
    "empty": lambda rng, _good, _fields: rng.choice((b"", b" ", b"\x00", b"\n" * 1000)),
    "too large": lambda rng, _good, _fields: b" " * rng.choice((1_048_577, 3_000_000)),
    "noise": lambda rng, _good, _fields: rng.randbytes(rng.randrange(1, 2000)),
}
INVALID = frozenset({"no object", "truncated", "no text", "content type", "gzip", "empty", "too large", "noise"})
"""Kinds of which none is a request; of the others some may be."""
