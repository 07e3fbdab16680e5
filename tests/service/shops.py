"""A hypothesis state machine: services over one Redis, users, events, denied items, cached pages and swapped models.

After whatever happened no answer holds an item that was consumed, denied or excluded, none twice, and each is of one
version; a page that is not stale is the one that the model makes now.
"""

import asyncio
import tempfile
import time
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx
from fastapi import FastAPI
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from pydantic import SecretStr
from redis import Redis

from service.app import create_app
from service.settings import Settings
from tests.conftest import write
from tests.service.asking import live
from tests.worlds import random_model

Answer = TypeVar("Answer")
SERVICES, USERS = st.integers(0, 1), st.sampled_from(["anna", "bert"])
ITEMS = st.integers(0, 39).map(lambda row: f"item-{row}")
SOME = st.lists(ITEMS, max_size=4, unique=True)
EXCLUDED = st.sampled_from([[], ["item-7", "item-12"]])  # few, so that a page is asked for more than once
PLACES = st.lists(st.integers(0, 11), min_size=1, max_size=3, unique=True)
PAGES = st.sampled_from(
    [
        {"shelves": 3, "items_per_shelf": 4, "min_items": 2},
        {"shelves": 2, "items_per_shelf": 3, "min_items": 3, "lead": "because"},
        {"shelves": 3, "items_per_shelf": 2, "min_items": 1, "seed": 4, "lead": "none"},
    ]
)


@dataclass
class Running:
    app: FastAPI
    client: httpx.AsyncClient
    stack: AsyncExitStack
    version: int


