"""What surrounds every request: its id, the headers of every answer, and what escapes turned into a 500."""

import logging
import re
import secrets
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.live import LiveModel
from service.problems import problem

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,128}")

ALWAYS = ((b"x-content-type-options", b"nosniff"),)
UNLESS_SET = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class RequestRing:
    """Gives every request an id and every answer its headers, and turns what escapes into a 500."""

    def __init__(self, app: ASGIApp, *, live: LiveModel) -> None:
        self.app, self.live = app, live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, body_bytes = time.perf_counter(), metrics.CLIENT_GONE, 0
        metrics.request_began()
        started = False

        async def labelled(message: Message) -> None:
            nonlocal started, status, body_bytes
            if message["type"] == "http.response.start":
                started, status = True, message["status"]
                serving = scope["state"].get("serving") or self.live.serving
                named = (b"x-request-id", request_id.encode()), (b"x-model-version", serving.version.encode("latin-1"))
                headers = [*message.get("headers", ()), *named, *ALWAYS]
                if serving.variant is not None:
                    headers.append((b"x-variant", serving.variant.encode()))
                given = {name for name, _ in headers}
                headers += [header for header in UNLESS_SET if header[0] not in given]
                message = {**message, "headers": headers}
            else:
                body_bytes += len(message.get("body", b""))
            await send(message)

        try:
            await self.app(scope, receive, labelled)
        except Exception:
            logger.exception("request %s failed", request_id)
            if started:
                raise
            failed = problem(
                request_id, 500, "INTERNAL_ERROR", "something failed on our side; the log has the request_id"
            )
            await failed(scope, receive, labelled)
        finally:
            metrics.request_ended(scope, status, time.perf_counter() - began, body_bytes)


def _request_id(scope: Scope) -> str:
    """The caller's where it is harmless, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value, "ascii")
    return secrets.token_hex(8)
