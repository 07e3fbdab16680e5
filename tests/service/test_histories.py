"""Histories: one contract for Redis and for what stands in for it in tests; then what Redis must do itself."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.histories import Entry, Event, Histories, RedisHistories
from service.layout_cache import Lookup
from service.shared_store import SharedStore, StoreFullError, StoreUnavailableError
from tests.conftest import RedisServer, free_port
from tests.service.memory_histories import MemoryHistories

pytestmark = pytest.mark.anyio


def redis_histories(url: str, *, most_items: int = 5, ttl_seconds: int = 100) -> RedisHistories:
    store = SharedStore(url, namespace="shop", budget_seconds=5, pause_seconds=0)
    return RedisHistories(store, most_items=most_items, ttl_seconds=ttl_seconds, page_ttl_seconds=50, page_bytes=1000)


@pytest.fixture(params=["memory", "redis"])
async def histories(request: pytest.FixtureRequest) -> AsyncIterator[Histories]:
    if request.param == "memory":
        yield MemoryHistories(most_items=5)
        return
    chosen = redis_histories(request.getfixturevalue("redis_server").url)
    yield chosen
    await chosen.store.close()


def bought(*item_ids: str, first: float = 1.0) -> list[Event]:
    return [Event(f"e-{item}", item, 1.0, first + at) for at, item in enumerate(item_ids)]


async def items(histories: Histories, user_id: str = "anna") -> list[str]:
    return [entry.item_id for entry in (await histories.read(user_id)).entries]


async def test_who_is_not_known_has_an_empty_history(histories: Histories) -> None:
    history = await histories.read("nobody")
    assert (history.entries, history.token) == ([], "")


async def test_events_add_items_latest_first_with_their_weights(histories: Histories) -> None:
    assert await histories.add("anna", [Event("1", "a", 1.0, 10.5), Event("2", "b", -0.25, 20.0)]) == 2
    assert (await histories.read("anna")).entries == [Entry("b", -0.25, 20.0), Entry("a", 1.0, 10.5)]


async def test_an_event_that_comes_twice_is_passed_over(histories: Histories) -> None:
    await histories.add("anna", [Event("1", "a", 1.0, 10.0)])
    token = (await histories.read("anna")).token
    assert await histories.add("anna", [Event("1", "z", 5.0, 99.0), Event("2", "b", 1.0, 5.0)]) == 1
    assert await items(histories) == ["a", "b"]
    assert (await histories.read("anna")).token != token


async def test_of_one_item_the_latest_event_counts_in_whatever_order_they_come(histories: Histories) -> None:
    await histories.add("anna", [Event("new", "a", 3.0, 20.0)])
    await histories.add("anna", [Event("old", "a", 1.0, 10.0)])
    assert (await histories.read("anna")).entries == [Entry("a", 3.0, 20.0)]


async def test_a_history_is_bounded_and_the_latest_stay(histories: Histories) -> None:
    await histories.add("anna", bought(*"abcdefgh"))
    assert await items(histories) == list("hgfed")
    await histories.add("anna", [Event("late", "x", 1.0, 0.5)])
    assert await items(histories) == list("hgfed")


async def test_a_history_can_be_replaced_and_its_pages_go_with_it(histories: Histories) -> None:
    await histories.add("anna", bought("a", "b"))
    token = (await histories.read("anna")).token
    assert await histories.put("anna", "page", token, b"content")
    await histories.replace("anna", [Entry("x", 2.0, 50.0)])
    history, found = await histories.look("anna", "page")
    assert (history.entries, found) == ([Entry("x", 2.0, 50.0)], Lookup("mine"))
    await histories.replace("anna", [])
    assert await items(histories) == []


async def test_a_page_comes_with_the_history_and_stays_when_that_changes(histories: Histories) -> None:
    await histories.add("anna", bought("a"))
    history, found = await histories.look("anna", "page")
    assert found == Lookup("mine")
    assert await histories.look("anna", "page") == (history, Lookup("taken"))
    assert await histories.put("anna", "page", history.token, b"content")
    assert await histories.look("anna", "page") == (history, Lookup("found", b"content"))
    await histories.add("anna", [Event("2", "b", 1.0, 9.0)])
    later, found = await histories.look("anna", "page")
    assert ([entry.item_id for entry in later.entries], found.page) == (["b", "a"], b"content")
    assert later.token != history.token


async def test_a_page_made_for_what_a_history_was_is_not_stored(histories: Histories) -> None:
    await histories.add("anna", bought("a"))
    history, _ = await histories.look("anna", "page")
    await histories.add("anna", bought("b", first=5.0))
    assert not await histories.put("anna", "page", history.token, b"content")
    later, found = await histories.look("anna", "page")
    assert found == Lookup("mine"), "what was claimed for another history is not taken"
    await histories.release("anna", "page", later.token)
    assert (await histories.look("anna", "page"))[1] == Lookup("mine")


async def test_who_is_forgotten_leaves_nothing_not_even_a_page_under_way(histories: Histories) -> None:
    await histories.add("anna", bought("a", "b"))
    history, _ = await histories.look("anna", "page")
    await histories.put("anna", "other", history.token, b"content")
    await histories.forget("anna")
    assert not await histories.put("anna", "page", history.token, b"content")
    for page in ("page", "other"):
        history, found = await histories.look("anna", page)
        assert (history.entries, history.token, found) == ([], "", Lookup("mine"))
    await histories.add("anna", bought("a"))
    assert await items(histories) == ["a"], "the ids of events are forgotten as well"


async def test_users_have_nothing_to_do_with_each_other(histories: Histories) -> None:
    await histories.add("anna", bought("a"))
    await histories.add("{anna}", bought("b"))
    await histories.forget("anna")
    assert (await items(histories, "anna"), await items(histories, "{anna}")) == ([], ["b"])


EVENTS = st.lists(
    st.builds(
        Event,
        st.integers(0, 30).map(str),
        st.sampled_from("abcdefghij"),
        st.sampled_from([1.0, -1.0, 0.1, 1000.0]),
        st.integers(0, 20).map(lambda second: 1_700_000_000 + second / 7),
    ),
    max_size=30,
    unique_by=(lambda event: event.event_id, lambda event: event.at),
)


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS, st.randoms())
def test_the_order_in_which_events_come_changes_nothing(
    redis_server: RedisServer, events: list[Event], random: object
) -> None:
    async def told(user_id: str, order: list[Event]) -> list[Entry]:
        histories = redis_histories(redis_server.url)
        await histories.forget(user_id)
        for event in order:
            await histories.add(user_id, [event])
        await histories.add(user_id, order)
        found = (await histories.read(user_id)).entries
        await histories.store.close()
        return found

    shuffled = list(events)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    latest: dict[str, Entry] = {}
    for event in sorted(events, key=lambda event: event.at):
        latest[event.item_id] = Entry(event.item_id, event.weight, event.at)
    expected = sorted(latest.values(), key=lambda entry: -entry.at)[:5]
    assert asyncio.run(told("anna", events)) == expected
    assert asyncio.run(told("bert", shuffled)) == expected


async def test_a_hundred_writers_at_once_lose_nothing(redis_server: RedisServer) -> None:
    writers = [redis_histories(redis_server.url, most_items=1000) for _ in range(4)]
    told = [Event(str(number % 100), f"item {number % 100}", 1.0, float(number)) for number in range(200)]
    added = await asyncio.gather(*(writers[n % 4].add("anna", [event]) for n, event in enumerate(told)))
    assert sum(added) == 100
    assert len((await writers[0].read("anna")).entries) == 100
    for writer in writers:
        await writer.store.close()


async def test_in_redis_everything_expires_lies_in_one_slot_and_does_not_name_the_user(
    redis_server: RedisServer,
) -> None:
    histories = redis_histories(redis_server.url)
    await histories.add("anna-the-user", bought("a"))
    history, _ = await histories.look("anna-the-user", "page")
    await histories.put("anna-the-user", "page", history.token, b"content")
    with redis.Redis.from_url(redis_server.url) as connection:
        keys = connection.keys()
        assert isinstance(keys, list)
        assert len(keys) == 4
        assert all(0 < int(str(connection.ttl(key))) <= 100 for key in keys)
        assert all(key.startswith(b"shop:{") and b"anna" not in key for key in keys)
        assert len({key[key.index(b"{") : key.index(b"}")] for key in keys}) == 1
        await histories.forget("anna-the-user")
        assert connection.keys() == []
    await histories.store.close()


async def test_a_users_pages_are_bounded(redis_server: RedisServer) -> None:
    histories = redis_histories(redis_server.url)
    for number in range(200):
        await histories.put("anna", str(number), "", b"content")
    assert not await histories.put("anna", "long", "", b"x" * 1001)
    assert (await histories.look("anna", "199"))[1].outcome == "found"
    with redis.Redis.from_url(redis_server.url) as connection:
        (key,) = connection.keys("*pages")
        assert int(str(connection.hlen(key))) <= 34
    await histories.store.close()


async def test_a_full_redis_stores_nothing_and_says_so(redis_server: RedisServer) -> None:
    histories = redis_histories(redis_server.url)
    await histories.add("anna", bought("a"))
    with redis.Redis.from_url(redis_server.url) as connection:
        connection.config_set("maxmemory", "1")
    with pytest.raises(StoreFullError):
        await histories.add("anna", bought("b"))
    history, found = await histories.look("anna", "page")
    assert ([entry.item_id for entry in history.entries], found) == (["a"], Lookup("mine"))
    await histories.forget("anna")
    assert await items(histories) == []
    await histories.store.close()


async def test_an_absent_redis_is_unavailable() -> None:
    histories = redis_histories(f"redis://127.0.0.1:{free_port()}/0")
    with pytest.raises(StoreUnavailableError):
        await histories.read("anna")
    await histories.store.close()


async def test_where_redis_let_half_a_history_go_the_rest_is_none(redis_server: RedisServer) -> None:
    histories = redis_histories(redis_server.url)
    with redis.Redis.from_url(redis_server.url) as connection:
        for half in ("state", "items"):
            await histories.add("anna", [Event(f"1 {half}", "a", -1.0, 10.0)])
            (key,) = connection.keys(f"*:{half}")
            connection.delete(key)
            assert (await histories.read("anna")).entries == []
            await histories.add("anna", [Event(f"2 {half}", "b", 1.0, 11.0)])
            assert (await histories.read("anna")).entries == [Entry("b", 1.0, 11.0)]
            await histories.forget("anna")
    await histories.store.close()
