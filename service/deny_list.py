"""Items that no answer may hold, whatever they score. They lie in Redis, and every process follows them.

Who changes the list has it at once, the other processes when Redis tells them, which takes milliseconds, and in any
case within a second. Where Redis is out of reach the last list that was read stays; a Redis that has lost its memory is
told it again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from service import metrics
from service.live import Denied
from service.shared_store import SharedStore, StoreUnavailableError

logger = logging.getLogger(__name__)

MAX_DENIED = 100_000
_LOOK_AGAIN_SECONDS = 1.0

# KEYS: the items (a set), and how often they were changed
_READ = """
local changes = tonumber(redis.call('GET', KEYS[2]) or 0)
if changes <= tonumber(ARGV[1]) then return {changes, {}} end
return {changes, redis.call('SMEMBERS', KEYS[1])}
"""
_CHANGE = """
local last = 3 + ARGV[2]
if tonumber(redis.call('GET', KEYS[2]) or 0) < tonumber(ARGV[3]) then return -1 end
local size = redis.call('SCARD', KEYS[1])
for i = 4, last do size = size + 1 - redis.call('SISMEMBER', KEYS[1], ARGV[i]) end
for i = last + 1, #ARGV do size = size - redis.call('SISMEMBER', KEYS[1], ARGV[i]) end
if size > tonumber(ARGV[1]) then return 0 end
for i = last + 1, #ARGV do redis.call('SREM', KEYS[1], ARGV[i]) end
for i = 4, last do redis.call('SADD', KEYS[1], ARGV[i]) end
redis.call('PUBLISH', KEYS[2], 'changed')
return {redis.call('INCR', KEYS[2]), redis.call('SMEMBERS', KEYS[1])}
"""
_LOST = -1  # what _CHANGE answers where there were fewer changes than are known of
_TELL = """
if tonumber(redis.call('GET', KEYS[2]) or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('DEL', KEYS[1])
for i = 2, #ARGV do redis.call('SADD', KEYS[1], ARGV[i]) end
redis.call('SET', KEYS[2], ARGV[1])
redis.call('PUBLISH', KEYS[2], 'changed')
return 1
"""


class DenyListFullError(Exception):
    """More than MAX_DENIED items."""


class DenyList:
    """`tell` is called with every list that is read or made."""

    def __init__(self, store: SharedStore, tell: Callable[[Denied], None]) -> None:
        self._store, self._tell = store, tell
        self._keys = [store.key("denied", "items"), store.key("denied", "changes")]
        self._scripts = {lua: store.script(lua) for lua in (_READ, _CHANGE, _TELL)}
        self._denied, self._changes = Denied.of(()), 0

    async def change(self, add: Iterable[str], remove: Iterable[str]) -> Denied:
        """Adds and takes away at once; what is in both is denied. Raises StoreUnavailableError, DenyListFullError."""
        added = set(add)
        told = [*added, *(set(remove) - added)]
        while (answer := await self._ask(_CHANGE, [MAX_DENIED, len(added), self._changes, *told])) == _LOST:
            await self.read()  # which tells it what it has lost
        if answer == 0:
            raise DenyListFullError(f"the deny list may have {MAX_DENIED:,} items")
        return self._known(*answer)

    async def read(self) -> Denied:
        """Raises StoreUnavailableError."""
        changes, items = await self._ask(_READ, [self._changes])
        if changes < self._changes:
            await self._ask(_TELL, [self._changes, *self._denied.item_ids])
            return self._denied
        return self._known(changes, items)

    async def follow(self) -> None:
        """Reads the list now and whenever it changes, until it is cancelled; logs when Redis goes and comes back."""
        reached: bool | None = None
        while True:
            try:
                async with self._store.listening(self._keys[1]) as heard:
                    while True:
                        await self.read()
                        if reached is False:
                            logger.info("redis is back")
                        reached = True
                        await heard(_LOOK_AGAIN_SECONDS)
            except StoreUnavailableError as error:
                if reached is not False:
                    logger.warning("redis is out of reach (%s): see SPARSESHELF_REDIS_URL; tried every second", error)
                reached = False
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            except Exception:  # what lies there may be anything; to follow no more would be worse
                logger.exception("the deny list could not be read; the last one stays")
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)

    async def _ask(self, lua: str, arguments: Sequence[object]) -> Any:
        return await self._store.ask(lambda _: self._scripts[lua](keys=self._keys, args=arguments))

    def _known(self, changes: int, items: Iterable[bytes]) -> Denied:
        if changes > self._changes:  # an answer that was overtaken tells nothing new
            self._denied, self._changes = Denied.of(item.decode() for item in items), changes
            self._tell(self._denied)
            metrics.denied(len(self._denied.item_ids))
        return self._denied
