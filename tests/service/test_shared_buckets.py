"""Buckets that processes share, in a real Redis, and what decides when it is gone."""

import asyncio
import time

import httpx
import pytest
import redis

from index.artifact import Artifact
from service.settings import Settings
from service.shared_buckets import SharedTokenBuckets
from service.shared_store import SharedStore
from service.token_bucket import Rate
from tests.conftest import RedisServer
from tests.service.asking import asking

pytestmark = pytest.mark.anyio


def buckets(server: RedisServer, rate: Rate) -> SharedTokenBuckets:
    store = SharedStore(server.url, namespace="test", budget_seconds=1, pause_seconds=0)
    return SharedTokenBuckets(store, rate)


async def test_two_processes_together_get_what_one_would(redis_server: RedisServer) -> None:
    rate = Rate(0.5, 10)
    both = [buckets(redis_server, rate), buckets(redis_server, rate)]
    waits = await asyncio.gather(*(both[turn % 2].take("shop") for turn in range(30)))
    assert len([seconds for seconds in waits if seconds == 0]) == 10
    assert all(1 < seconds <= 2 for seconds in waits if seconds)
    assert await both[1].take("office") == 0
    for each in both:
        await each.store.close()


async def test_tokens_come_back_debts_are_waited_for_and_full_buckets_are_forgotten(redis_server: RedisServer) -> None:
    limit = buckets(redis_server, Rate(20, 2))
    await limit.charge("shop", 12)
    seconds = await limit.take("shop")
    assert 0.3 < seconds <= 0.55
    await asyncio.sleep(seconds)
    assert await limit.take("shop") == 0
    with redis.Redis(port=redis_server.port) as client:
        (key,) = client.keys()
        assert "shop" not in key.decode()
        assert 0 < client.pttl(key) <= 1200
    await limit.store.close()


async def test_without_redis_the_process_own_buckets_decide(redis_server: RedisServer) -> None:
    limit = buckets(redis_server, Rate(0.001, 3))
    assert await limit.take("shop") == 0
    redis_server.kill()
    assert [bool(await limit.take("shop")) for _ in range(5)] == [False, False, False, True, True]
    await limit.store.close()


async def test_two_services_share_a_rate_and_one_outlives_redis(written: Artifact, redis_server: RedisServer) -> None:
    settings = Settings(
        artifacts=written.folder.parent,
        redis_url=redis_server.url,  # type: ignore[arg-type]
        redis_budget_seconds=1,
        rate_per_second=0.001,
        burst=4,
        shared_rate=True,
    )

    async def refused(client: httpx.AsyncClient) -> bool:
        return (await client.get("/model")).status_code == 429

    async with asking(settings) as one, asking(settings) as other:
        assert [await refused(client) for client in (one, other, one, other, one, other)] == [False] * 4 + [True] * 2
        redis_server.kill()
        began = time.monotonic()
        assert not await refused(one)
        assert time.monotonic() - began < 2


def test_sharing_a_rate_needs_redis(written: Artifact) -> None:
    from tests.service.test_process import failing  # noqa: PLC0415

    code, errors = failing(
        *("--artifacts", str(written.folder.parent), "--port", "0", "--no-auth"),
        SPARSESHELF_SHARED_RATE="true",
        SPARSESHELF_RATE_PER_SECOND="1",
    )
    assert code == 3
    assert "SPARSESHELF_SHARED_RATE" in errors
