"""Where homepages lie once they are computed: in Redis where there is one, else in the process.

A cache never fails a request: whatever happens to Redis (absent, slow, full, killed in between), the caller is told
`bypass` and computes. Keys hold a hash of the history, never the history.
"""

import time
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, Protocol

from service.shared_store import SharedStore, StoreUnavailableError, digest

Outcome = Literal["found", "mine", "taken", "bypass"]
CLAIM_MILLISECONDS = 3000
"""For how long others leave a page to the one that computes it."""

_SETTLING_MILLISECONDS = 50  # who found nothing just before a page was stored must not claim it just after
_PUT = f"""
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
redis.call('PEXPIRE', KEYS[2], {_SETTLING_MILLISECONDS})
redis.call('DEL', KEYS[3])
return 1
"""


@dataclass(frozen=True)
class Lookup:
    """What lies there; or, where nothing does, whether it is `mine` to compute or `taken` by another."""

    outcome: Outcome
    page: bytes | None = None


class LayoutCache(Protocol):
    async def look(self, key: str, *, anew: bool = False) -> Lookup:
        """With `anew` what lies there is passed over, so that it can be replaced."""
        ...

    async def put(self, key: str, page: bytes) -> bool:
        """Whether the page was stored. Ends the claim either way."""
        ...

    async def release(self, key: str) -> None:
        """Ends the claim of one who could not compute the page."""
        ...


def page_key(model_version: str, parameters: str) -> str:
    """Of a page: a hash over everything that it depends on."""
    return digest(f"{model_version} {parameters}")


class ProcessCache:
    """Least recently used pages of this process, at most `pages` of them, each for `ttl_seconds`."""

    def __init__(self, *, pages: int, ttl_seconds: float, page_bytes: int) -> None:
        self.pages, self.ttl_seconds, self.page_bytes = pages, ttl_seconds, page_bytes
        self._stored: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def look(self, key: str, *, anew: bool = False) -> Lookup:
        expires, page = self._stored.get(key, (0.0, b""))
        if anew:
            return Lookup("mine")
        if expires <= time.monotonic():
            self._stored.pop(key, None)
            return Lookup("mine")
        self._stored.move_to_end(key)
        return Lookup("found", page)

    async def put(self, key: str, page: bytes) -> bool:
        if len(page) > self.page_bytes:
            return False
        self._stored[key] = (time.monotonic() + self.ttl_seconds, page)
        self._stored.move_to_end(key)
        while len(self._stored) > self.pages:
            self._stored.popitem(last=False)
        return key in self._stored

    async def release(self, key: str) -> None:
        pass


class RedisCache:
    """Pages that all processes share. Who finds none claims it, and computes."""

    def __init__(self, store: SharedStore, *, ttl_seconds: float, page_bytes: int) -> None:
        self.store, self.ttl_seconds, self.page_bytes = store, ttl_seconds, page_bytes
        self._put = store.script(_PUT)

    async def look(self, key: str, *, anew: bool = False) -> Lookup:
        page, missing, renewed = self._keys(key)
        claim = renewed if anew else missing
        try:
            found = None if anew else await self.store.ask(lambda redis: redis.get(page))
            if isinstance(found, bytes):
                return Lookup("found", found)
            claimed = await self.store.ask(lambda redis: redis.set(claim, "", nx=True, px=CLAIM_MILLISECONDS))
        except StoreUnavailableError:
            return Lookup("bypass")
        return Lookup("mine" if claimed else "taken")

    async def put(self, key: str, page: bytes) -> bool:
        if len(page) > self.page_bytes:
            await self.release(key)
            return False
        arguments = [page, max(1, round(self.ttl_seconds))]
        try:
            await self.store.ask(lambda _: self._put(keys=self._keys(key), args=arguments))
        except StoreUnavailableError:
            return False
        return True

    async def release(self, key: str) -> None:
        with suppress(StoreUnavailableError):
            await self.store.ask(lambda redis: redis.delete(*self._keys(key)[1:]))

    def _keys(self, key: str) -> list[str]:
        return [self.store.key(key, name) for name in ("page", "claim", "renewal")]
