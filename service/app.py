"""create_app(settings): nothing happens on import."""

import asyncio
import gc
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from service import documentation, engines, interface, logs, metrics, problems, worker_load
from service.admission import Admission, Bounds
from service.following import Following
from service.keys import KeyRing
from service.live import LiveModel
from service.memory import Memory
from service.openapi import described_app
from service.request_log import RequestLog
from service.ring import RequestRing
from service.roster import Roster
from service.settings import Settings
from service.shared_buckets import SharedTokenBuckets
from service.split import KEY_HEADER
from service.token_bucket import RateLimit, TokenBuckets

if TYPE_CHECKING:
    from service.spans import Exporting

logger = logging.getLogger(__name__)
_LOADING_SECONDS = 5.0  # in which kernels are loaded; a worker that has to compile them says so after that


def create_app(settings: Settings, roster: Roster | None = None) -> FastAPI:
    """Opens the current artifact and builds the app around it. Without a file of keys it answers anyone.

    `roster` is that of the workers that this process is one of.

    Raises ArtifactError where the artifact is missing or broken, KeysFileError where the file of keys is, ValueError
    where the address of Redis is, or is missed, TracingError where spans cannot be sent as it is asked for.
    """
    if settings.contradiction is not None:
        raise ValueError(settings.contradiction)
    keys = None if settings.keys_file is None else KeyRing(settings.keys_file)
    roster = Roster() if roster is None else roster
    live = LiveModel.open(settings.artifacts, settings.split, instead={said.version for said in roster.reports()})
    following = Following(live, settings.artifacts, roster, seconds=settings.reload_seconds)
    memory = Memory.of(settings, live)
    retriever = engines.retriever_of(settings)
    exporting = _exporting() if settings.tracing else None

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(_warm_up, live))
        warming.add_done_callback(_stop_if_cold)
        metrics.worker_started()
        metrics.models_served(live.served)
        await memory.begin()
        if roster.folder is not None:  # the others answer meanwhile: nobody is to be told that this one is not ready
            await asyncio.wait([warming], timeout=_LOADING_SECONDS)
        followed = memory.follow(), _follow_once_warm(warming, following), worker_load.tell(lambda: live.ready)
        followers = [asyncio.create_task(one) for one in followed]
        yield
        await asyncio.wait([warming])
        while not all(follower.done() for follower in followers):
            for follower in followers:  # a cancellation that comes with an answer of Redis may be lost in its client
                follower.cancel()
            await asyncio.wait(followers, timeout=0.1)
        await memory.close()
        if retriever is not None:
            retriever.close()
        if exporting is not None:
            await exporting.close()

    app = described_app(logs.telling(lifespan))
    app.state.live, app.state.memory, app.state.following = live, memory, following
    app.state.retriever = retriever
    problems.install(app)
    documentation.install(app)
    if settings.ui:
        interface.install(app, settings.image_origins)
    _surround(app, settings, keys, exporting)
    return app


def _surround(app: FastAPI, settings: Settings, keys: KeyRing | None, exporting: "Exporting | None") -> None:
    """From the inside: who gets in, which pages may ask, and what every answer carries."""
    bounds = Bounds(settings.max_body_bytes, settings.body_seconds, settings.max_reading, settings.max_in_flight)
    app.state.rate_limit = _rate_limit(settings, app.state.memory)
    app.add_middleware(Admission, keys=keys, rate_limit=app.state.rate_limit, bounds=bounds)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("Authorization", "Content-Type", "X-Request-ID", KEY_HEADER),
            expose_headers=("X-Request-ID", "X-Model-Version", "X-Variant", "X-Cache", "Retry-After"),
        )
    if exporting is not None:
        exporting.surround(app)
    app.add_middleware(RequestRing, live=app.state.live)
    app.add_middleware(RequestLog, every=settings.access_log, slow_seconds=settings.slow_seconds)


def _exporting() -> "Exporting":
    from service.spans import Exporting  # noqa: PLC0415  what it needs is an extra

    return Exporting()


def _rate_limit(settings: Settings, memory: Memory) -> RateLimit | None:
    if settings.rate is None:
        return None
    if not settings.shared_rate:
        return TokenBuckets(settings.rate)
    return SharedTokenBuckets(memory.stores[0], settings.rate)  # the store with the shorter budget


def _warm_up(live: LiveModel) -> None:
    live.warm_up()
    gc.collect()
    gc.freeze()  # what is there now stays: to look through it for garbage takes 50 to 100 ms each time


async def _follow_once_warm(warming: "asyncio.Task[None]", following: Following) -> None:
    await asyncio.wait([warming])
    await following.follow()


def _stop_if_cold(warming: "asyncio.Task[None]") -> None:
    """A model that cannot be warmed up will never answer: say so and let the supervisor start anew."""
    if not warming.cancelled() and (error := warming.exception()) is not None:
        logger.critical("the model could not be warmed up; stopping", exc_info=error)
        signal.raise_signal(signal.SIGTERM)
