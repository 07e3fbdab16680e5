"""One HTTP/1.1 connection: uvicorn's, with a bound on how long it may keep the service waiting."""

import asyncio
import secrets
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from service.problems import problem
from service.ring import ALWAYS, UNLESS_SET

MAX_HEAD_BYTES = 16 * 1024


class BoundedConnection(H11Protocol):
    """Closed when a request's head takes too long, or the rest of a body that was answered without being read.

    uvicorn bounds only the silence between two requests. Bytes that trickle do not move the deadline.
    """

    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, *, header_seconds: float, **given: Any) -> None:
        super().__init__(**given)
        self.header_seconds = header_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Who has asked, and has said that nothing more will come, still waits for the answer."""
        waits = self.conn.their_state is h11.DONE and self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        if waits:
            self.cycle.keep_alive = False
        return waits

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY:
            self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._unwatch()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """The answer to what is no HTTP. Where an answer was begun already there is none, only the end."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            detail = f"this is no HTTP/1.1 request, or its head has more than {MAX_HEAD_BYTES} bytes"
            request_id = secrets.token_hex(8)
            answer = problem(request_id, 400, "MALFORMED_REQUEST", detail)
            headers = [*answer.raw_headers, *ALWAYS, *UNLESS_SET]
            headers += [(b"x-request-id", request_id.encode()), (b"connection", b"close")]
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=bytes(answer.body)),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        """Starts the clock where a head, or the rest of an answered body, is awaited, and stops it where neither is."""
        theirs = self.conn.their_state
        if theirs is h11.IDLE or (theirs is h11.SEND_BODY and self.conn.our_state is not h11.SEND_RESPONSE):
            if self._deadline is None:
                self._deadline = self.loop.call_later(self.header_seconds, self._give_up)
        elif self._deadline is not None:
            self._unwatch()

    def _unwatch(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        self.transport.close()
