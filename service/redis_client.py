"""What talks to a Redis, by its address: to one server, to the primary that Sentinels name, or to a Cluster.

Nothing here tries again: whoever asks has a time budget, and goes on without Redis.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import redis.asyncio
from redis.asyncio.client import PubSub
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from service.redis_address import address_of


class Client:
    """`redis` has the commands, whatever is behind it. Opens nothing until it is asked."""

    def __init__(self, url: str, seconds: float) -> None:
        """`seconds` is what a connection, and an answer, may take. Raises ValueError where the url is none."""
        self.address = address_of(url)
        self._waits: dict[str, Any] = {"socket_timeout": seconds, "socket_connect_timeout": seconds}
        self.sentinels: list[redis.asyncio.Redis] = []
        self._knowing: asyncio.Task[object] | None = None
        try:
            self.redis: Any = self._of_cluster() if self.address.kind == "cluster" else self._of_server()
        except TypeError as error:
            raise ValueError(f"the address has a parameter that is not known ({error})") from error

    def _of_server(self) -> redis.asyncio.Redis:
        if self.address.kind == "sentinel":
            client = self._of_sentinels()
        else:
            client = redis.asyncio.Redis.from_url(self.address.url, retry=_once(), **self._waits)
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # which opens nothing either
        return client

    def _of_sentinels(self) -> redis.asyncio.Redis:
        given, places = self.connection(), self.address.places
        # All of them may be asked within the time of one answer, for some may be dead.
        waits = {name: seconds / (len(places) + 1) for name, seconds in self._waits.items()}
        tls = {name: value for name, value in given.items() if name.startswith("ssl")}
        login = dict(self.address.sentinel_login)
        of_sentinels = {"retry": _once(), **waits, **tls, **login}
        sentinel = Sentinel(places, sentinel_kwargs=of_sentinels)  # type: ignore[no-untyped-call]
        self.sentinels = sentinel.sentinels
        primary: redis.asyncio.Redis = sentinel.master_for(self.address.primary, retry=_once(), **self._waits, **given)
        return primary

    def _of_cluster(self) -> RedisCluster:
        nodes = [ClusterNode(*place) for place in self.address.places]
        return RedisCluster(startup_nodes=nodes, retry=_once(), **self._waits, **self.connection())

    def connection(self) -> dict[str, Any]:
        """User, password, TLS and what else the address says of every connection, but not where to."""
        given: dict[str, Any] = {**parse_url(self.address.url)}
        if given.pop("connection_class", None) is SSLConnection:
            given["ssl"] = True
        return {name: value for name, value in given.items() if name not in ("host", "port")}

    async def know(self) -> None:
        """The nodes of a Cluster. To ask for them takes longer than an answer may: it goes on when the caller's time is
        over, and the next one has them.
        """
        if self.address.kind == "cluster":
            if self._knowing is None:
                self._knowing = asyncio.ensure_future(self.redis.initialize())
                self._knowing.add_done_callback(lambda task: task.cancelled() or task.exception())
            try:
                await asyncio.shield(self._knowing)
            finally:
                if self._knowing.done() and (self._knowing.cancelled() or self._knowing.exception()):
                    self._knowing = None

    def forget(self) -> None:
        """That the nodes of a Cluster are known: after a failure they may be others."""
        if self._knowing is not None and self._knowing.done():
            self._knowing = None

    def primaries(self) -> list[dict[str, Any]]:
        """Arguments for a command that is asked of each primary, of a Cluster's once they are known."""
        if self.address.kind == "cluster":
            return [{"target_nodes": node} for node in self.redis.get_primaries()]
        return [{}]

    @asynccontextmanager
    async def subscription(self) -> AsyncIterator[PubSub]:
        """What hears messages. Nodes of a Cluster tell each other of them, so that any of its nodes will do."""
        one = self.redis
        if self.address.kind == "cluster":
            node = self.redis.get_random_node()
            place = {"host": node.host, "port": node.port}
            one = redis.asyncio.Redis(**place, retry=_once(), **self._waits, **self.connection())
        heard: PubSub = one.pubsub()
        try:
            yield heard
        finally:
            await heard.aclose()  # type: ignore[no-untyped-call]
            if one is not self.redis:
                await one.aclose()

    async def close(self) -> None:
        if self._knowing is not None:
            self._knowing.cancel()
            await asyncio.wait([self._knowing])  # which closes what it had opened
        await self.redis.aclose()
        for sentinel in self.sentinels:
            await sentinel.aclose()


def _once() -> Retry:
    return Retry(NoBackoff(), 0)
