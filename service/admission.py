"""Who gets in: a key, a rate, a body that arrives whole and in time, and a free place, asked for in this order.

Nothing of a body is read before key and rate are known to be good, and no place is held before the body is there:
neither strangers nor slow senders cost those who wait for an answer more than a connection.
"""

import asyncio
from dataclasses import dataclass
from math import ceil

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import metrics
from service.keys import SCOPES, Key, KeyRing
from service.operations import ALWAYS_ANSWERED, is_open, scope_of
from service.problems import CODES, problem
from service.token_bucket import RateLimit

ANYONE = Key("", frozenset(SCOPES), b"")
"""Who asks where there are no keys."""


@dataclass(frozen=True)
class Bounds:
    """What requests may take together: bytes and seconds a body, bodies being read, requests being answered."""

    max_body_bytes: int
    body_seconds: float
    max_reading: int
    max_in_flight: int


class BodyTooLargeError(Exception):
    """The body is longer than it said, or said nothing."""


class Admission:
    """Lets a request through to the app, or answers with what it lacks.

    Open paths are let through as they are, and what must be answered under any load needs a key only.
    """

    def __init__(self, app: ASGIApp, *, keys: KeyRing | None, rate_limit: RateLimit | None, bounds: Bounds) -> None:
        self.app, self.keys, self.rate_limit, self.bounds = app, keys, rate_limit, bounds
        self._reading = self._in_flight = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        authorization, length = _asked(scope)
        refused = self._locked_out(scope, authorization)
        if refused is None and scope["path"] in ALWAYS_ANSWERED:
            await self.app(scope, receive, send)
            return
        body = await self._admitted(scope, receive, length) if refused is None else refused
        if isinstance(body, Response):
            await body(scope, receive, send)
        elif body is not None:
            self._in_flight += 1
            try:
                await asyncio.sleep(0)  # who came at the same time is to find the place taken, not to wait in line
                await self.app(scope, _replayed(body, receive), send)
            finally:
                self._in_flight -= 1

    def _locked_out(self, scope: Scope, authorization: list[bytes]) -> Response | None:
        """The answer to who has no key, or one without the scope."""
        request_id: str = scope["state"]["request_id"]
        key = ANYONE if self.keys is None else _holder(self.keys, authorization)
        if key is None:
            return problem(
                request_id,
                401,
                CODES[401],
                "a key is needed: send `Authorization: Bearer KEY` with one that is valid",
                headers={"WWW-Authenticate": "Bearer"},
            )
        scope["state"]["key"] = key
        if (wanted := scope_of(scope["path"])) not in key.scopes:
            return problem(request_id, 403, CODES[403], f"this key has not the scope {wanted!r}")
        return None

    async def _admitted(self, scope: Scope, receive: Receive, length: bytes) -> bytes | Response | None:
        """The body of a request that may go on; else an answer, or None where nobody is there to hear one."""
        request_id: str = scope["state"]["request_id"]
        key: Key = scope["state"]["key"]
        if self.rate_limit is not None and (seconds := await self.rate_limit.take(key.name)):
            return _later(request_id, 429, CODES[429], f"too many requests; wait {seconds:.3g} s", ceil(seconds))
        if length.isdigit() and int(length[:20]) > self.bounds.max_body_bytes:
            return self._too_large(request_id)
        if self._reading >= self.bounds.max_reading:
            return _later(request_id, 503, "OVERLOADED", "too many bodies are being read; try again", 1)
        self._reading += 1
        try:
            async with asyncio.timeout(self.bounds.body_seconds):
                body = await self._read(receive)
        except BodyTooLargeError:
            return self._too_large(request_id)
        except TimeoutError:
            detail = f"the body did not arrive within {self.bounds.body_seconds:g} s"
            return problem(request_id, 408, CODES[408], detail, headers={"Connection": "close"})
        finally:
            self._reading -= 1
        if body is not None:
            metrics.body_read(len(body))
        if body is not None and self._in_flight >= self.bounds.max_in_flight:
            return _later(request_id, 503, "OVERLOADED", "too many requests are being answered; try again", 1)
        return body

    async def _read(self, receive: Receive) -> bytes | None:
        """The whole body; None where the client went away while sending. Raises BodyTooLargeError."""
        message = await receive()
        chunks, size = [], 0
        while message["type"] == "http.request":
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self.bounds.max_body_bytes:
                raise BodyTooLargeError
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)
            message = await receive()
        return None

    def _too_large(self, request_id: str) -> Response:
        detail = f"the body may have {self.bounds.max_body_bytes} bytes; send shorter lists"
        return problem(request_id, 413, CODES[413], detail)


def _asked(scope: Scope) -> tuple[list[bytes], bytes]:
    """The Authorization headers, all of them, and the length that the body is said to have."""
    authorization, length = [], b""
    for name, value in scope["headers"]:
        if name == b"authorization":
            authorization.append(value)
        elif name == b"content-length":
            length = value
    return authorization, length


def _holder(keys: KeyRing, authorization: list[bytes]) -> Key | None:
    if len(authorization) != 1:
        return None
    scheme, _, presented = authorization[0].partition(b" ")
    return keys.find(presented.strip()) if scheme.lower() == b"bearer" else None


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What the app receives: the body at once, and then whatever else the server has to say."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


def _later(request_id: str, status: int, code: str, detail: str, seconds: int) -> Response:
    return problem(request_id, status, code, detail, headers={"Retry-After": str(max(1, seconds))})
