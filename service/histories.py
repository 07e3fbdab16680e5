"""Histories of people, where they are wanted: in Redis, under a digest of the user's id, bounded, forgotten at once.

Of each item the latest event counts, by its own time, so that events may come late, twice or out of order and leave the
same history. A token stands for what a history was; a page that was made for another is not stored, which is why none
comes back after a user is forgotten.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from service.layout_cache import CLAIM_MILLISECONDS, Lookup
from service.shared_store import SharedStore, digest

MAX_EVENTS_KEPT = 2000
"""Ids of events by which one that comes twice is known."""
MAX_PAGES = 16
"""Pages of one user, by what else was asked."""


class Past(NamedTuple):
    """What a page is made of: the weights of items, and the token of the history that they are from."""

    weights: Mapping[str, float]
    token: str


@dataclass(frozen=True)
class Event:
    event_id: str
    item_id: str
    weight: float
    at: float  # seconds since 1970


@dataclass(frozen=True)
class Entry:
    item_id: str
    weight: float
    at: float


@dataclass(frozen=True)
class History:
    """Newest first. The `token` is another whenever the history is, and empty where there is none."""

    entries: list[Entry] = field(default_factory=list)
    token: str = ""

    @property
    def past(self) -> Past:
        return Past({entry.item_id: entry.weight for entry in self.entries}, self.token)


class Histories(Protocol):
    """Whatever is asked raises StoreUnavailableError where the store is out of reach."""

    async def read(self, user_id: str) -> History: ...

    async def replace(self, user_id: str, entries: Sequence[Entry]) -> None:
        """The user's pages are forgotten."""
        ...

    async def add(self, user_id: str, events: Sequence[Event]) -> int:
        """How many were not known yet, by their ids."""
        ...

    async def forget(self, user_id: str) -> None:
        """History, ids of events, and pages."""
        ...

    async def look(self, user_id: str, page: str, *, anew: bool = False) -> tuple[History, Lookup]:
        """The history, and a page as of LayoutCache.look, in one round trip."""
        ...

    async def put(self, user_id: str, page: str, token: str, content: bytes) -> bool:
        """Stores a page, but where the history is not the one any more that it was made for."""
        ...

    async def release(self, user_id: str, page: str, token: str) -> None: ...


# KEYS: items (a sorted set by time), state (weights "w…" and the token), seen (ids of events by time), pages (a hash of
# pages "p…" and of claims "c…"). They lie in one slot.
_KEEP = """
local over = redis.call('ZCARD', KEYS[1]) - tonumber(ARGV[3])
if over > 0 then
  for _, item in ipairs(redis.call('ZRANGE', KEYS[1], 0, over - 1)) do
    redis.call('ZREM', KEYS[1], item)
    redis.call('HDEL', KEYS[2], 'w' .. item)
  end
end
redis.call('HSET', KEYS[2], 'token', ARGV[1])
redis.call('EXPIRE', KEYS[1], ARGV[2])
redis.call('EXPIRE', KEYS[2], ARGV[2])
"""
_ADD = f"""
if redis.call('EXISTS', KEYS[1], KEYS[2]) == 1 then redis.call('DEL', KEYS[1], KEYS[2]) end
local added, changed = 0, false
for i = 6, #ARGV, 4 do
  if redis.call('ZADD', KEYS[3], 'NX', ARGV[5], ARGV[i]) == 1 then
    added = added + 1
    local known = redis.call('ZSCORE', KEYS[1], ARGV[i + 1])
    if not known or tonumber(known) <= tonumber(ARGV[i + 2]) then
      redis.call('ZADD', KEYS[1], ARGV[i + 2], ARGV[i + 1])
      redis.call('HSET', KEYS[2], 'w' .. ARGV[i + 1], ARGV[i + 3])
      changed = true
    end
  end
end
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - tonumber(ARGV[4]))
redis.call('EXPIRE', KEYS[3], ARGV[2])
if changed then
{_KEEP}
end
return added
"""
_REPLACE = f"""
redis.call('DEL', KEYS[1], KEYS[2], KEYS[4])
for i = 4, #ARGV, 3 do
  redis.call('ZADD', KEYS[1], ARGV[i + 1], ARGV[i])
  redis.call('HSET', KEYS[2], 'w' .. ARGV[i], ARGV[i + 2])
end
{_KEEP}
return 1
"""
_LOOK = """
local items = redis.call('ZREVRANGE', KEYS[1], 0, -1, 'WITHSCORES')
local state = redis.call('HGETALL', KEYS[2])
if ARGV[1] == '' then return {items, state} end
local page = ARGV[2] == '0' and redis.call('HGET', KEYS[4], 'p' .. ARGV[1])
if page then return {items, state, page} end
local claim = 'c' .. ARGV[1] .. (redis.call('HGET', KEYS[2], 'token') or '')
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local claimed = tonumber(redis.call('HGET', KEYS[4], claim) or 0)
if claimed > now then return {items, state, 0} end
redis.pcall('HSET', KEYS[4], claim, string.format('%.0f', now + ARGV[3])) -- a full Redis can still be read
redis.call('EXPIRE', KEYS[4], ARGV[4])
return {items, state, 1}
"""
_PUT = """
if (redis.call('HGET', KEYS[2], 'token') or '') ~= ARGV[2] then return 0 end
if redis.call('HLEN', KEYS[4]) > tonumber(ARGV[5]) then redis.call('DEL', KEYS[4]) end
redis.call('HSET', KEYS[4], 'p' .. ARGV[1], ARGV[3])
redis.call('HDEL', KEYS[4], 'c' .. ARGV[1] .. ARGV[2])
redis.call('EXPIRE', KEYS[4], ARGV[4])
return 1
"""


