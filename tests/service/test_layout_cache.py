"""Homepages from the cache: one contract for both caches, and a real Redis that is absent, slow, full or killed."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import redis

from index.artifact import Artifact
from service.layout_cache import LayoutCache, Lookup, ProcessCache, RedisCache, page_key
from service.settings import Settings
from service.shared_store import SharedStore
from tests.conftest import RedisServer, free_port
from tests.service.asking import asking

pytestmark = pytest.mark.anyio
PAGE = {"history": ["a"], "min_items": 1}


@pytest.fixture(params=["process", "redis"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[LayoutCache]:
    if request.param == "process":
        yield ProcessCache(pages=10, ttl_seconds=1, page_bytes=100)
        return
    server: RedisServer = request.getfixturevalue("redis_server")
    store = SharedStore(server.url, namespace="shop", budget_seconds=2, pause_seconds=0)
    yield RedisCache(store, ttl_seconds=1, page_bytes=100)
    await store.close()


async def test_what_is_put_is_found_until_it_expires(cache: LayoutCache) -> None:
    assert (await cache.look("k")).outcome == "mine"
    assert await cache.put("k", b"page")
    assert await cache.look("k") == Lookup("found", b"page")
    await asyncio.sleep(1.2)
    assert (await cache.look("k")).outcome == "mine"


async def test_a_page_over_the_bound_is_not_stored(cache: LayoutCache) -> None:
    assert not await cache.put("k", b"x" * 101)
    assert (await cache.look("k")).outcome == "mine"


async def test_a_page_that_is_there_can_be_passed_over_to_make_it_anew(cache: LayoutCache) -> None:
    await cache.put("k", b"old")
    assert await cache.look("k", anew=True) == Lookup("mine")
    assert await cache.put("k", b"new")
    assert await cache.look("k") == Lookup("found", b"new")


async def test_one_process_claims_a_page_and_the_others_hear_that_it_is_taken(redis_server: RedisServer) -> None:
    stores = [SharedStore(redis_server.url, namespace="s", budget_seconds=2, pause_seconds=0) for _ in range(2)]
    one, two = (RedisCache(store, ttl_seconds=9, page_bytes=100) for store in stores)
    assert [(await cache.look("k")).outcome for cache in (one, two, one)] == ["mine", "taken", "taken"]
    await one.release("k")
    assert (await two.look("k")).outcome == "mine"
    await two.put("k", b"page")
    assert [(await cache.look("k", anew=True)).outcome for cache in (one, two)] == ["mine", "taken"]
    for store in stores:
        await store.close()


async def test_the_cache_in_the_process_is_bounded_and_forgets_the_least_recent() -> None:
    cache = ProcessCache(pages=2, ttl_seconds=60, page_bytes=100)
    await cache.put("a", b"1")
    await cache.put("b", b"2")
    await cache.look("a")
    await cache.put("c", b"3")
    assert [(await cache.look(key)).outcome for key in "abc"] == ["found", "mine", "found"]


async def test_no_pages_turn_the_cache_off(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent, cache_pages=0)) as client:
        assert [(await client.post("/homepage", json=PAGE)).headers["X-Cache"] for _ in range(2)] == [
            "bypass",
            "bypass",
        ]


def test_a_key_holds_the_version_and_no_history() -> None:
    key = page_key("v1", '[["secret",1]]')
    assert "secret" not in key
    assert key != page_key("v2", '[["secret",1]]')


def settings(written: Artifact, url: str | None, **more: Any) -> Settings:
    return Settings(artifacts=written.folder.parent, redis_url=url, redis_budget_seconds=0.5, **more)  # type: ignore[arg-type]


async def page(client: httpx.AsyncClient, **body: Any) -> tuple[str, Any]:
    response = await client.post("/homepage", json=PAGE | body)
    assert response.status_code == 200
    return response.headers["X-Cache"], response.json()


async def test_the_second_time_is_a_hit_with_the_same_page(written: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(written, redis_server.url)) as client:
        first, second = await page(client), await page(client)
    assert (first[0], second[0]) == ("miss", "hit")
    assert first[1] == second[1]


async def test_everything_the_page_depends_on_is_in_the_key(written: Artifact) -> None:
    async with asking(settings(written, None)) as client:
        await page(client)
        for change in (
            {"history": ["c"]},
            {"history": [{"item_id": "a", "weight": 2}]},
            {"shelves": 2},
            {"items_per_shelf": 1},
            {"min_items": 2},
            {"exclude": ["c"]},
            {"filter": {"eq": {"country": "US"}}},
            {"steer": [{"segment_id": "s1", "strength": 1}]},
            {"mute": ["s1"]},
            {"max_per": {"country": 1}},
            {"lead": "none"},
            {"seed": 1},
            {"explain": True},
        ):
            assert (await page(client, **change))[0] == "miss"
        assert (await page(client, history=["a", "a"]))[0] == "hit"


async def test_two_services_share_a_redis(written: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(written, redis_server.url)) as one, asking(settings(written, redis_server.url)) as two:
        assert (await page(one))[0] == "miss"
        assert (await page(two))[0] == "hit"


async def test_pages_expire_in_redis_and_no_history_lies_there(written: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(written, redis_server.url)) as client:
        await page(client, history=["a", "secret-item"])
    with redis.Redis.from_url(redis_server.url) as connection:
        keys = connection.keys("*:page")
        assert isinstance(keys, list)
        assert len(keys) == 1
        assert 0 < int(str(connection.ttl(keys[0]))) <= 300 * 1.1 + 300
        assert b"secret" not in keys[0]


@pytest.mark.parametrize("stored", [b"", b"null", b'{"model_version": 1}', b"\x80\x04"])
async def test_what_is_no_page_is_computed_anew(written: Artifact, redis_server: RedisServer, stored: bytes) -> None:
    async with asking(settings(written, redis_server.url)) as client:
        _, right = await page(client)
        with redis.Redis.from_url(redis_server.url) as connection:
            keys = connection.keys("*:page")
            assert isinstance(keys, list)
            connection.set(keys[0], stored)
        outcome, answer = await page(client)
        assert answer == right
        assert outcome == "miss"
        assert (await page(client))[0] == "hit"


async def test_an_absent_redis_is_a_bypass_with_the_same_page(written: Artifact) -> None:
    async with asking(settings(written, None)) as client:
        _, right = await page(client)
    async with asking(settings(written, f"redis://127.0.0.1:{free_port()}/0")) as client:
        assert await page(client) == ("bypass", right)


@pytest.fixture
def silent_server() -> Iterator[str]:
    """Accepts connections and never answers."""
    listening = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def accept() -> None:
        while True:
            try:
                taken.append(listening.accept()[0])
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    yield f"redis://127.0.0.1:{listening.getsockname()[1]}/0"
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()
    for connection in taken:
        connection.close()


async def test_a_slow_redis_costs_its_budget_once_and_is_then_left_alone(written: Artifact, silent_server: str) -> None:
    async with asking(settings(written, silent_server, redis_pause_seconds=60)) as client:
        outcomes = {(await page(client, shelves=shelves))[0] for shelves in range(1, 30)}
    assert outcomes == {"bypass"}


async def test_redis_killed_under_load_fails_no_request(written: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(written, redis_server.url, redis_pause_seconds=0.05)) as client:
        _, right = await page(client)
        outcomes: list[str] = []

        async def load() -> None:
            for turn in range(150):
                outcome, answer = await page(client, shelves=3 + turn % 5)
                assert answer["shelves"][:3] == right["shelves"][:3]
                outcomes.append(outcome)
                await asyncio.sleep(0.002)

        async def fault() -> None:
            await asyncio.sleep(0.15)
            await asyncio.to_thread(redis_server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(redis_server.start)

        await asyncio.gather(load(), load(), load(), fault())
        assert {"hit", "bypass"} <= set(outcomes)
        await asyncio.sleep(0.1)
        await page(client)
        assert (await page(client))[0] == "hit"


async def test_a_full_redis_is_a_bypass(written: Artifact, redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as connection:
        connection.config_set("maxmemory", "1")
        connection.config_set("maxmemory-policy", "noeviction")
    async with asking(settings(written, redis_server.url)) as client:
        assert (await page(client))[0] == "bypass"


async def test_the_password_of_redis_is_in_no_log_or_settings_dump(
    written: Artifact, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    chosen = settings(written, f"redis://:hush@127.0.0.1:{free_port()}/0")
    async with asking(chosen) as client:
        await page(client)
    assert "hush" not in caplog.text + repr(chosen) + json.dumps(chosen.model_dump(mode="json"))
