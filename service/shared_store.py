"""Redis: within a time budget, left alone for a while after it failed.

Keys begin with a namespace and carry a hash tag, so that all keys of one call lie in one slot of a Redis Cluster.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Literal, TypeVar

from redis.exceptions import ClusterError, OutOfMemoryError, RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from service import metrics
from service.redis_client import Client

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")
FAILURES = (RedisError, RedisClusterException, OSError, TimeoutError)
_LATE_SECONDS = 0.01  # after which the end of a budget is heard of too late to say anything of Redis
Script = Callable[..., Awaitable[Any]]


class StoreUnavailableError(Exception):
    """Redis is absent, slow, refuses, or is being left alone after one of these."""


class StoreFullError(StoreUnavailableError):
    """Redis is at its maxmemory, and its policy lets nothing go; it can still be read."""


def digest(text: str) -> str:
    """Of what must not stand in a key: histories, ids of users."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()


class SharedStore:
    """A Redis, of whatever kind. A call takes at most `budget_seconds`; after a failure there are none for
    `pause_seconds`.
    """

    def __init__(self, url: str, *, namespace: str, budget_seconds: float, pause_seconds: float) -> None:
        """Opens nothing yet. Raises ValueError where the url is none."""
        self.namespace, self.budget_seconds, self.pause_seconds = namespace, budget_seconds, pause_seconds
        self._client = Client(url, budget_seconds)
        self._resting_until, self._rests = 0.0, False

    def key(self, tag: str, *names: str) -> str:
        """Keys with one tag lie together; a tag is a word or a digest."""
        return ":".join((self.namespace, f"{{{tag}}}", *names))

    def script(self, lua: str) -> Script:
        """A Lua script, sent once and then called by its digest; call it with `keys` and `args` inside of `ask`."""
        script: Script = self._client.redis.register_script(lua)
        return script

    async def ask(self, call: Callable[[Any], Awaitable[Answer]]) -> Answer:
        """Raises StoreUnavailableError."""
        if time.monotonic() < self._resting_until:
            metrics.store_failed("resting")
            raise StoreUnavailableError("redis is left alone after a failure")
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.budget_seconds):
                await self._client.know()
                answer = await call(self._client.redis)
        except FAILURES as error:
            self._client.forget()
            if isinstance(error, OutOfMemoryError) or "OOM" in str(error):  # as an older Redis says it of a script
                metrics.store_failed("full")
                raise StoreFullError("redis is at its maxmemory") from error
            late = time.monotonic() - began > self.budget_seconds + _LATE_SECONDS
            of_one_key = isinstance(error, ResponseError) and not isinstance(error, ClusterError)
            if not late and not of_one_key:  # late: this process was busy
                self._resting_until = time.monotonic() + self.pause_seconds
                self._rest(True)
                logger.warning("redis failed (%s); it is left alone for %g s", type(error).__name__, self.pause_seconds)
            metrics.store_failed("late" if late else _kind(error))
            raise StoreUnavailableError(type(error).__name__) from error
        self._rest(False)
        return answer

    def _rest(self, rests: bool) -> None:
        if rests != self._rests:
            self._rests = rests
            metrics.store_rests(1 if rests else -1)

    @asynccontextmanager
    async def listening(self, channel: str) -> AsyncIterator[Callable[[float], Awaitable[bool]]]:
        """What waits so many seconds for a message of a channel and says whether one came. Raises
        StoreUnavailableError.
        """
        async with AsyncExitStack() as open_ones:
            try:
                async with asyncio.timeout(self.budget_seconds):
                    await self._client.know()
                    subscription = await open_ones.enter_async_context(self._client.subscription())
                    await subscription.subscribe(channel)
            except FAILURES as error:
                metrics.store_failed(_kind(error))
                raise StoreUnavailableError(type(error).__name__) from error

            async def heard(seconds: float) -> bool:
                try:
                    return await subscription.get_message(ignore_subscribe_messages=True, timeout=seconds) is not None
                except FAILURES as error:
                    metrics.store_failed(_kind(error))
                    raise StoreUnavailableError(type(error).__name__) from error

            yield heard

    async def policies(self) -> set[str]:
        """What each of its servers lets go once it is full (`maxmemory-policy`). Raises StoreUnavailableError."""

        async def told(redis: Any) -> set[str]:
            answers = [await redis.info("memory", **where) for where in self._client.primaries()]
            return {answer.get("maxmemory_policy", "") for answer in answers}

        return await self.ask(told)

    async def close(self) -> None:
        self._rest(False)
        await self._client.close()


def _kind(error: Exception) -> Literal["timeout", "refused", "unreachable"]:
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        return "timeout"
    return "refused" if isinstance(error, ResponseError) and not isinstance(error, ClusterError) else "unreachable"
