"""Histories in this process, for tests of the contract only: the slowest thing that could be right."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from service.histories import MAX_EVENTS_KEPT, Entry, Event, History
from service.layout_cache import CLAIM_MILLISECONDS, Lookup


@dataclass
class _User:
    entries: dict[str, Entry] = field(default_factory=dict)
    token: str = ""
    seen: list[str] = field(default_factory=list)
    pages: dict[str, bytes] = field(default_factory=dict)
    claims: dict[tuple[str, str], float] = field(default_factory=dict)


class MemoryHistories:
    def __init__(self, *, most_items: int) -> None:
        self.most_items = most_items
        self._users: dict[str, _User] = {}
        self._changes = 0

    async def read(self, user_id: str) -> History:
        user = self._users.get(user_id, _User())
        latest = sorted(user.entries.values(), key=lambda entry: (entry.at, entry.item_id.encode()), reverse=True)
        return History(latest, user.token)

    async def replace(self, user_id: str, entries: Sequence[Entry]) -> None:
        user = self._users.setdefault(user_id, _User())
        user.entries = {entry.item_id: entry for entry in entries}
        user.pages, user.claims = {}, {}
        await self._changed(user_id)

    async def add(self, user_id: str, events: Sequence[Event]) -> int:
        user = self._users.setdefault(user_id, _User())
        added, changed = 0, False
        for event in events:
            if event.event_id in user.seen:
                continue
            user.seen.append(event.event_id)
            added += 1
            known = user.entries.get(event.item_id)
            if known is None or known.at <= event.at:
                user.entries[event.item_id] = Entry(event.item_id, event.weight, event.at)
                changed = True
        user.seen = user.seen[-MAX_EVENTS_KEPT:]
        if changed:
            await self._changed(user_id)
        return added

    async def forget(self, user_id: str) -> None:
        self._users.pop(user_id, None)

    async def look(self, user_id: str, page: str, *, anew: bool = False) -> tuple[History, Lookup]:
        user, history = self._users.setdefault(user_id, _User()), await self.read(user_id)
        if not anew and page in user.pages:
            return history, Lookup("found", user.pages[page])
        if user.claims.get((page, user.token), 0.0) > time.monotonic():
            return history, Lookup("taken")
        user.claims[page, user.token] = time.monotonic() + CLAIM_MILLISECONDS / 1000
        return history, Lookup("mine")

    async def put(self, user_id: str, page: str, token: str, content: bytes) -> bool:
        user = self._users.get(user_id, _User())
        if user.token != token:
            return False
        user.pages[page] = content
        user.claims.pop((page, token), None)
        return True

    async def release(self, user_id: str, page: str, token: str) -> None:
        self._users.get(user_id, _User()).claims.pop((page, token), None)

    async def _changed(self, user_id: str) -> None:
        user = self._users[user_id]
        self._changes += 1
        user.token = str(self._changes)
        latest = (await self.read(user_id)).entries[: self.most_items]
        user.entries = {entry.item_id: entry for entry in latest}