class RedisHistories:
    """At most `most_items` an user, forgotten `ttl_seconds` after the last event."""

    def __init__(
        self, store: SharedStore, *, most_items: int, ttl_seconds: int, page_ttl_seconds: float, page_bytes: int
    ) -> None:
        self.store, self.most_items, self.ttl_seconds = store, most_items, ttl_seconds
        self.page_ttl_seconds, self.page_bytes = max(1, round(page_ttl_seconds)), page_bytes
        self._add, self._replace = store.script(_ADD), store.script(_REPLACE)
        self._look, self._put = store.script(_LOOK), store.script(_PUT)

    async def read(self, user_id: str) -> History:
        items, state = await self._ask(self._look, user_id, [""])
        return _history(items, state)

    async def replace(self, user_id: str, entries: Sequence[Entry]) -> None:
        told = [value for entry in entries for value in (entry.item_id, repr(entry.at), repr(entry.weight))]
        await self._ask(self._replace, user_id, [_token(), self.ttl_seconds, self.most_items, *told])

    async def add(self, user_id: str, events: Sequence[Event]) -> int:
        told = [
            value for event in events for value in (event.event_id, event.item_id, repr(event.at), repr(event.weight))
        ]
        bounds = [_token(), self.ttl_seconds, self.most_items, MAX_EVENTS_KEPT, repr(time.time())]
        return int(await self._ask(self._add, user_id, [*bounds, *told]))

    async def forget(self, user_id: str) -> None:
        await self.store.ask(lambda redis: redis.delete(*self._keys(user_id)))

    async def look(self, user_id: str, page: str, *, anew: bool = False) -> tuple[History, Lookup]:
        arguments = [page, int(anew), CLAIM_MILLISECONDS, self.page_ttl_seconds]
        items, state, found = await self._ask(self._look, user_id, arguments)
        lookup = Lookup("found", found) if isinstance(found, bytes) else Lookup("mine" if found else "taken")
        return _history(items, state), lookup

    async def put(self, user_id: str, page: str, token: str, content: bytes) -> bool:
        if len(content) > self.page_bytes:
            await self.release(user_id, page, token)
            return False
        arguments = [page, token, content, self.page_ttl_seconds, 2 * MAX_PAGES]
        return bool(await self._ask(self._put, user_id, arguments))

    async def release(self, user_id: str, page: str, token: str) -> None:
        pages = self._keys(user_id)[3]
        await self.store.ask(lambda redis: redis.hdel(pages, f"c{page}{token}"))

    async def _ask(self, script: Any, user_id: str, arguments: Sequence[object]) -> Any:
        return await self.store.ask(lambda _: script(keys=self._keys(user_id), args=arguments))

    def _keys(self, user_id: str) -> list[str]:
        return [self.store.key(digest(user_id), name) for name in ("items", "state", "seen", "pages")]


def _token() -> str:
    return secrets.token_hex(8)


def _history(items: Sequence[bytes], state: Sequence[bytes]) -> History:
    """A full Redis may have let go the half of a history: without weights and a token the other one is none."""
    told = dict(zip(state[::2], state[1::2], strict=True))
    if b"token" not in told:
        return History()
    return History(
        [
            Entry(item.decode(), float(told.get(b"w" + item, 1.0)), float(at))
            for item, at in zip(items[::2], items[1::2], strict=True)
        ],
        told[b"token"].decode(),
    )
