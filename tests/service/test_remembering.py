"""Pages for stored histories, pages that are stale, and the deny list, over a real Redis and more than one service."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import redis
from pydantic import ValidationError

from index.artifact import Artifact
from index.recommender import Recommender
from service.app import create_app
from service.settings import Settings
from service.stored_requests import EventRequest
from tests.conftest import RedisServer, free_port, write
from tests.service.asking import asking, live
from tests.service.memory_histories import MemoryHistories
from tests.worlds import random_model

pytestmark = pytest.mark.anyio
SIZE = {"shelves": 3, "items_per_shelf": 5, "min_items": 2}


@pytest.fixture
def shop(tmp_path: Path) -> Artifact:
    return write(tmp_path / "shop", random_model(3), name="shop")


def settings(shop: Artifact, url: str | None, **more: Any) -> Settings:
    chosen: dict[str, Any] = {
        "artifacts": shop.folder.parent, "redis_url": url, "histories": url is not None, "redis_budget_seconds": 1,
        "histories_budget_seconds": 1,
    }  # fmt: skip
    return Settings(**(chosen | more))


@pytest.fixture(params=["memory", "redis"])
async def client(request: pytest.FixtureRequest, shop: Artifact) -> AsyncIterator[httpx.AsyncClient]:
    """A service with histories, of either kind."""
    if request.param == "redis":
        async with asking(settings(shop, request.getfixturevalue("redis_server").url)) as asked:
            yield asked
    else:
        app = create_app(settings(shop, None))
        app.state.memory = replace(app.state.memory, histories=MemoryHistories(most_items=500))
        async with live(app) as asked:
            yield asked


def events(*item_ids: str) -> dict[str, Any]:
    return {"events": [{"event_id": f"{item}-{time.time_ns()}", "item_id": item} for item in item_ids]}


async def page(client: httpx.AsyncClient, **body: Any) -> tuple[str, Any]:
    answer = await client.post("/homepage", json=SIZE | body)
    assert answer.status_code == 200, answer.text
    return answer.headers["X-Cache"], answer.json()


async def settled(client: httpx.AsyncClient, **body: Any) -> Any:
    """The page once it is no longer stale."""
    for _ in range(100):
        outcome, answer = await page(client, **body)
        if outcome != "stale":
            return answer
        await asyncio.sleep(0.02)
    raise AssertionError("the page stays stale")


def shown(answer: Any) -> list[str]:
    return [item["item_id"] for shelf in answer["shelves"] for item in shelf["items"]]


async def test_what_is_told_of_a_user_is_kept_and_read_latest_first(client: httpx.AsyncClient) -> None:
    body = {
        "events": [
            {"event_id": "1", "item_id": "item-1", "weight": -2.5, "at": "2020-05-01T12:00:00+02:00"},
            {"event_id": "2", "item_id": "item-2"},
            {"event_id": "1", "item_id": "item-3"},
        ]
    }
    assert (await client.post("/users/anna/events", json=body)).json()["added"] == 2
    assert (await client.post("/users/anna/events", json=body)).json()["added"] == 0
    kept = (await client.get("/users/anna/history")).json()
    assert [item["item_id"] for item in kept["items"]] == ["item-2", "item-1"]
    assert kept["items"][1] == {"item_id": "item-1", "weight": -2.5, "at": "2020-05-01T10:00:00Z"}
    put = await client.put("/users/anna/history", json={"history": ["item-9", {"item_id": "item-8", "weight": 3}]})
    assert [(item["item_id"], item["weight"]) for item in put.json()["items"]] == [("item-9", 1), ("item-8", 3)]
    for _ in range(2):
        assert (await client.delete("/users/anna/history")).status_code == 204
    assert (await client.get("/users/anna/history")).json()["items"] == []


async def test_a_user_whose_id_has_slashes_or_line_breaks_has_addresses(client: httpx.AsyncClient) -> None:
    for user_id in ("u/1", "/", "a//b/", "history", "a/history", "a/events", "ä?#%2F", "a\n\nb\n"):
        at = f"/users/{quote(user_id, safe='')}"
        assert (await client.post(f"{at}/events", json=events("item-1"))).status_code == 200
        kept = (await client.get(f"{at}/history")).json()
        assert (kept["user_id"], [item["item_id"] for item in kept["items"]]) == (user_id, ["item-1"])
        assert (await page(client, user_id=user_id))[1] == (await page(client, history=["item-1"]))[1]
        assert (await client.put(f"{at}/history", json={"history": ["item-2"]})).json()["user_id"] == user_id
        assert (await client.delete(f"{at}/history")).status_code == 204
        assert (await client.get(f"{at}/history")).json()["items"] == []


async def test_a_time_to_come_counts_as_now(client: httpx.AsyncClient) -> None:
    await client.post(
        "/users/anna/events", json={"events": [{"event_id": "1", "item_id": "x", "at": "2999-01-01T00:00:00Z"}]}
    )
    await client.post("/users/anna/events", json=events("y"))
    assert [item["item_id"] for item in (await client.get("/users/anna/history")).json()["items"]] == ["y", "x"]


async def test_a_time_before_1970_counts_as_that_and_can_be_read_back(client: httpx.AsyncClient) -> None:
    for number, at in enumerate(("0001-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z")):
        body = {"events": [{"event_id": str(number), "item_id": f"item-{number}", "at": at}]}
        assert (await client.post("/users/anna/events", json=body)).status_code == 200
    kept = (await client.get("/users/anna/history")).json()["items"]
    assert [item["at"] for item in kept] == ["1970-01-01T00:00:00Z"] * 2


def test_a_time_is_written_out_with_its_zone_or_refused() -> None:
    event: dict[str, Any] = {"event_id": "1", "item_id": "x"}
    assert EventRequest.model_validate(event | {"at": None}).at is None
    assert EventRequest.model_validate(event | {"at": "2026-05-01T12:00:00.5-02:30"}).at is not None
    wrongs: list[Any] = [0, 1.5, "0", "-5", "1600000000", True, "2026-05-01", "2026-05-01T12:00:00", "", []]
    for at in wrongs:
        with pytest.raises(ValidationError):
            EventRequest.model_validate(event | {"at": at})


async def test_a_users_page_is_that_of_the_same_history_posted(client: httpx.AsyncClient) -> None:
    await client.post("/users/anna/events", json=events("item-3", "item-77", "nowhere"))
    outcome, answer = await page(client, user_id="anna")
    _, posted = await page(client, history=["item-3", "item-77", "nowhere"])
    assert (outcome, answer) == ("miss", posted)
    assert await page(client, user_id="anna") == ("hit", posted)
    assert (await page(client, user_id="anna", seed=1))[0] == "miss"
    _, nobody = await page(client, user_id="bert")
    assert nobody == (await page(client, history=[]))[1]


async def test_what_was_just_consumed_is_gone_from_the_page_and_the_shelf_is_filled_up(
    client: httpx.AsyncClient,
) -> None:
    await client.post("/users/anna/events", json=events("item-3", "item-77"))
    _, before = await page(client, user_id="anna")
    consumed = before["shelves"][0]["items"][1]["item_id"]
    await client.post("/users/anna/events", json=events(consumed, "nowhere"))
    outcome, answer = await page(client, user_id="anna")
    assert outcome == "stale"
    assert [len(shelf["items"]) for shelf in answer["shelves"]] == [len(shelf["items"]) for shelf in before["shelves"]]
    assert consumed not in shown(answer)
    assert len(set(shown(answer))) == len(shown(answer))
    assert answer["unknown_items"] == ["nowhere"]
    for shelf in answer["shelves"]:
        assert [item["rank"] for item in shelf["items"]] == list(range(1, len(shelf["items"]) + 1))
    renewed = await settled(client, user_id="anna")
    assert renewed == (await page(client, history=["item-3", "item-77", consumed, "nowhere"]))[1]


async def test_where_the_spares_do_not_suffice_the_page_is_computed(client: httpx.AsyncClient) -> None:
    await client.post("/users/anna/events", json=events("item-3"))
    _, before = await page(client, user_id="anna")
    await client.post("/users/anna/events", json=events(*shown(before)))
    outcome, answer = await page(client, user_id="anna")
    assert outcome == "miss"
    assert not set(shown(before)) & set(shown(answer))


async def test_a_page_that_explains_itself_is_never_sent_stale(client: httpx.AsyncClient) -> None:
    await client.post("/users/anna/events", json=events("item-3", "item-77"))
    await page(client, user_id="anna", explain=True)
    assert (await page(client, user_id="anna", explain=True))[0] == "hit"
    await client.post("/users/anna/events", json=events("item-9"))
    assert (await page(client, user_id="anna", explain=True))[0] == "miss"


async def test_users_without_a_history_who_ask_together_do_not_wait_for_each_other(client: httpx.AsyncClient) -> None:
    users = [f"user-{number}" for number in range(6)]
    await asyncio.gather(*(page(client, user_id=user) for user in users))
    began = time.monotonic()
    assert [(await page(client, user_id=user))[0] for user in users] == ["hit"] * 6
    assert time.monotonic() - began < 0.5


async def test_who_is_forgotten_has_no_page_either(client: httpx.AsyncClient) -> None:
    await client.post("/users/anna/events", json=events("item-3"))
    await page(client, user_id="anna")
    await client.delete("/users/anna/history")
    outcome, answer = await page(client, user_id="anna")
    assert outcome == "miss"
    assert {item["source"] for shelf in answer["shelves"] for item in shelf["items"]} == {"popularity"}


async def test_histories_and_deny_list_are_off_until_they_are_switched_on(shop: Artifact) -> None:
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/homepage", {"user_id": "anna"}), ("GET", "/users/anna/history", None),
        ("PUT", "/users/anna/history", {"history": []}), ("DELETE", "/users/anna/history", None),
        ("POST", "/users/anna/events", events("a")), ("GET", "/admin/deny-list", None),
        ("POST", "/admin/deny-list", {"add": ["a"]}),
    ]  # fmt: skip
    async with asking(settings(shop, None)) as client:
        for method, path, body in asked:
            answer = await client.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "SWITCHED_OFF"), path


async def test_without_redis_a_user_is_a_503_and_a_posted_history_goes_on(shop: Artifact) -> None:
    url = f"redis://127.0.0.1:{free_port()}/0"
    async with asking(settings(shop, url)) as client:
        for method, path, body in [
            ("POST", "/homepage", {"user_id": "anna"}), ("GET", "/users/anna/history", None),
            ("POST", "/users/anna/events", events("a")), ("POST", "/admin/deny-list", {"add": ["item-1"]}),
        ]:  # fmt: skip
            answer = await client.request(method, path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (503, "STORE_UNAVAILABLE")
            assert answer.headers["Retry-After"] == "1"
        assert (await page(client, history=["item-3"]))[0] == "bypass"


async def within(seconds: float, right: Callable[[], Any]) -> None:
    until = time.monotonic() + seconds
    while not await right():
        assert time.monotonic() < until
        await asyncio.sleep(0.01)


async def test_what_is_denied_comes_back_from_nowhere_and_other_services_hear_of_it(
    shop: Artifact, redis_server: RedisServer
) -> None:
    async with AsyncExitStack() as stack:
        one, two = [await stack.enter_async_context(asking(settings(shop, redis_server.url))) for _ in range(2)]
        _, before = await page(one, history=["item-3"])
        denied = before["shelves"][0]["items"][0]["item_id"]

        async def is_shown(client: httpx.AsyncClient) -> bool:
            answers = [
                await client.post("/recommend", json={"history": ["item-3"], "n": 200}),
                await client.post("/homepage", json=SIZE | {"history": ["item-3"]}),
                await client.get("/items/item-3/similar?n=200"),
            ]
            found = [f'"{denied}"' in answer.text for answer in answers]
            assert len(set(found)) == 1
            return found[0]

        assert await is_shown(one)
        assert await is_shown(two)
        changed = await one.post("/admin/deny-list", json={"add": [denied, "unheard of"]})
        assert changed.json()["items"] == sorted([denied, "unheard of"])
        assert not await is_shown(one)

        async def two_has_heard() -> bool:
            return denied not in (await two.post("/recommend", json={"history": ["item-3"], "n": 200})).text

        await within(1, two_has_heard)
        assert not await is_shown(two)
        assert (await two.get("/admin/deny-list")).json()["items"] == sorted([denied, "unheard of"])
        await two.post("/admin/deny-list", json={"remove": [denied]})
        assert await settled(two, history=["item-3"]) == before


async def test_a_denied_item_is_in_no_page_from_before_and_in_no_reason(
    shop: Artifact, redis_server: RedisServer
) -> None:
    async with asking(settings(shop, redis_server.url)) as client:
        _, before = await page(client, history=["item-3", "item-77"], lead="because")
        await client.post("/admin/deny-list", json={"add": [shown(before)[0]]})
        outcome, answer = await page(client, history=["item-3", "item-77"], lead="because")
        assert outcome == "stale"
        assert shown(before)[0] not in shown(answer)
        await client.post("/admin/deny-list", json={"add": ["item-3", "item-77"]})
        outcome, answer = await page(client, history=["item-3", "item-77"], lead="because")
        assert outcome == "miss"
        assert not [shelf["reason"] for shelf in answer["shelves"] if "Title 3" in shelf["reason"]]


async def test_a_denied_item_is_no_reason_from_before_though_the_history_has_dropped_it(
    shop: Artifact, redis_server: RedisServer
) -> None:
    async with asking(settings(shop, redis_server.url, history_items=1)) as client:
        await client.post("/users/anna/events", json=events("item-3"))
        _, before = await page(client, user_id="anna", lead="because")
        assert before["shelves"][0]["reason"] == "Closest to Title 3"
        await client.post("/users/anna/events", json=events("item-77"))
        await client.post("/admin/deny-list", json={"add": ["item-3"]})
        _, after = await page(client, user_id="anna", lead="because")
        assert not [shelf["reason"] for shelf in after["shelves"] if shelf["reason"].endswith("Title 3")]


async def test_a_service_knows_the_deny_list_before_it_answers(shop: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(shop, redis_server.url)) as client:
        await client.post("/admin/deny-list", json={"add": ["item-5"]})
    with redis.Redis.from_url(redis_server.url) as connection:
        connection.client_pause(300)
    async with asking(settings(shop, redis_server.url)) as client:
        found = (await client.post("/recommend", json={"history": ["item-3"], "n": 200})).json()["items"]
        assert "item-5" not in {item["item_id"] for item in found}


async def test_a_redis_that_lost_the_deny_list_is_told_it_again(shop: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(shop, redis_server.url, redis_pause_seconds=0.1)) as client:
        await client.post("/admin/deny-list", json={"add": ["item-5"]})
        redis_server.kill()
        assert "item-5" not in (await client.post("/recommend", json={"history": ["item-3"], "n": 200})).text.split('"')
        redis_server.start()
        with redis.Redis.from_url(redis_server.url, decode_responses=True) as connection:

            async def told() -> bool:
                return bool(connection.smembers("sparseshelf:{denied}:items") == {"item-5"})

            await within(5, told)


@pytest.mark.parametrize(("policy", "warned"), [("allkeys-lru", True), ("volatile-ttl", False)])
async def test_a_redis_that_may_forget_what_is_to_stay_is_warned_of(
    shop: Artifact, redis_server: RedisServer, caplog: pytest.LogCaptureFixture, policy: str, warned: bool
) -> None:
    with redis.Redis.from_url(redis_server.url) as connection:
        connection.config_set("maxmemory-policy", policy)
    async with asking(settings(shop, redis_server.url)) as client:
        await client.get("/admin/deny-list")
    assert ("volatile-ttl" in caplog.text) == warned


async def test_what_is_denied_just_after_redis_lost_the_list_is_added_to_it(
    shop: Artifact, redis_server: RedisServer
) -> None:
    async with asking(settings(shop, redis_server.url)) as client:
        for item_id in ("item-5", "item-6"):
            await client.post("/admin/deny-list", json={"add": [item_id]})
        with redis.Redis.from_url(redis_server.url) as connection:
            connection.flushall()
        changed = await client.post("/admin/deny-list", json={"add": ["item-7"], "remove": ["item-5"]})
        assert changed.json()["items"] == ["item-6", "item-7"]
        assert (await client.get("/admin/deny-list")).json()["items"] == ["item-6", "item-7"]


async def test_a_deny_list_that_cannot_be_read_is_followed_on(shop: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(shop, redis_server.url)) as client:
        await client.post("/admin/deny-list", json={"add": ["item-5"]})
        items, changes = "sparseshelf:{denied}:items", "sparseshelf:{denied}:changes"
        with redis.Redis.from_url(redis_server.url) as connection:
            connection.sadd(items, b"\xff")
            connection.incr(changes)
            connection.publish(changes, "changed")
            await asyncio.sleep(0.2)
            connection.srem(items, b"\xff")
            connection.sadd(items, "item-6")

        async def heard() -> bool:
            found = (await client.post("/recommend", json={"history": ["item-3"], "n": 200})).json()["items"]
            return not {"item-5", "item-6"} & {item["item_id"] for item in found}

        await within(3, heard)


async def test_a_redis_that_is_not_there_is_said_once_and_its_return_too(
    shop: Artifact, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "service.deny_list")
    redis_server.kill()
    async with asking(settings(shop, redis_server.url)):
        await asyncio.sleep(2.2)
        redis_server.start()
        for _ in range(100):
            if "redis is back" in caplog.text:
                break
            await asyncio.sleep(0.05)
    said = [record.getMessage() for record in caplog.records if record.name == "service.deny_list"]
    assert [line.split(":")[0] for line in said] == ["redis is out of reach (ConnectionError)", "redis is back"]


async def test_a_deny_list_is_bounded(shop: Artifact, redis_server: RedisServer, monkeypatch: Any) -> None:
    monkeypatch.setattr("service.deny_list.MAX_DENIED", 3)
    async with asking(settings(shop, redis_server.url)) as client:
        assert (await client.post("/admin/deny-list", json={"add": ["a", "b", "c"]})).status_code == 200
        answer = await client.post("/admin/deny-list", json={"add": ["d"]})
        assert (answer.status_code, answer.json()["code"]) == (422, "DENY_LIST_FULL")
        assert (await client.get("/admin/deny-list")).json()["items"] == ["a", "b", "c"]
        for body in ({"add": ["a", "a", "b"]}, {"add": ["d"], "remove": ["a", "a"]}):
            assert (await client.post("/admin/deny-list", json=body)).status_code == 200
        assert (await client.get("/admin/deny-list")).json()["items"] == ["b", "c", "d"]


@pytest.mark.parametrize("asked", [{"history": ["item-3"]}, {"user_id": "anna"}])
async def test_a_page_that_many_want_at_once_is_computed_once(
    shop: Artifact, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    computed = []
    compute = Recommender.homepage

    def slow(self: Recommender, *arguments: Any, **more: Any) -> Any:
        computed.append(1)
        time.sleep(0.1)
        return compute(self, *arguments, **more)

    async with AsyncExitStack() as stack:
        services = [await stack.enter_async_context(asking(settings(shop, redis_server.url))) for _ in range(3)]
        monkeypatch.setattr(Recommender, "homepage", slow)
        found = await asyncio.gather(*(page(services[number % 3], **asked) for number in range(30)))
        assert len(computed) == 1
        assert len({str(answer) for _, answer in found}) == 1
        assert [outcome for outcome, _ in found].count("bypass") == 0


async def test_many_pages_at_once_do_not_make_a_sound_redis_look_slow(
    shop: Artifact, redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compute = Recommender.homepage

    def slow(self: Recommender, *arguments: Any, **more: Any) -> Any:
        time.sleep(0.04)
        return compute(self, *arguments, **more)

    async with asking(settings(shop, redis_server.url, redis_budget_seconds=0.3)) as client:
        await page(client, history=[])
        monkeypatch.setattr(Recommender, "homepage", slow)
        found = await asyncio.gather(*(page(client, history=[f"item-{number}"]) for number in range(24)))
    assert [outcome for outcome, _ in found] == ["miss"] * 24
    assert "redis failed" not in caplog.text


async def test_a_page_that_cannot_be_computed_is_left_to_the_next_one(
    shop: Artifact, redis_server: RedisServer
) -> None:
    async with asking(settings(shop, redis_server.url)) as client:
        for _ in range(2):
            began = time.monotonic()
            answer = await client.post("/homepage", json={"history": ["item-3"], "mute": ["nowhere"]})
            assert answer.json()["code"] == "UNKNOWN_SEGMENT"
            assert time.monotonic() - began < 0.5


async def test_a_page_past_its_time_is_sent_once_more_and_made_anew(shop: Artifact, redis_server: RedisServer) -> None:
    async with asking(settings(shop, redis_server.url, cache_ttl_seconds=1)) as client:
        assert (await page(client, history=["item-3"]))[0] == "miss"
        await asyncio.sleep(1.2)
        assert (await page(client, history=["item-3"]))[0] == "stale"
        await asyncio.sleep(0.1)
        assert (await page(client, history=["item-3"]))[0] == "hit"
    async with asking(settings(shop, redis_server.url, cache_ttl_seconds=1, cache_stale_seconds=0)) as client:
        await asyncio.sleep(1.2)
        assert (await page(client, history=["item-3"]))[0] == "miss"


async def test_the_order_of_a_history_is_no_matter_of_the_cache(shop: Artifact) -> None:
    async with asking(settings(shop, None)) as client:
        _, first = await page(client, history=["x", "item-3", "a"])
        assert await page(client, history=["a", "item-3", "x"]) == ("hit", first)


async def test_two_namespaces_share_nothing(shop: Artifact, redis_server: RedisServer) -> None:
    for name in ("one", "two"):
        async with asking(settings(shop, redis_server.url, namespace=name)) as client:
            assert (await page(client, history=["item-3"]))[0] == "miss"
            assert (await client.get("/users/anna/history")).json()["items"] == []
            await client.post("/users/anna/events", json=events("item-3"))
