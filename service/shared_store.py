"""Redis: within a time budget, left alone for a while after it failed. The only module that knows redis.

Keys begin with a namespace and carry a hash tag, so that all keys of one call lie in one slot of a Redis Cluster.
"""

import asyncio
import hashlib
import logging
import socket
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Literal, NamedTuple, TypeVar

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    InvalidResponse,
    NoPermissionError,
    OutOfMemoryError,
    RedisError,
    ResponseError,
)
from redis.exceptions import TimeoutError as RedisTimeoutError

from service import metrics

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
        self._resting_until, self._rests = 0.0, False

    def key(self, tag: str, *names: str) -> str:
        """Keys with one tag lie together; a tag is a word or a digest."""
        return ":".join((self.namespace, f"{{{tag}}}", *names))

    def script(self, lua: str) -> Script:
        """A Lua script, sent once and then called by its digest; call it with `keys` and `args` inside of `ask`."""
        return self._redis.register_script(lua)

    async def ask(self, call: Callable[[Client], Awaitable[Answer]]) -> Answer:
        """Raises StoreUnavailableError."""
        if time.monotonic() < self._resting_until:
            metrics.store_failed("resting")
            raise StoreUnavailableError("redis is left alone after a failure")
        began = time.monotonic()
        try:
            async with asyncio.timeout(self.budget_seconds):
                answer = await call(self._redis)
        except (RedisError, OSError, TimeoutError) as error:
            if isinstance(error, OutOfMemoryError) or "OOM" in str(error):  # as an older Redis says it of a script
                metrics.store_failed("full")
                raise StoreFullError("redis is at its maxmemory") from error
            late = time.monotonic() - began > self.budget_seconds + _LATE_SECONDS
            if not late and not isinstance(error, ResponseError):  # this process was busy; or one key is no good
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
        subscription: PubSub = self._redis.pubsub()

        async def heard(seconds: float) -> bool:
            try:
                return await subscription.get_message(ignore_subscribe_messages=True, timeout=seconds) is not None
            except (RedisError, OSError) as error:
                metrics.store_failed(_kind(error))
                raise StoreUnavailableError(type(error).__name__) from error

        try:
            try:
                async with asyncio.timeout(self.budget_seconds):
                    await subscription.subscribe(channel)
            except (RedisError, OSError, TimeoutError) as error:
                metrics.store_failed(_kind(error))
                raise StoreUnavailableError(type(error).__name__) from error
            yield heard
        finally:
            await subscription.aclose()  # type: ignore[no-untyped-call]

    async def close(self) -> None:
        self._rest(False)
        await self._redis.aclose()


def _kind(error: Exception) -> Literal["timeout", "refused", "unreachable"]:
    if isinstance(error, (TimeoutError, RedisTimeoutError)):
        return "timeout"
    return "refused" if isinstance(error, ResponseError) else "unreachable"


class StoreFacts(NamedTuple):
    """What a Redis says of itself; None where it does not tell this user."""

    version: str | None
    maxmemory_bytes: int | None
    policy: str | None
    persistent: bool | None
    replica: bool | None
    round_trip_seconds: float


async def examine(url: str, timeout_seconds: float) -> StoreFacts:
    """Asks a Redis for what decides whether the service can rely on it; takes at most twice `timeout_seconds`.

    Raises StoreUnavailableError, whose message says in words why there is no answer, and repeats no password and
    nothing that the other side said.
    """
    store = SharedStore(url, namespace="", budget_seconds=timeout_seconds, pause_seconds=0)
    client, place = store._redis, store._redis.connection_pool.connection_kwargs
    try:
        if "path" not in place:
            await _reach(place.get("host", "localhost"), place.get("port", 6379), timeout_seconds)
        async with asyncio.timeout(timeout_seconds):
            await client.ping()
            began = time.monotonic()
            await client.ping()
            return await _facts(client, time.monotonic() - began)
    except (RedisError, OSError, TimeoutError) as error:
        raise StoreUnavailableError(_reason(error, has_password=bool(place.get("password")))) from None
    finally:
        await store.close()


async def _reach(host: str, port: int, timeout_seconds: float) -> None:
    """A connection and nothing more, so that a network that is closed is told from a server that says nothing."""
    try:
        async with asyncio.timeout(timeout_seconds):
            _, writer = await asyncio.open_connection(host, port)
    except socket.gaierror as error:
        raise StoreUnavailableError(f"the name {host} is not known here") from error
    except ConnectionRefusedError as error:
        raise StoreUnavailableError(f"nothing listens on {host}:{port}") from error
    except TimeoutError as error:
        reason = f"{host}:{port} cannot be reached within {timeout_seconds:g} s: a firewall, or a machine that is down"
        raise StoreUnavailableError(reason) from error
    except OSError as error:
        raise StoreUnavailableError(
            f"{host}:{port} cannot be reached ({error.strerror or type(error).__name__})"
        ) from error
    writer.close()


async def _facts(client: Client, round_trip_seconds: float) -> StoreFacts:
    told: dict[str, Any] = {}
    saves: str | None = None
    with suppress(ResponseError):  # this user may not ask
        told = await client.info()
    with suppress(ResponseError):
        saves = (await client.config_get("save")).get("save")
    appends = told.get("aof_enabled")
    return StoreFacts(
        version=None if "redis_version" not in told else str(told["redis_version"]),
        maxmemory_bytes=told.get("maxmemory"),
        policy=told.get("maxmemory_policy"),
        persistent=True if appends or saves else None if appends is None or saves is None else False,
        replica=None if "role" not in told else told["role"] != "master",
        round_trip_seconds=round_trip_seconds,
    )


def _reason(error: Exception, *, has_password: bool) -> str:
    if isinstance(error, AuthenticationError):
        if has_password:
            return "it does not accept the password, or this user has another one"
        return (
            "it asks for a password: set SPARSESHELF_REDIS_PASSWORD, or a file of it in SPARSESHELF_REDIS_PASSWORD_FILE"
        )
    if isinstance(error.__cause__ or error.__context__, ssl.SSLError) or isinstance(error, ssl.SSLError):
        return (
            "no TLS comes about: its certificate is not trusted here, or it speaks none (redis:// instead of rediss://)"
        )
    if isinstance(error, BusyLoadingError):
        return "it is still loading its data; try again in a while"
    if isinstance(error, redis.exceptions.TimeoutError | TimeoutError):
        return "it takes connections and says nothing: it hangs, or is no Redis, or speaks no TLS (rediss://)"
    if isinstance(error, InvalidResponse):
        return "what answers is no Redis"
    if isinstance(error, NoPermissionError):
        return "its user may not do what the service does; give it all commands on keys of the namespace"
    if isinstance(error.__cause__ or error.__context__, OSError) or isinstance(error, OSError):
        return "the connection failed; see whether it runs"
    if isinstance(error, redis.exceptions.ConnectionError):
        return "it closes the connection: no Redis, one that wants TLS (rediss://), or with too many clients"
    if "DB index" in str(error):
        return "it has no database of this number"
    return f"it does not answer as a Redis does ({type(error).__name__})"
