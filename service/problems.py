"""Errors as application/problem+json, the id of each request, and the bound on its body: the outer ring of the app."""

import logging
import re
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from index.errors import FilterError, UnknownAttributeError, UnknownItemError, UnknownSegmentError
from service.answers import Problem
from service.requests import TAGS

logger = logging.getLogger(__name__)

CODES = {400: "MALFORMED_JSON", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class NotReadyError(Exception):
    """The model is still being warmed up."""


class RequestRing:
    """Gives every request an id, names the model version, bounds the body, and turns what escapes into a 500."""

    def __init__(self, app: ASGIApp, *, max_body_bytes: int, model_version: str) -> None:
        self.app, self.max_body_bytes, self.model_version = app, max_body_bytes, model_version

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        asked = Headers(scope=scope).get("x-request-id", "")
        request_id = asked if _REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        too_large = f"the body may have {self.max_body_bytes} bytes; send shorter lists"
        started = False
        received = 0

        async def bounded() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.max_body_bytes:
                raise HTTPException(413, too_large)  # FastAPI lets its own exception through, and no other
            return message

        async def labelled(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Model-Version"] = self.model_version
            await send(message)

        length = Headers(scope=scope).get("content-length", "0")
        if length.isdecimal() and int(length) > self.max_body_bytes:
            await problem(request_id, 413, CODES[413], too_large)(scope, receive, labelled)
            return
        try:
            await self.app(scope, bounded, labelled)
        except Exception:
            logger.exception("request %s failed", request_id)
            if started:
                raise
            failed = problem(
                request_id, 500, "INTERNAL_ERROR", "something failed on our side; the log has the request_id"
            )
            await failed(scope, receive, labelled)


def problem(
    request_id: str,
    status: int,
    code: str,
    detail: str,
    *,
    errors: list[dict[str, str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    """A problem+json response."""
    body = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=detail, code=code, request_id=request_id, errors=errors
    )
    return Response(
        body.model_dump_json(exclude_none=True), status, media_type="application/problem+json", headers=headers
    )


def install(app: FastAPI) -> None:
    """Handlers for everything that is raised on purpose. Values of a history are not echoed."""

    def request_id(request: Request) -> str:
        return str(request.state.request_id)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(entry["type"] == "json_invalid" for entry in found):
            return problem(request_id(request), 400, "MALFORMED_JSON", "the body is not JSON")
        errors = [
            {"field": _field(entry["loc"]), "message": str(entry["msg"])} for entry in _first_of_each_field(found)
        ][:20]
        fields = ", ".join(dict.fromkeys(entry["field"] for entry in errors))
        return problem(request_id(request), 422, "INVALID_REQUEST", f"check {fields}", errors=errors)

    @app.exception_handler(StarletteHTTPException)
    async def refused(request: Request, error: StarletteHTTPException) -> Response:
        return problem(
            request_id(request),
            error.status_code,
            CODES.get(error.status_code, HTTPStatus(error.status_code).name),
            str(error.detail),
            headers=dict(error.headers) if error.headers else None,
        )

    @app.exception_handler(UnknownItemError)
    async def unknown_item(request: Request, error: UnknownItemError) -> Response:
        return problem(request_id(request), 404, "UNKNOWN_ITEM", str(error))

    @app.exception_handler(UnknownSegmentError)
    async def unknown_segment(request: Request, error: UnknownSegmentError) -> Response:
        if request.method == "GET":
            return problem(request_id(request), 404, "UNKNOWN_SEGMENT", str(error))
        errors = [{"field": error.named_in, "message": str(error)}]
        return problem(request_id(request), 422, "UNKNOWN_SEGMENT", f"check {error.named_in}: {error}", errors=errors)

    @app.exception_handler(UnknownAttributeError)
    async def unknown_attribute(request: Request, error: UnknownAttributeError) -> Response:
        errors = [{"field": error.named_in, "message": str(error)}]
        return problem(request_id(request), 422, "UNKNOWN_ATTRIBUTE", f"check {error.named_in}: {error}", errors=errors)

    @app.exception_handler(FilterError)
    async def filter_without_meaning(request: Request, error: FilterError) -> Response:
        errors = [{"field": "filter", "message": str(error)}]
        return problem(request_id(request), 422, "INVALID_FILTER", f"check filter: {error}", errors=errors)

    @app.exception_handler(NotReadyError)
    async def not_ready(request: Request, _error: NotReadyError) -> Response:
        return problem(
            request_id(request),
            503,
            "NOT_READY",
            "the model is being warmed up; try again",
            headers={"Retry-After": "1"},
        )


def _field(location: Sequence[object]) -> str:
    """("body", "history", 3, "str") as "history[3]": the tags of the union are ours, not the caller's."""
    path = location[1:]
    parts = [part for i, part in enumerate(path) if not (part in TAGS and i and isinstance(path[i - 1], int))]
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).lstrip(".") or "body"


def _first_of_each_field(errors: Sequence[Any]) -> list[Any]:
    """The first of a field's errors; one line is enough."""
    seen: dict[str, Any] = {}
    for error in errors:
        seen.setdefault(_field(error["loc"]), error)
    return list(seen.values())


def openapi_problems(*statuses: int) -> dict[int | str, dict[str, object]]:
    """Responses of a route in the OpenAPI document."""
    return {
        status: {
            "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
            "description": HTTPStatus(status).phrase,
        }
        for status in statuses
    }
