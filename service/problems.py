"""Errors as application/problem+json: every code, and what raises it."""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

from index.errors import FilterError, UnknownAttributeError, UnknownDimError, UnknownItemError, UnknownSegmentError
from service import metrics
from service.answers import Problem
from service.deny_list import DenyListFullError
from service.following import ReloadFailedError
from service.live import NotReadyError
from service.memory import SwitchedOffError
from service.requests import TAGS
from service.shared_store import StoreFullError, StoreUnavailableError

logger = logging.getLogger(__name__)

CODES = {
    400: "MALFORMED_JSON",
    401: "UNAUTHENTICATED",
    403: "FORBIDDEN",
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
    """A problem+json response, counted."""
    metrics.problem_answered(code)
    body = problem_of(Refusal(status, code, detail, errors), request_id)
    return Response(
        body.model_dump_json(exclude_none=True), status, media_type="application/problem+json", headers=headers
    )


def problem_of(refusal: "Refusal", request_id: str) -> Problem:
    title = HTTPStatus(refusal.status).phrase
    return Problem(type="about:blank", title=title, request_id=request_id, **refusal._asdict())


class Refusal(NamedTuple):
    """What is wrong with a request, whether it came by itself or in a batch."""

    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] | None = None


REFUSED = (
    RequestValidationError, UnknownItemError, UnknownSegmentError, UnknownDimError, UnknownAttributeError, FilterError,
    SwitchedOffError, DenyListFullError, ReloadFailedError,
)  # fmt: skip


def refusal_of(error: Exception) -> Refusal:
    """Of one of REFUSED. Values of a history are not echoed."""
    match error:
        case RequestValidationError():
            return _invalid(error.errors())
        case UnknownItemError():
            return Refusal(404, "UNKNOWN_ITEM", str(error))
        case UnknownDimError():
            return Refusal(404, "UNKNOWN_DIM", str(error))
        case UnknownSegmentError(named_in="segment_id"):
            return Refusal(404, "UNKNOWN_SEGMENT", str(error))
        case UnknownSegmentError():
            return _at(error.named_in, "UNKNOWN_SEGMENT", error)
        case UnknownAttributeError():
            return _at(error.named_in, "UNKNOWN_ATTRIBUTE", error)
        case FilterError():
            return _at("filter", "INVALID_FILTER", error)
        case SwitchedOffError():
            return Refusal(409, "SWITCHED_OFF", str(error))
        case ReloadFailedError():
            return Refusal(409, "RELOAD_FAILED", str(error))
        case DenyListFullError():
            return _at("add", "DENY_LIST_FULL", error)
    raise error


def _invalid(found: Sequence[Any]) -> Refusal:
    if any(entry["type"] == "json_invalid" for entry in found):
        return Refusal(400, "MALFORMED_JSON", "the body is not JSON")
    errors = [{"field": _field(entry["loc"]), "message": _message(entry)} for entry in _first_of_each_field(found)]
    fields = ", ".join(dict.fromkeys(entry["field"] for entry in errors[:20]))
    detail = f"check {fields}" + (f": {errors[0]['message']}" if len(errors) == 1 else "")
    return Refusal(422, "INVALID_REQUEST", detail, errors[:20])


def _message(entry: Any) -> str:
    if isinstance(entry.get("input"), bytes):  # a body that was not read as JSON, since it was not called that
        return "send it with the header `content-type: application/json`"
    return str(entry["msg"])


def _at(field: str, code: str, error: Exception) -> Refusal:
    return Refusal(422, code, f"check {field}: {error}", [{"field": field, "message": str(error)}])


def install(app: FastAPI) -> None:
    """Handlers for everything that is raised on purpose."""

    def request_id(request: Request) -> str:
        return str(request.state.request_id)

    async def refused(request: Request, error: Exception) -> Response:
        refusal = refusal_of(error)
        return problem(request_id(request), refusal.status, refusal.code, refusal.detail, errors=refusal.errors)

    for kind in REFUSED:
        app.exception_handler(kind)(refused)

    @app.exception_handler(StarletteHTTPException)
    async def not_served(request: Request, error: StarletteHTTPException) -> Response:
        detail, headers = str(error.detail), dict(error.headers or {})
        if error.status_code == 405:
            headers = {"Allow": _allowed(request) or "GET"}  # files of the page are no routes
            detail = f"{request.method} is not answered at this path, only {headers['Allow']}"
        elif error.status_code == 404:
            detail = "there is no such route; /docs has them all"
        code = CODES.get(error.status_code, HTTPStatus(error.status_code).name)
        return problem(request_id(request), error.status_code, code, detail, headers=headers)

    @app.exception_handler(StoreUnavailableError)
    async def store_unavailable(request: Request, error: StoreUnavailableError) -> Response:
        return problem(request_id(request), 503, *_unavailable(error), headers={"Retry-After": "1"})

    @app.exception_handler(NotReadyError)
    async def not_ready(request: Request, _error: NotReadyError) -> Response:
        return problem(
            request_id(request),
            503,
            "NOT_READY",
            "the model is being warmed up; try again",
            headers={"Retry-After": "1"},
        )


