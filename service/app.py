"""create_app(settings): nothing happens on import."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from service import problems
from service.layout_cache import LayoutCache, ProcessCache, RedisCache
from service.live import LiveModel
from service.openapi import described_app
from service.ring import RequestRing
from service.settings import Settings

logger = logging.getLogger(__name__)


def create_app(settings: Settings) -> FastAPI:
    """Opens the current artifact and builds the app around it. Raises ArtifactError where it is missing or broken."""
    live, layout_cache = LiveModel.open(settings.artifacts), _cache(settings)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        warming = asyncio.create_task(asyncio.to_thread(live.warm_up))
        warming.add_done_callback(_stop_if_cold)
        yield
        await asyncio.wait([warming])
        await layout_cache.close()

    app = described_app(lifespan)
    app.state.live, app.state.layout_cache = live, layout_cache
    problems.install(app)
    app.add_middleware(RequestRing, max_body_bytes=settings.max_body_bytes, model_version=live.version)
    return app


def _stop_if_cold(warming: "asyncio.Task[None]") -> None:
    """A model that cannot be warmed up will never answer: say so and let the supervisor start anew."""
    if not warming.cancelled() and (error := warming.exception()) is not None:
        logger.critical("the model could not be warmed up; stopping", exc_info=error)
        signal.raise_signal(signal.SIGTERM)


def _cache(settings: Settings) -> LayoutCache:
    if settings.redis_url is None:
        return ProcessCache(pages=settings.cache_pages, ttl_seconds=settings.cache_ttl_seconds)
    return RedisCache(
        settings.redis_url.get_secret_value(),
        ttl_seconds=settings.cache_ttl_seconds,
        budget_seconds=settings.redis_budget_seconds,
        pause_seconds=settings.redis_pause_seconds,
    )