class Shops(RuleBasedStateMachine):
    redis_url: ClassVar[str]
    outcomes: ClassVar[Counter[str]] = Counter()

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory()
        for version in range(2):
            write(self.path(version), random_model(version, n_items=40, n_segments=5), name=f"v{version}")
        with Redis.from_url(self.redis_url) as connection:
            connection.flushall()
        self.histories: dict[str, list[str]] = {"anna": [], "bert": []}
        self.denied: set[str] = set()
        self.sent: list[tuple[str, Any]] = []
        self.n_posts = 0
        self.services: list[Running] = []
        self.shown: list[str] = ["item-0"]  # on the last page

    def path(self, version: int) -> Path:
        return Path(self.folder.name) / str(version)

    @initialize()
    def open_two(self) -> None:
        self.services = [self.run(self.started(0)), self.run(self.started(0))]

    def teardown(self) -> None:
        for service in self.services:
            self.run(service.stack.aclose())
        self.runner.close()
        self.folder.cleanup()

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return self.runner.run(work)

    async def started(self, version: int) -> Running:
        settings = Settings(
            artifacts=self.path(version), redis_url=SecretStr(self.redis_url), histories=True, redis_budget_seconds=2,
            histories_budget_seconds=2, history_items=6,
        )  # fmt: skip
        app, stack = create_app(settings), AsyncExitStack()
        running = Running(app, await stack.enter_async_context(live(app)), stack, version)
        await self.heard(running)
        return running

    async def heard(self, service: Running) -> None:
        """Other processes hear of the deny list within a second."""
        until = time.monotonic() + 3
        while service.app.state.live.serving.denied.item_ids != self.denied:
            assert time.monotonic() < until, "a service did not hear of the deny list"
            await asyncio.sleep(0.005)

    def ask(self, service: int, method: str, path: str, body: Any = None, status: int = 200) -> httpx.Response:
        answer = self.run(self.services[service].client.request(method, path, json=body))
        assert answer.status_code == status, answer.text
        assert answer.headers["X-Model-Version"].startswith(f"v{self.services[service].version}-")
        return answer

    # ------------------------------------------------------------ what happens

    @rule(service=SERVICES, user=USERS, items=st.lists(ITEMS, min_size=1, max_size=3, unique=True))
    def consume(self, service: int, user: str, items: list[str]) -> None:
        self.n_posts += 1
        body = {"events": [{"event_id": f"{self.n_posts}-{item}", "item_id": item} for item in items]}
        assert self.ask(service, "POST", f"/users/{user}/events", body).json()["added"] == len(items)
        self.sent.append((user, body))
        # of one request all events have one time; where the bound cuts through them the larger id stays
        latest = sorted(items, reverse=True)
        self.histories[user] = [*latest, *(item for item in self.histories[user] if item not in items)][:6]

    @rule(service=SERVICES, user=USERS, places=PLACES)
    def consume_what_was_shown(self, service: int, user: str, places: list[int]) -> None:
        self.consume(service, user, self.on_show(places))

    @rule(service=SERVICES, places=PLACES)
    def deny_what_was_shown(self, service: int, places: list[int]) -> None:
        self.deny(service, self.on_show(places), [])

    def on_show(self, places: list[int]) -> list[str]:
        return list(dict.fromkeys(self.shown[place % len(self.shown)] for place in places))

    @rule(service=SERVICES, user=USERS, size=PAGES, exclude=EXCLUDED)
    def forget_while_a_page_is_made(self, service: int, user: str, size: dict[str, Any], exclude: list[str]) -> None:
        body = {"user_id": user, "exclude": exclude} | size
        one, two = (running.client for running in (self.services[service], self.services[1 - service]))

        async def both() -> None:
            await asyncio.gather(one.post("/homepage", json=body), two.delete(f"/users/{user}/history"))

        self.run(both())
        self.forget(1 - service, user)
        self.page(service, body, [])

    @rule(service=SERVICES, data=st.data())
    def say_it_again(self, service: int, data: st.DataObject) -> None:
        if self.sent:
            user, body = data.draw(st.sampled_from(self.sent))
            if self.ask(service, "POST", f"/users/{user}/events", body).json()["added"]:
                raise AssertionError("an event counted twice")

    @rule(service=SERVICES, user=USERS, items=SOME)
    def replace(self, service: int, user: str, items: list[str]) -> None:
        self.ask(service, "PUT", f"/users/{user}/history", {"history": items})
        self.histories[user] = items

    @rule(service=SERVICES, user=USERS)
    def forget(self, service: int, user: str) -> None:
        self.ask(service, "DELETE", f"/users/{user}/history", status=204)
        self.histories[user] = []
        self.sent = [(of, body) for of, body in self.sent if of != user]  # their ids are forgotten as well

    @rule(service=SERVICES, add=SOME, remove=SOME)
    def deny(self, service: int, add: list[str], remove: list[str]) -> None:
        answer = self.ask(service, "POST", "/admin/deny-list", {"add": add, "remove": remove}).json()
        self.denied = (self.denied - set(remove)) | set(add)
        assert answer["items"] == sorted(self.denied)
        assert self.services[service].app.state.live.serving.denied.item_ids == self.denied
        self.run(self.heard(self.services[1 - service]))

    @rule(service=SERVICES)
    def swap(self, service: int) -> None:
        before = self.services[service]
        self.run(before.stack.aclose())
        self.services[service] = self.run(self.started(1 - before.version))

    # ------------------------------------------------------------ what is answered

    @rule(service=SERVICES, user=USERS)
    def read_history(self, service: int, user: str) -> None:
        kept = self.ask(service, "GET", f"/users/{user}/history").json()["items"]
        assert [item["item_id"] for item in kept] == self.histories[user]

    @rule(service=SERVICES, user=USERS, size=PAGES, exclude=EXCLUDED)
    def users_page(self, service: int, user: str, size: dict[str, Any], exclude: list[str]) -> None:
        self.page(service, {"user_id": user, "exclude": exclude} | size, self.histories[user])

    @rule(service=SERVICES, history=SOME, size=PAGES, exclude=EXCLUDED)
    def posted_page(self, service: int, history: list[str], size: dict[str, Any], exclude: list[str]) -> None:
        self.page(service, {"history": history, "exclude": exclude} | size, history)

    @rule(service=SERVICES, history=SOME, exclude=SOME)
    def recommend(self, service: int, history: list[str], exclude: list[str]) -> None:
        body = {"history": history, "exclude": exclude, "n": 40}
        found = [item["item_id"] for item in self.ask(service, "POST", "/recommend", body).json()["items"]]
        assert sorted(found) == sorted({f"item-{row}" for row in range(40)} - set(history) - set(exclude) - self.denied)

    def page(self, service: int, body: dict[str, Any], history: list[str]) -> None:
        answer = self.ask(service, "POST", "/homepage", body)
        self.whole(answer, body, history)
        if answer.headers["X-Cache"] == "stale":
            self.run(self.services[service].app.state.memory.pages.settled())
            answer = self.ask(service, "POST", "/homepage", body)
            self.whole(answer, body, history)
            assert answer.headers["X-Cache"] == "hit", "a stale page is made anew behind the answer"
        serving = self.services[service].app.state.live.serving
        asked = {name: value for name, value in body.items() if name not in {"user_id", "history"}}
        now = serving.recommender.homepage(dict.fromkeys(history, 1.0), **asked)
        assert [
            (shelf["segment_id"], shelf["reason"], [item["item_id"] for item in shelf["items"]])
            for shelf in answer.json()["shelves"]
        ] == [(shelf.segment_id, shelf.reason, [item.item_id for item in shelf.items]) for shelf in now.shelves]

    def whole(self, answer: httpx.Response, body: dict[str, Any], history: list[str]) -> None:
        page = answer.json()
        assert page["model_version"] == answer.headers["X-Model-Version"]
        shown = [item["item_id"] for shelf in page["shelves"] for item in shelf["items"]]
        self.shown = shown or self.shown
        self.outcomes[answer.headers["X-Cache"]] += 1
        assert len(shown) == len(set(shown)), "an item stands twice"
        assert not set(shown) & {*history, *body["exclude"]}, "what was consumed or excluded is shown"
        assert not set(shown) & self.denied, "what is denied is shown"
        for shelf in page["shelves"]:
            assert min(body["min_items"], body["items_per_shelf"]) <= len(shelf["items"]) <= body["items_per_shelf"]
