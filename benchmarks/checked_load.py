"""Load at a steady rate, each answer compared with what the version that it names must answer.

Whose connection is lost asks a second time, as service/client.py and a proxy in front do; how often is counted.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx
import numpy as np

from index.recommender import Recommender

CONNECTIONS, MOST_WAITING = 8, 32
HEAD = (
    "| | requests | right | asked again | wrong | p50 ms | p99 ms | longest without a right one s | recovered s |\n"
    "|---|---:|---:|---:|---|---:|---:|---:|---:|"
)
Expected = Mapping[tuple[str, str, int], object]
"""What is right, by version, route and history."""


class Asked(NamedTuple):
    began: float
    seconds: float
    outcome: str  # "right", or what was wrong
    cached: str  # X-Cache of a page
    again: bool  # whether the connection was lost, so that it was asked a second time


@dataclass(frozen=True)
class Figures:
    """Of a span of time: `worst_seconds` is the longest without a right answer."""

    requests: int
    right: int
    wrong: Mapping[str, int]
    again: int
    p50_milliseconds: float
    p99_milliseconds: float
    worst_seconds: float

    def row(self, name: str, recovered_seconds: float | None = None) -> str:
        """Of the table with HEAD."""
        wrong = ", ".join(f"{n} {what}" for what, n in self.wrong.items()) or "none"
        after = "" if recovered_seconds is None else f"{recovered_seconds:.2f}"
        return (
            f"| {name} | {self.requests:,} | {self.right / self.requests:.2%} | {self.again} | {wrong} "
            f"| {self.p50_milliseconds:.1f} | {self.p99_milliseconds:.1f} | {self.worst_seconds:.2f} | {after} |"
        )


def expected(recommenders: Sequence[Recommender], histories: Sequence[Sequence[str]]) -> Expected:
    """Computed in this process, without a service."""
    found: dict[tuple[str, str, int], object] = {}
    for recommender in recommenders:
        for number, history in enumerate(histories):
            items = recommender.recommend(history, 20).items
            found[recommender.version, "/recommend", number] = [(item.item_id, round(item.score, 6)) for item in items]
            page = recommender.homepage(history).shelves
            found[recommender.version, "/homepage", number] = [
                (shelf.segment_id, [item.item_id for item in shelf.items]) for shelf in page
            ]
    return found


class CheckedLoad:
    """`per_second` requests, /recommend and /homepage in turn, from a thread of its own until it is stopped."""

    def __init__(self, url: str, histories: Sequence[Sequence[str]], right: Expected, *, per_second: float) -> None:
        self._url, self._histories, self._right, self._per_second = url, histories, right, per_second
        self.asked: list[Asked] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "CheckedLoad":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def between(self, began: float, until: float) -> Figures:
        """Of what was asked between two times of time.monotonic(); once the load has stopped, and all is answered."""
        asked = sorted(one for one in self.asked if began <= one.began <= until)
        ends = [began, *sorted(one.began + one.seconds for one in asked if one.outcome == "right"), until]
        milliseconds = np.array([one.seconds for one in asked] or [0.0]) * 1e3
        wrong = Counter(one.outcome for one in asked if one.outcome != "right")
        return Figures(
            len(asked),
            len(asked) - wrong.total(),
            wrong,
            sum(one.again for one in asked),
            float(np.percentile(milliseconds, 50)),
            float(np.percentile(milliseconds, 99)),
            float(np.diff(ends).max()),
        )

    def cached_again(self, since: float, until: float) -> float | None:
        """Seconds from a time until pages came from the cache, or were stored, ever after; None: not until then."""
        ends = ((one.began + one.seconds, one.cached) for one in self.asked if one.cached)
        pages = sorted(page for page in ends if page[0] <= until)
        without = [ended for ended, cached in pages if cached == "bypass" and ended > since]
        last = max(without, default=since)
        if not any(ended > last for ended, _ in pages):
            return None
        return min(ended for ended, _ in pages if ended > last) - since if without else 0.0

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        async with httpx.AsyncClient(base_url=self._url, timeout=5, limits=limits, trust_env=False) as client:
            waiting: set[asyncio.Task[None]] = set()
            began, number = time.monotonic(), 0
            while not self._stop.is_set():
                if len(waiting) >= MOST_WAITING:  # the rate falls, rather than that this process drowns
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                number += 1
                task = asyncio.create_task(self._ask(client, number))
                waiting.add(task)
                task.add_done_callback(waiting.discard)
                await asyncio.sleep(max(0.0, began + number / self._per_second - time.monotonic()))
            await asyncio.gather(*waiting)

    async def _ask(self, client: httpx.AsyncClient, number: int) -> None:
        path = ("/recommend", "/homepage")[number % 2]
        which = number % len(self._histories)
        body: dict[str, Any] = {"history": self._histories[which]}
        began, cached, again = time.monotonic(), "", False
        try:
            try:
                answer = await client.post(path, json=body)
            except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
                again = True
                answer = await client.post(path, json=body)
        except httpx.HTTPError as error:
            outcome = type(error).__name__
        else:
            cached = answer.headers.get("X-Cache", "")
            outcome = self._judged(answer, path, which)
        self.asked.append(Asked(began, time.monotonic() - began, outcome, cached, again))

    def _judged(self, answer: httpx.Response, path: str, which: int) -> str:
        if answer.status_code != 200:
            return str(answer.status_code)
        found = answer.json()
        if found["model_version"] != answer.headers["X-Model-Version"]:
            return "two versions"
        if path == "/recommend":
            given: object = [(item["item_id"], round(item["score"], 6)) for item in found["items"]]
        else:
            given = [(shelf["segment_id"], [item["item_id"] for item in shelf["items"]]) for shelf in found["shelves"]]
        return "right" if given == self._right.get((found["model_version"], path, which)) else "another answer"
