"""What is logged of a request: who it was for every line meanwhile, and a line at its end where that is wanted."""

import logging
import time
from contextvars import ContextVar
from typing import Any

from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.operations import is_open
from service.routes import ROUTES

logger = logging.getLogger(__name__)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class LoggedRequest:
    """What may be known of a request by the log. Once it `ended` it keeps its id only, and no model."""

    __slots__ = ("request_id", "scope", "status", "trace_id")

    def __init__(self, scope: Scope) -> None:
        self.scope: Scope | None = scope
        self.request_id: str | None = None
        self.trace_id: str | None = None
        self.status: int | None = None

    def fields(self) -> dict[str, str]:
        """For every line that is logged while it is answered, and after."""
        found: dict[str, str | None] = {"request_id": self.request_id, "trace_id": self.trace_id}
        if self.scope is not None:
            state = self.scope.get("state", {})
            serving = state.get("serving")
            found["request_id"] = state.get("request_id")
            found["method"] = method_of(self.scope)
            found["route"] = route_of(self.scope)
            if serving is not None:
                found["model_version"] = serving.recommender.version
                found["variant"] = serving.variant
        return {name: value for name, value in found.items() if value is not None}

    def ended(self) -> None:
        """Work that goes on behind the answer holds on to this, and must not hold on to a model that was replaced."""
        if self.scope is not None:
            self.request_id = self.scope.get("state", {}).get("request_id")
        self.scope = None


current: ContextVar[LoggedRequest | None] = ContextVar("current", default=None)
"""The request that is being answered, in its tasks and in the threads that work for it."""


class RequestLog:
    """Goes around everything else. Logs every answer that is a 5xx or took long, and with `every` each of them."""

    def __init__(self, app: ASGIApp, *, every: bool, slow_seconds: float) -> None:
        self.app, self.every, self.slow_seconds = app, every, slow_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = LoggedRequest(scope)
        token = current.set(request)
        began = time.perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                request.status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            seconds = time.perf_counter() - began
            failed = request.status is not None and request.status >= 500
            failed = failed and not (request.status == 503 and is_open(scope["path"]))  # a probe has its answer
            if failed or seconds > self.slow_seconds or self.every:
                _log(request, seconds, failed=failed, slow=seconds > self.slow_seconds)
            request.ended()
            current.reset(token)


def _log(request: LoggedRequest, seconds: float, *, failed: bool, slow: bool) -> None:
    fields: dict[str, Any] = {"status": request.status, "seconds": round(seconds, 6)}
    level = logging.ERROR if request.status == 500 else logging.WARNING if failed or slow else logging.INFO
    event = "a request failed" if failed else "a slow request" if slow else "a request"
    logger.log(level, event, extra={"fields": fields})


def method_of(scope: Scope) -> str:
    """One that is known: a caller may write anything for a method."""
    method: str = scope["method"]
    return method if method in _METHODS else "_OTHER"


def route_of(scope: Scope) -> str | None:
    """The template of the path, also of a request that was not let through to its route; never the path itself."""
    route = scope.get("route")
    if route is None:
        route = next((known for known in ROUTES if known.matches(scope)[0] is Match.FULL), None)
    return route.path_format if isinstance(route, Route) else None
