"""Pages from a cache: computed once at a time across processes, sent while stale, never with an item that had to go.

A page depends on what is in its key, and on the deny list and a stored history, which are not: `made_for` names them.
One that was made for others, or is no longer fresh, is sent a last time without what must not be shown any more, filled
up with spares, while it is computed anew behind the answer.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from service import metrics
from service.cached_page import CachedPage
from service.histories import Histories, Past
from service.layout_cache import LayoutCache, Lookup
from service.live import Serving
from service.shared_store import StoreUnavailableError
from service.tracing import note, span
from service.work import page_done

logger = logging.getLogger(__name__)
_PATIENCE_SECONDS = 1.0  # for which a page that another process computes is waited for
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.002, 0.05
_MOST_RENEWALS = 8  # at once, behind answers
_JITTER = 0.1  # of the time that a page is fresh, so that pages made together do not expire together

XCache = Literal["hit", "stale", "miss", "bypass"]


class Made(NamedTuple):
    """A page just computed: the answer and its spares, both JSON."""

    body: bytes
    spares: bytes


@dataclass(frozen=True)
class Wanted:
    """`make` computes the page of a history, `plain` as of work.done; `least` is how few items make a shelf."""

    make: Callable[[Mapping[str, float]], Made]
    plain: bool
    least: int
    serving: Serving


class Place(Protocol):
    """Where a page lies: `whose` it is, and its key, which is the same for all users who ask for the same."""

    @property
    def whose(self) -> str: ...

    @property
    def key(self) -> str: ...

    async def look(self, *, anew: bool = False) -> tuple[Past, Lookup]: ...

    async def put(self, token: str, content: bytes) -> bool: ...

    async def release(self, token: str) -> None: ...


@dataclass(frozen=True)
class PostedPlace:
    """Of a page for a history that was posted."""

    cache: LayoutCache
    key: str
    past: Past
    whose: str = ""

    async def look(self, *, anew: bool = False) -> tuple[Past, Lookup]:
        return self.past, await self.cache.look(self.key, anew=anew)

    async def put(self, token: str, content: bytes) -> bool:
        return await self.cache.put(self.key, content)

    async def release(self, token: str) -> None:
        await self.cache.release(self.key)


@dataclass(frozen=True)
class StoredPlace:
    """Of a page for a user whose history is stored; look raises StoreUnavailableError."""

    histories: Histories
    user_id: str
    key: str

    @property
    def whose(self) -> str:
        return self.user_id

    async def look(self, *, anew: bool = False) -> tuple[Past, Lookup]:
        history, found = await self.histories.look(self.user_id, self.key, anew=anew)
        return history.past, found

    async def put(self, token: str, content: bytes) -> bool:
        try:
            return await self.histories.put(self.user_id, self.key, token, content)
        except StoreUnavailableError:
            return False

    async def release(self, token: str) -> None:
        with suppress(StoreUnavailableError):
            await self.histories.release(self.user_id, self.key, token)


class Pages:
    """A page is fresh for `fresh_seconds`, and may be sent for `stale_seconds` more."""

    def __init__(self, *, fresh_seconds: float, stale_seconds: float) -> None:
        self.fresh_seconds, self.stale_seconds = fresh_seconds, stale_seconds
        self._running: dict[tuple[str, str, str], asyncio.Task[tuple[bytes, bool]]] = {}
        self._turn = asyncio.Lock()
        self._renewals: set[asyncio.Task[None]] = set()

    async def page(self, place: Place, wanted: Wanted) -> tuple[bytes, XCache]:
        """Raises what `wanted.make` does, and StoreUnavailableError."""
        body, outcome = await self._page(place, wanted)
        metrics.page_answered(outcome)
        return body, outcome

    async def _page(self, place: Place, wanted: Wanted) -> tuple[bytes, XCache]:
        past, found = await self._found(place, wanted)
        note(history_length=len(past.weights))
        if found.page is not None and (page := CachedPage.decoded(found.page)) is not None:
            made_for = _made_for(past, wanted)
            if page.made_for == made_for and time.time() < page.fresh_until:
                return page.body, "hit"
            if (body := self._last_time(page, made_for, past, wanted)) is not None:
                self._renew(place, wanted)
                return body, "stale"
        body, stored = await self._computed(place, past, wanted)
        return body, "miss" if stored and found.outcome != "bypass" else "bypass"

    async def _found(self, place: Place, wanted: Wanted) -> tuple[Past, Lookup]:
        """What lies there, after a while if another process computes it."""
        wait, until = _FIRST_WAIT_SECONDS, time.monotonic() + _PATIENCE_SECONDS
        waited = False
        while True:
            with span("cache") as looking:
                past, found = await place.look()
                looking.note("operation", "look")
                looking.note("outcome", found.outcome)
            running = _name(place, past, wanted) in self._running
            if found.outcome != "taken" or running or time.monotonic() > until:
                return past, found
            if not waited:
                metrics.page_waited_for()
            waited = True
            await asyncio.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT_SECONDS)

    def _last_time(self, page: CachedPage, made_for: str, past: Past, wanted: Wanted) -> bytes | None:
        if time.time() > page.fresh_until + self.stale_seconds:
            return None
        if page.made_for == made_for:
            return page.body
        weights, denied = past.weights, wanted.serving.denied
        token, _, denied_then = page.made_for.partition(".")
        if denied_then != denied.token and (token != past.token or not denied.item_ids.isdisjoint(weights)):
            return None  # a reason might name one, of what the history was then
        unknown = wanted.serving.recommender.model.vocabulary.unknown(weights)
        return page.without(denied.item_ids | weights.keys(), least=wanted.least, unknown_items=unknown)

    async def _computed(self, place: Place, past: Past, wanted: Wanted) -> tuple[bytes, bool]:
        """The page, and whether it was stored; whoever asks for the same meanwhile gets it too."""
        name = _name(place, past, wanted)
        running = self._running.get(name)
        if running is None:
            running = self._running[name] = asyncio.create_task(self._made(place, past, wanted))
            running.add_done_callback(lambda done: self._forget(name, done))
        else:
            metrics.page_waited_for()
        return await asyncio.shield(running)

    async def _made(self, place: Place, past: Past, wanted: Wanted) -> tuple[bytes, bool]:
        def laid_out() -> Made:
            with span("layout"):
                return wanted.make(past.weights)

        try:
            made = await page_done(wanted.serving.recommender, laid_out, self._turn, plain=wanted.plain)
        except BaseException:
            await place.release(past.token)
            raise
        fresh_until = time.time() + self.fresh_seconds * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311
        page = CachedPage(made.body, made.spares, _made_for(past, wanted), fresh_until)
        with span("cache") as storing:
            stored = await place.put(past.token, page.encoded())
            storing.note("operation", "store")
            storing.note("outcome", "stored" if stored else "not stored")
        return made.body, stored

    def _forget(self, name: tuple[str, str, str], done: "asyncio.Task[tuple[bytes, bool]]") -> None:
        del self._running[name]
        if not done.cancelled():
            done.exception()  # whoever waited for it has it

    def _renew(self, place: Place, wanted: Wanted) -> None:
        """Behind the answer, unless another does or many are under way: the next one who asks will then."""
        if len(self._renewals) < _MOST_RENEWALS:
            renewal = asyncio.create_task(self._renewed(place, wanted))
            self._renewals.add(renewal)
            renewal.add_done_callback(self._renewed_or_not)

    async def _renewed(self, place: Place, wanted: Wanted) -> None:
        try:
            past, found = await place.look(anew=True)
        except StoreUnavailableError:
            return
        if found.outcome == "mine":
            await self._computed(place, past, wanted)

    def _renewed_or_not(self, done: "asyncio.Task[None]") -> None:
        self._renewals.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            logger.warning("a page could not be made anew: %s", type(error).__name__)

    async def settled(self) -> None:
        """Once what is under way is done."""
        await asyncio.gather(*self._renewals, *self._running.values(), return_exceptions=True)


def _name(place: Place, past: Past, wanted: Wanted) -> tuple[str, str, str]:
    """Two users without a history each have their own: who claimed a page is to store it, for nobody else."""
    return place.whose, place.key, _made_for(past, wanted)


def _made_for(past: Past, wanted: Wanted) -> str:
    return f"{past.token}.{wanted.serving.denied.token}"
