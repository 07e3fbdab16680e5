"""The outer ring of the app: the id of each request, the bound on its body, and what escapes turned into a 500."""

import logging
import re
import secrets

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import CODES, problem

logger = logging.getLogger(__name__)
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


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
