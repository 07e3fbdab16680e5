"""Sentinels and Clusters of real redis-servers: what is kept survives the death of a primary."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from index.artifact import Artifact
from service.redis_address import Place, address_of, with_password
from service.redis_check import examine
from service.settings import Settings
from service.shared_store import SharedStore, StoreUnavailableError
from tests.conftest import RedisServer
from tests.service.asking import asking
from tests.service.redis_groups import NAME, Group, cluster, sentinels, told

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["sentinel", "cluster"])
def group(request: pytest.FixtureRequest, redis_binary: str, tmp_path: Path) -> Iterator[Group]:
    with (sentinels if request.param == "sentinel" else cluster)(redis_binary, tmp_path / "servers") as chosen:
        yield chosen


def settings(written: Artifact, url: str) -> Settings:
    return Settings(
        artifacts=written.folder.parent,
        redis_url=url,  # type: ignore[arg-type]
        redis_budget_seconds=0.5,
        redis_pause_seconds=0.1,
        histories=True,
        rate_per_second=1e5,
        shared_rate=True,
    )


# ---------------------------------------------------------------- the service


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not await holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_histories_pages_and_the_deny_list_outlive_a_primary(written: Artifact, group: Group) -> None:
    users = [f"user-{number}" for number in range(12)]  # whose keys lie on all nodes of a Cluster
    first, second = written.model.vocabulary.item_ids[:2]

    async def bought(client: httpx.AsyncClient, user: str, event_id: str, item_id: str) -> int:
        body = {"events": [{"event_id": event_id, "item_id": item_id}]}
        return (await client.post(f"/users/{user}/events", json=body)).status_code

    async def page(client: httpx.AsyncClient, user: str) -> httpx.Response:
        return await client.post("/homepage", json={"user_id": user})

    async def denied(client: httpx.AsyncClient) -> list[str]:
        return (await client.get("/admin/deny-list")).json()["items"]  # type: ignore[no-any-return]

    async with asking(settings(written, group.url)) as one, asking(settings(written, group.url)) as other:
        for user in users:
            assert await bought(one, user, "1", first) == 200
        assert [(await page(client, users[0])).headers["x-cache"] for client in (one, other)] == ["miss", "hit"]
        assert (await one.post("/admin/deny-list", json={"add": [second]})).status_code == 200
        assert await denied(other) == [second]
        told(group.doomed).wait(1, 1000)  # until its replica has it all

        group.doomed.kill()
        for user in users:
            assert (await page(one, user)).status_code in (200, 503)
        assert (await one.post("/homepage", json={"history": [first]})).status_code == 200

        async def remember() -> bool:
            return {await bought(client, user, "2", second) for user in users for client in (one, other)} == {200}

        await until(remember)
        for user in users:
            entries = (await one.get(f"/users/{user}/history")).json()["items"]
            assert {entry["item_id"] for entry in entries} == {first, second}
        assert await denied(one) == [second]
        assert (await other.post("/admin/deny-list", json={"remove": [second]})).status_code == 200

        async def answers_again() -> bool:
            body = {"history": [first], "n": 100}
            return second in [item["item_id"] for item in (await one.post("/recommend", json=body)).json()["items"]]

        await until(answers_again, 3)


async def test_a_message_reaches_whoever_listens_at_any_node(group: Group) -> None:
    stores = [SharedStore(group.url, namespace="t", budget_seconds=1, pause_seconds=0) for _ in range(4)]
    async with stores[0].listening("changes") as heard, stores[1].listening("changes") as heard_too:
        for store in stores[2:]:
            await store.ask(lambda redis: redis.publish("changes", "now"))
            await until(lambda: heard(0.2), 2)
            await until(lambda: heard_too(0.2), 2)
        assert not await heard(0.05)
    for store in stores:
        await store.close()


async def test_dead_sentinels_are_passed_over_and_words_say_what_else_is_wrong(
    redis_binary: str, tmp_path: Path
) -> None:
    async def refused(url: str) -> str:
        with pytest.raises(StoreUnavailableError) as raised:
            await examine(url, 2)
        return str(raised.value)

    folder = tmp_path / "servers"
    with sentinels(redis_binary, folder, password="of-the-shop", sentinel_password="theirs") as group:
        _, _, one, two, three = group.servers
        bare = group.url
        assert "a password of their own" in await refused(with_password(bare, "of-the-shop"))
        assert "do not accept sentinel_password" in await refused(f"{bare}?sentinel_password=other")
        url = f"{bare}?sentinel_password=theirs"
        assert "asks for a password" in await refused(url)
        assert "does not accept the password" in await refused(with_password(url, "other"))
        sound = with_password(url, "of-the-shop")
        assert "no primary of this name" in await refused(sound.replace(NAME, "another"))
        assert "it is a Sentinel" in await refused(f"redis://:theirs@127.0.0.1:{one.port}/0")
        assert "no Sentinel" in await refused(
            f"redis+sentinel://127.0.0.1:{group.doomed.port}/{NAME}?sentinel_password=of-the-shop"
        )
        one.kill()
        assert (await examine(sound, 2)).replica is False
        store = SharedStore(sound, namespace="t", budget_seconds=1, pause_seconds=0)
        assert await store.ask(lambda redis: redis.ping())
        await store.close()
        for server in (two, three):
            server.kill()
        assert "nothing listens on" in await refused(sound)


async def test_a_cluster_is_told_from_what_is_none(
    redis_binary: str, redis_server: RedisServer, tmp_path: Path
) -> None:
    with cluster(redis_binary, tmp_path / "servers") as group:
        facts = await examine(group.url, 2)
        assert (facts.replica, facts.persistent, facts.maxmemory_bytes) == (False, False, 0)
        with pytest.raises(StoreUnavailableError, match="a node of a Cluster"):
            await examine(group.doomed.url, 2)
        with pytest.raises(StoreUnavailableError, match="in no Cluster"):
            await examine(redis_server.url.replace("redis:", "redis+cluster:").removesuffix("/0"), 2)
        for server in group.servers[:3]:
            server.kill()
        with pytest.raises(StoreUnavailableError, match="nothing listens on"):
            await examine(group.url, 2)


# ---------------------------------------------------------------- addresses


def test_addresses_of_sentinels_and_clusters_are_read() -> None:
    read = address_of("rediss+sentinel://shop:p%40ss@one,[::1]:7000/main/2?sentinel_password=a%26b&ssl_ca_certs=/ca")
    assert (read.kind, read.primary, dict(read.sentinel_login)) == ("sentinel", "main", {"password": "a&b"})
    assert read.places == (Place("one", 26379), Place("::1", 7000))
    assert read.url == "rediss://shop:p%40ss@one:26379/2?ssl_ca_certs=%2Fca"
    read = address_of(with_password("redis+cluster://one:1,two", "p@ss"))
    assert (read.kind, read.places) == ("cluster", (Place("one", 1), Place("two", 6379)))
    assert read.url == "redis://:p%40ss@one:1"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis+sentinel://one:26379", "no name by which the Sentinels know"),
        ("redis+sentinel://one:26379/main/two", "a database, by its number"),
        ("redis+cluster://one:6379/3", "no database but 0"),
        ("redis+cluster://one:6379,two:x", "its host or its port cannot be read"),
        ("redis://one:6379,two:6379/0", "redis\\+sentinel:// asks Sentinels"),
        ("redis+ring://one", "goes here"),
        ("unix+cluster:///path", "goes here"),
    ],
)
def test_an_address_that_is_none_has_one_clear_error(url: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        address_of(url)
