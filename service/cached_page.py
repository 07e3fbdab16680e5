"""A page as the cache holds it: the answer's bytes, what it was made for, and spares for items that had to go."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Self
from zlib import crc32

_MAGIC = b"page1"


@dataclass(frozen=True)
class CachedPage:
    """`made_for` names what a page depends on that is not in its key: the deny list, and a stored history.

    `body` is the answer, sent as it is while the page is fresh, and `spares` a JSON list of items for each shelf.
    """

    body: bytes
    spares: bytes
    made_for: str
    fresh_until: float  # seconds since 1970

    def encoded(self) -> bytes:
        rest = self.body + self.spares
        head = (_MAGIC, b"%d" % int(self.fresh_until * 1000), self.made_for.encode(), b"%d" % len(self.body))
        return b" ".join((*head, _digest(rest))) + b"\n" + rest

    @classmethod
    def decoded(cls, stored: bytes) -> Self | None:
        """None where it is no whole page of ours: Redis is shared ground."""
        head, _, rest = stored.partition(b"\n")
        words = head.split(b" ")
        if len(words) != 5 or words[0] != _MAGIC or words[4] != _digest(rest):
            return None
        try:
            fresh_until, length = int(words[1]) / 1000, int(words[3])
            return cls(rest[:length], rest[length:], words[2].decode(), fresh_until)
        except ValueError:
            return None

    def without(self, gone: Collection[str], *, least: int, unknown_items: Sequence[str]) -> bytes | None:
        """The answer without some items, its shelves filled up with spares, no item twice.

        None where a shelf would be left with fewer items than it had and than `least`, or where nothing is spare: a
        page that explains itself would explain another.
        """
        if not self.spares:
            return None
        answer = json.loads(self.body)
        shelves, spares = answer["shelves"], json.loads(self.spares)
        kept = [[item for item in shelf["items"] if item["item_id"] not in gone] for shelf in shelves]
        shown = {item["item_id"] for items in kept for item in items}
        for shelf, items, more in zip(shelves, kept, spares, strict=True):
            n = len(shelf["items"])
            for spare in more:
                if len(items) == n:
                    break
                if spare["item_id"] not in shown and spare["item_id"] not in gone:
                    shown.add(spare["item_id"])
                    items.append(spare)
            if len(items) < min(n, least):
                return None
            shelf["items"] = [item | {"rank": rank} for rank, item in enumerate(_best_first(items), start=1)]
        answer["unknown_items"] = list(unknown_items)
        return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _best_first(items: list[Any]) -> list[Any]:
    return sorted(items, key=lambda item: -float(item["score"]))


def _digest(rest: bytes) -> bytes:
    return b"%08x" % crc32(rest)
