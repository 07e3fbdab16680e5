"""Errors as application/problem+json: every code, and what raises it."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from index.errors import FilterError, UnknownAttributeError, UnknownItemError, UnknownSegmentError
from service.answers import Problem
from service.deny_list import DenyListFullError
from service.live import NotReadyError
from service.memory import SwitchedOffError
from service.requests import TAGS
from service.shared_store import StoreFullError, StoreUnavailableError

logger = logging.getLogger(__name__)

CODES = {
    400: "MALFORMED_JSON",
    401: "UNAUTHENTICATED",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    408: "BODY_TOO_SLOW",
    413: "BODY_TOO_LARGE",
    429: "RATE_LIMITED",
}


def _unavailable(error: StoreUnavailableError) -> tuple[str, str]:
    if isinstance(error, StoreFullError):
        return "STORE_FULL", "Redis is at its maxmemory and lets nothing go; nothing was stored"
    return "STORE_UNAVAILABLE", "Redis is out of reach; try again"


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

    @app.exception_handler(StoreUnavailableError)
    async def store_unavailable(request: Request, error: StoreUnavailableError) -> Response:
        return problem(request_id(request), 503, *_unavailable(error), headers={"Retry-After": "1"})

    @app.exception_handler(SwitchedOffError)
    async def switched_off(request: Request, error: SwitchedOffError) -> Response:
        return problem(request_id(request), 409, "SWITCHED_OFF", str(error))

    @app.exception_handler(DenyListFullError)
    async def deny_list_full(request: Request, error: DenyListFullError) -> Response:
        errors = [{"field": "add", "message": str(error)}]
        return problem(request_id(request), 422, "DENY_LIST_FULL", f"check add: {error}", errors=errors)

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


REFUSED = openapi_problems(401, 403, 429, 503)
POSTED = openapi_problems(400, 408, 413, 422, 503)
READ = openapi_problems(404, 422, 503)
HOMEPAGE = openapi_problems(400, 409, 413, 422, 503)
USERS = openapi_problems(409, 422, 503)
USERS_POSTED = HOMEPAGE
ADMIN = openapi_problems(409, 503)
ADMIN_POSTED = HOMEPAGE
