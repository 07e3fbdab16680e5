"""What a Redis says of itself, or why it says nothing, in words for whoever sets a service up."""

import asyncio
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from redis.asyncio.sentinel import MasterNotFoundError
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    InvalidResponse,
    NoPermissionError,
    RedisClusterException,
    ResponseError,
)
from redis.exceptions import (
    ConnectionError as RedisConnectionError,
)
from redis.exceptions import (
    TimeoutError as RedisTimeoutError,
)

from service.redis_address import Place
from service.redis_client import Client
from service.shared_store import FAILURES, StoreUnavailableError


class StoreFacts(NamedTuple):
    """What a Redis says of itself; None where it does not tell this user."""

    version: str | None
    maxmemory_bytes: int | None
    policy: str | None
    persistent: bool | None
    replica: bool | None
    round_trip_seconds: float


async def examine(url: str, timeout_seconds: float) -> StoreFacts:
    """Asks a Redis for what decides whether the service can rely on it; takes at most twice `timeout_seconds`. Of a
    Cluster it is what holds for the worst of its primaries.

    Raises StoreUnavailableError, whose message says in words why there is no answer, and repeats no password and
    nothing that the other side said.
    """
    client = Client(url, timeout_seconds)
    try:
        if client.address.places:
            await _reach(client.address.places, timeout_seconds)
        if client.sentinels:
            await _reach_primary(client, timeout_seconds)
        async with asyncio.timeout(timeout_seconds):
            await client.know()
            await client.redis.ping()
            began = time.monotonic()
            await client.redis.ping()
            seconds = time.monotonic() - began
            told = [await _told(client, where) for where in client.primaries()]
        _refuse_another_kind(client, told[0])
        return _facts(told, seconds)
    except FAILURES as error:
        raise StoreUnavailableError(_reason(error, client)) from None
    finally:
        await client.close()


async def _reach(places: Sequence[Place], timeout_seconds: float) -> None:
    """Raises what is wrong with the first place, where none of them takes a connection."""
    reached = await asyncio.gather(*(_connected(*place, timeout_seconds) for place in places), return_exceptions=True)
    refusals = [error for error in reached if isinstance(error, StoreUnavailableError)]
    if len(refusals) == len(places):
        raise refusals[0]


async def _reach_primary(client: Client, timeout_seconds: float) -> None:
    """Where the first Sentinel that answers says that it is; it may lie where nobody here can reach it."""
    asked = (sentinel.sentinel_masters() for sentinel in client.sentinels)
    told = await asyncio.gather(*asked, return_exceptions=True)
    known = next((each for each in told if isinstance(each, dict)), None)
    if known is None:
        error = next(each for each in told if isinstance(each, BaseException))
        raise StoreUnavailableError(_sentinels_refuse(error, client)) from None
    primary = known.get(client.address.primary)
    if primary is None:
        raise StoreUnavailableError("the Sentinels know no primary of this name")
    if primary["is_sdown"] or primary["is_odown"]:
        raise StoreUnavailableError(
            "the Sentinels say that the primary is down; another takes its place, if there is one"
        )
    try:
        await _connected(primary["ip"], primary["port"], timeout_seconds)
    except StoreUnavailableError as error:
        raise StoreUnavailableError(f"the primary that the Sentinels name: {error}") from None


def _sentinels_refuse(error: BaseException, client: Client) -> str:
    if isinstance(error, AuthenticationError):
        if client.address.sentinel_login:
            return "the Sentinels do not accept sentinel_password"
        return "the Sentinels ask for a password of their own: ?sentinel_password=… at the end of SPARSESHELF_REDIS_URL"
    if isinstance(error, ResponseError):
        return "what answers is no Sentinel; redis://host:port/db asks a Redis itself"
    return "none of the Sentinels answers"


async def _connected(host: str, port: int, timeout_seconds: float) -> None:
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


async def _told(client: Client, where: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    with suppress(ResponseError):  # this user may not ask
        told = dict(await client.redis.info(**where))
    with suppress(ResponseError):
        told["saves"] = (await client.redis.config_get("save", **where)).get("save")
    return told


def _refuse_another_kind(client: Client, told: dict[str, Any]) -> None:
    if client.address.kind == "server" and told.get("redis_mode") == "sentinel":
        raise StoreUnavailableError(
            "it is a Sentinel: redis+sentinel://host:port,host:port/name asks it for the primary"
        )
    if client.address.kind == "server" and told.get("cluster_enabled"):
        raise StoreUnavailableError("it is a node of a Cluster: redis+cluster://host:port,host:port asks all of them")


def _facts(told: Sequence[dict[str, Any]], round_trip_seconds: float) -> StoreFacts:
    def least(name: str) -> Any:
        return None if any(name not in each for each in told) else min(each[name] for each in told)

    kept = [_is_kept(each) for each in told]
    version = None if any("redis_version" not in each for each in told) else str(told[0]["redis_version"])
    policies = {each.get("maxmemory_policy") for each in told}
    return StoreFacts(
        version=version,
        maxmemory_bytes=least("maxmemory"),
        policy=policies.pop() if len(policies) == 1 else next((p for p in policies if p != "volatile-ttl"), None),
        persistent=None if None in kept else all(kept),
        replica=None if "role" not in told[0] else any(each["role"] != "master" for each in told),
        round_trip_seconds=round_trip_seconds,
    )


def _is_kept(told: dict[str, Any]) -> bool | None:
    appends, saves = told.get("aof_enabled"), told.get("saves")
    return True if appends or saves else None if appends is None or saves is None else False


def _reason_of_many(error: Exception, client: Client) -> str:
    if isinstance(error, MasterNotFoundError):
        return "the Sentinels name no primary that is up"
    if isinstance(error.__cause__, RedisClusterException):
        return "it is in no Cluster: redis://host:port/db asks one Redis"
    if isinstance(error.__cause__, FAILURES):
        return _reason(error.__cause__, client)
    return "the Cluster is down: it has too few primaries, or slots that none of them serves"


def _reason(error: Exception, client: Client) -> str:
    if isinstance(error, (MasterNotFoundError, ClusterDownError, RedisClusterException)):
        return _reason_of_many(error, client)
    if isinstance(error, AuthenticationError):
        if client.connection().get("password"):
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
    if isinstance(error, RedisTimeoutError | TimeoutError):
        return "it takes connections and says nothing: it hangs, or is no Redis, or speaks no TLS (rediss://)"
    if isinstance(error, InvalidResponse):
        return "what answers is no Redis"
    if isinstance(error, NoPermissionError):
        return "its user may not do what the service does; give it all commands on keys of the namespace"
    if isinstance(error.__cause__ or error.__context__, OSError) or isinstance(error, OSError):
        return "the connection failed; see whether it runs"
    if isinstance(error, RedisConnectionError):
        return "it closes the connection: no Redis, one that wants TLS (rediss://), or with too many clients"
    if "DB index" in str(error):
        return "it has no database of this number"
    return f"it does not answer as a Redis does ({type(error).__name__})"