def _allowed(request: Request) -> str:
    """The methods that some route answers at this path; that which was found first knows its own only."""
    routes = request.app.routes
    scopes = {method: {**request.scope, "method": method} for method in ("GET", "POST", "PUT", "PATCH", "DELETE")}
    return ", ".join(
        method for method, scope in scopes.items() if any(one.matches(scope)[0] is Match.FULL for one in routes)
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


EXAMPLES = {
    f"{refusal.status} {refusal.code}": refusal
    for refusal in (
        Refusal(400, "MALFORMED_JSON", "the body is not JSON"),
        Refusal(401, "UNAUTHENTICATED", "a key is needed: send `Authorization: Bearer KEY` with one that is valid"),
        Refusal(403, "FORBIDDEN", "this key has not the scope 'write'"),
        Refusal(408, "BODY_TOO_SLOW", "the body did not arrive within 10 s"),
        Refusal(404, "UNKNOWN_ITEM", "no item 'z' in this model"),
        Refusal(404, "UNKNOWN_SEGMENT", "no segment 's9' in this model"),
        Refusal(404, "UNKNOWN_DIM", "no such dim in this model: it has 0 to 1023"),
        Refusal(409, "SWITCHED_OFF", "histories are switched off: SPARSESHELF_HISTORIES=true switches them on"),
        Refusal(
            409,
            "RELOAD_FAILED",
            "shop-2/codes.npy: it is missing; version shop-1 goes on answering",
        ),
        Refusal(413, "BODY_TOO_LARGE", "the body may have 1048576 bytes; send shorter lists"),
        _at("n", "INVALID_REQUEST", ValueError("Input should be less than or equal to 1000")),
        _at("filter", "INVALID_FILTER", FilterError("there is no attribute 'colour'; the model has year, country")),
        _at("steer", "UNKNOWN_SEGMENT", UnknownSegmentError("s9", "steer")),
        _at("max_per", "UNKNOWN_ATTRIBUTE", UnknownAttributeError("director", "max_per", ["country", "genres"])),
        _at("add", "DENY_LIST_FULL", ValueError("the deny list may have 100,000 items")),
        Refusal(429, "RATE_LIMITED", "too many requests; wait 0.5 s"),
        Refusal(500, "INTERNAL_ERROR", "something failed on our side; the log has the request_id"),
        Refusal(503, "NOT_READY", "the model is being warmed up; try again"),
        Refusal(503, "OVERLOADED", "too many requests are being answered; try again"),
        Refusal(503, *_unavailable(StoreUnavailableError())),
        Refusal(503, *_unavailable(StoreFullError())),
    )
}
LOCK = ("401 UNAUTHENTICATED", "403 FORBIDDEN")
DOORS = (
    *LOCK, "408 BODY_TOO_SLOW", "413 BODY_TOO_LARGE", "429 RATE_LIMITED",
    "503 OVERLOADED",
)  # fmt: skip
"""What every route may refuse with that asks for a key."""
_SWITCHED_OFF = ("409 SWITCHED_OFF", "503 STORE_UNAVAILABLE", "503 STORE_FULL")
POSTED = ("400 MALFORMED_JSON", "422 INVALID_REQUEST", "503 NOT_READY")
READ = ("422 INVALID_REQUEST", "503 NOT_READY")
HOMEPAGE = (
    *POSTED, "422 INVALID_FILTER", "422 UNKNOWN_SEGMENT", "422 UNKNOWN_ATTRIBUTE", "409 SWITCHED_OFF",
    "503 STORE_UNAVAILABLE",
)  # fmt: skip
USERS = ("422 INVALID_REQUEST", *_SWITCHED_OFF)
USERS_POSTED = ("400 MALFORMED_JSON", *USERS)
ADMIN = _SWITCHED_OFF
ADMIN_POSTED = (*USERS_POSTED, "422 DENY_LIST_FULL")


def openapi_problems(*names: str) -> dict[int | str, dict[str, object]]:
    """What a route may refuse with, by names of EXAMPLES; service/openapi.py writes it out."""
    found: dict[int | str, list[str]] = {}
    for name in names:
        found.setdefault(EXAMPLES[name].status, []).append(name)
    return {status: {"description": "", "x-problems": some} for status, some in found.items()}
