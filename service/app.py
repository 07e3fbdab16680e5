"""create_app(settings): nothing happens on import."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service import problems
from service.live import LiveModel
from service.memory import Memory
from service.openapi import described_app
from service.ring import RequestRing
from service.settings import Settings

logger = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Opens the current artifact and builds the app around it. Raises ArtifactError where it is missing or broken."""
    live = LiveModel.open(settings.artifacts)
    memory = Memory.of(settings, live)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(live.warm_up))
        warming.add_done_callback(_stop_if_cold)
        following = asyncio.create_task(memory.follow())
        yield
        await asyncio.wait([warming])
        while not following.done():  # a cancellation that comes with an answer of Redis may be lost in its client
            following.cancel()
            await asyncio.wait([following], timeout=0.1)
        await memory.close()

    app = described_app(lifespan)
    app.state.live, app.state.memory = live, memory
    problems.install(app)
    app.add_middleware(RequestRing, max_body_bytes=settings.max_body_bytes, model_version=live.version)
    return app


def _stop_if_cold(warming: "asyncio.Task[None]") -> None:
    """A model that cannot be warmed up will never answer: say so and let the supervisor start anew."""
    if not warming.cancelled() and (error := warming.exception()) is not None:
        logger.critical("the model could not be warmed up; stopping", exc_info=error)
        signal.raise_signal(signal.SIGTERM)
