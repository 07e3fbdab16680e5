"""A real HTTP server on this machine that serves one file, and misbehaves as it is told."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """How one request is answered; without arguments, as a decent server would."""

    status: int | None = None
    body: bytes | None = None  # instead of the file
    sent: int | None = None  # bytes of the body after which the connection is dropped
    stall_seconds: float = 0.0  # of silence before it is dropped
    drip: tuple[int, float] | None = None  # bytes at a time, seconds between
    promised_more: int = 0  # bytes of Content-Length beyond the truth
    ignores_range: bool = False
    range_shift: int = 0  # by how much Content-Range and the piece are off
    headers: dict[str, str] = field(default_factory=dict)
    location: str | None = None
    without_length: bool = False


@dataclass
class Site:
    url: str
    content: bytes = b""
    etag: str | None = '"one"'
    script: list[Answer] = field(default_factory=list)  # one answer a request; after the last, decent ones
    asked: list[dict[str, str]] = field(default_factory=list)  # the headers of each request
    sent: int = 0  # bytes of bodies
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def ranges(self) -> list[str | None]:
        return [headers.get("Range") for headers in self.asked]


@contextmanager
def serving() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append(dict(self.headers))
            self.close_connection = True
            answer = site.script.pop(0) if site.script else Answer()
            headers = {"Content-Type": "application/zip", **answer.headers}
            if site.etag is not None:
                headers.setdefault("ETag", site.etag)
            status, body = self._asked_for(answer, headers)
            if not answer.without_length:
                headers.setdefault("Content-Length", str(len(body) + answer.promised_more))
            if answer.location is not None:
                status, headers["Location"] = 302, answer.location
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self._send(body[: answer.sent], answer)

        def _asked_for(self, answer: Answer, headers: dict[str, str]) -> tuple[int, bytes]:
            if answer.status is not None or answer.body is not None:
                return answer.status or 200, answer.body or b""
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            same = self.headers.get("If-Range") in (None, headers.get("ETag"))
            if wanted is None or not same or answer.ignores_range:
                return 200, site.content
            start, total = int(wanted[1]), len(site.content)
            if start >= total:
                headers["Content-Range"] = f"bytes */{total}"
                return 416, b""
            start += answer.range_shift
            headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
            return 206, site.content[start:]

        def _send(self, body: bytes, answer: Answer) -> None:
            size, pause = answer.drip or (max(len(body), 1), 0.0)
            try:
                for start in range(0, len(body), size):
                    site.sent += len(body[start : start + size])  # before: the client may be faster than this thread
                    self.wfile.write(body[start : start + size])
                    self.wfile.flush()
                    time.sleep(pause)
            except OSError:  # the client has gone
                return
            site.released.wait(answer.stall_seconds)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site = Site(f"http://127.0.0.1:{server.server_port}/file.zip")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield site
    finally:
        site.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
