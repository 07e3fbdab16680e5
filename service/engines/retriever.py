"""What a request asks of an engine, and what it does where that does not answer: the index answers in its place."""

import logging
import time
from typing import Literal

import numpy as np

from index.filters import Filter
from index.kernels import Floats
from index.retrieval import Retrieve, Retrieved
from service import metrics
from service.engines.engine import Engine, EngineUnavailableError, VersionMissingError
from service.engines.qdrant_filter import InexpressibleError
from service.tracing import span

logger = logging.getLogger(__name__)


class Retriever:
    """An engine, left alone for `pause_seconds` after it failed, and for as long where it misses a version."""

    def __init__(self, engine: Engine, *, pause_seconds: float) -> None:
        self._engine, self.pause_seconds = engine, pause_seconds
        self._resting_until = 0.0
        self._missing_until: dict[str, float] = {}
        self._said: str | None = None

    def of(self, version: str, where: Filter | None) -> Retrieve:
        """For one request."""

        def retrieve(profile: Floats, n: int) -> Retrieved | None:
            with span("engine"):
                return self._asked(version, profile, n, where)

        return retrieve

    def probe(self, version: str) -> None:
        """Raises EngineUnavailableError where it could not be asked for items of this version."""
        self._engine.nearest(version, np.ones(1), 1, None)

    def _asked(self, version: str, profile: Floats, n: int, where: Filter | None) -> Retrieved | None:
        if time.monotonic() < max(self._resting_until, self._missing_until.get(version, 0.0)):
            metrics.engine_asked("resting")
            return None
        try:
            found = self._engine.nearest(version, profile, n, where)
        except InexpressibleError:
            metrics.engine_asked("inexpressible")
            return None
        except VersionMissingError as error:
            self._missing_until = {version: time.monotonic() + self.pause_seconds}
            self._failed("missing", error)
            return None
        except EngineUnavailableError as error:
            self._resting_until = time.monotonic() + self.pause_seconds
            self._failed("failed", error)
            return None
        if self._said:
            logger.info("the engine answers again")
            self._said = None
        metrics.engine_asked("found")
        return found

    def _failed(self, outcome: Literal["missing", "failed"], error: EngineUnavailableError) -> None:
        """Said once, until it is another one or it answers again."""
        metrics.engine_asked(outcome)
        if str(error) != self._said:
            self._said = str(error)
            logger.warning("the engine cannot be asked, the index answers in its place: %s", error)

    def close(self) -> None:
        self._engine.close()
