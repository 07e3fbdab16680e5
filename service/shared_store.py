"""Redis: within a time budget, left alone for a while after it failed. The only module that knows redis.

Keys begin with a namespace and carry a hash tag, so that all keys of one call lie in one slot of a Redis Cluster.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError, RedisError, ResponseError

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
_LATE_SECONDS = 0.01  # after which the end of a budget is heard of too late to say anything of Redis
Client = redis.asyncio.Redis
Script = Callable[..., Awaitable[Any]]


class StoreUnavailableError(Exception):
    """Redis is absent, slow, refuses, or is being left alone after one of these."""


class StoreFullError(StoreUnavailableError):
    """Redis is at its maxmemory, and its policy lets nothing go; it can still be read."""


def digest(text: str) -> str:
    """Of what must not stand in a key: histories, ids of users."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


class SharedStore:
    """One Redis. A call takes at most `budget_seconds`; after a failure there are none for `pause_seconds`."""

    def __init__(self, url: str, *, namespace: str, budget_seconds: float, pause_seconds: float) -> None:
        """Opens nothing yet. Raises ValueError where the url is none."""
        self.namespace, self.budget_seconds, self.pause_seconds = namespace, budget_seconds, pause_seconds
        self._redis: Client = redis.asyncio.Redis.from_url(
            url,
            socket_timeout=budget_seconds,
            socket_connect_timeout=budget_seconds,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # opens nothing either
        except TypeError as error:
            raise ValueError(f"the address has a parameter that is not known ({error})") from error
        self._resting_until = 0.0

    def key(self, tag: str, *names: str) -> str:
        """Keys with one tag lie together; a tag is a word or a digest."""
        return ":".join((self.namespace, f"{{{tag}}}", *names))

    def script(self, lua: str) -> Script:
        """A Lua script, sent once and then called by its digest; call it with `keys` and `args` inside of `ask`."""
        return self._redis.register_script(lua)

    async def ask(self, call: Callable[[Client], Awaitable[Answer]]) -> Answer:
        """Raises StoreUnavailableError."""
        if time.monotonic() < self._resting_until:
            raise StoreUnavailableError("redis is left alone after a failure")
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.budget_seconds):
                return await call(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, OutOfMemoryError) or "OOM" in str(error):  # as an older Redis says it of a script
                raise StoreFullError("redis is at its maxmemory") from error
            late = time.monotonic() - began > self.budget_seconds + _LATE_SECONDS
            if not late and not isinstance(error, ResponseError):  # this process was busy; or one key is no good
                self._resting_until = time.monotonic() + self.pause_seconds
                logger.warning("redis failed (%s); it is left alone for %g s", type(error).__name__, self.pause_seconds)
            raise StoreUnavailableError(type(error).__name__) from error

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        """What waits so many seconds for a message of a channel and says whether one came. Raises
        StoreUnavailableError.
        """
        subscription: PubSub = self._redis.pubsub()

        async def heard(seconds: float) -> bool:
            try:
                return await subscription.get_message(ignore_subscribe_messages=True, timeout=seconds) is not None
            except (RedisError, OSError) as error:
                raise StoreUnavailableError(type(error).__name__) from error

        try:
            try:
                async with asyncio.timeout(self.budget_seconds):
                    await subscription.subscribe(channel)
            except (RedisError, OSError, TimeoutError) as error:
                raise StoreUnavailableError(type(error).__name__) from error
            yield heard
        finally:
            await subscription.aclose()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        await self._redis.aclose()
