"""Homepages once computed: in Redis where there is one, else in the process. The only module that knows redis.

A cache never fails a request: whatever happens to Redis (absent, slow, full, killed in between), the caller is told
`bypass` and computes. Keys hold a hash of the history, never the history.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Literal, Protocol

import redis.asyncio
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

Outcome = Literal["hit", "miss", "bypass"]


@dataclass(frozen=True)
class Lookup:
    outcome: Outcome
    page: bytes | None = None


class LayoutCache(Protocol):
    async def get(self, key: str) -> Lookup: ...

    async def put(self, key: str, page: bytes) -> bool:
        """Whether the page was stored."""
        ...

    async def close(self) -> None: ...


def page_key(model_version: str, parameters: str) -> str:
    """The key of a page: model version, and a hash over everything else that the page depends on."""
    digest = hashlib.blake2b(parameters.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
    return f"sparseshelf:page:{model_version}:{digest}"


class ProcessCache:
    """Least recently used pages of this process, at most `pages` of them, each for `ttl_seconds`."""

    def __init__(self, *, pages: int, ttl_seconds: float) -> None:
        self.pages, self.ttl_seconds = pages, ttl_seconds
        self._stored: OrderedDict[str, tuple[float, bytes]] = OrderedDict()

    async def get(self, key: str) -> Lookup:
        expires, page = self._stored.get(key, (0.0, b""))
        if expires <= time.monotonic():
            self._stored.pop(key, None)
            return Lookup("miss")
        self._stored.move_to_end(key)
        return Lookup("hit", page)

    async def put(self, key: str, page: bytes) -> bool:
        self._stored[key] = (time.monotonic() + self.ttl_seconds, page)
        self._stored.move_to_end(key)
        while len(self._stored) > self.pages:
            self._stored.popitem(last=False)
        return key in self._stored

    async def close(self) -> None:
        self._stored.clear()


class RedisCache:
    """Pages in Redis. One request spends at most `budget_seconds` on each call, and nothing while Redis is resting."""

    def __init__(self, url: str, *, ttl_seconds: int, budget_seconds: float, pause_seconds: float) -> None:
        self.ttl_seconds, self.budget_seconds, self.pause_seconds = ttl_seconds, budget_seconds, pause_seconds
        self._redis = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=budget_seconds,
            socket_connect_timeout=budget_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # opens nothing yet
        except TypeError as error:
            raise ValueError(f"the address has a parameter that is not known ({error})") from error
        self._resting_until = 0.0

    async def get(self, key: str) -> Lookup:
        if time.monotonic() < self._resting_until:
            return Lookup("bypass")
        try:
            async with asyncio.timeout(self.budget_seconds):
                page = await self._redis.get(key)
        except (RedisError, OSError, TimeoutError) as error:
            self._rest(error)
            return Lookup("bypass")
        return Lookup("miss") if page is None else Lookup("hit", page if isinstance(page, bytes) else page.encode())

    async def put(self, key: str, page: bytes) -> bool:
        if time.monotonic() < self._resting_until:
            return False
        try:
            async with asyncio.timeout(self.budget_seconds):
                await self._redis.set(key, page, ex=self.ttl_seconds)
        except (RedisError, OSError, TimeoutError) as error:
            self._rest(error)
            return False
        return True

    async def close(self) -> None:
        await self._redis.aclose()

    def _rest(self, error: Exception) -> None:
        self._resting_until = time.monotonic() + self.pause_seconds
        logger.warning("redis failed (%s); pages are computed for %g s", type(error).__name__, self.pause_seconds)
