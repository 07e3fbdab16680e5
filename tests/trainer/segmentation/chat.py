"""A real chat endpoint on this machine that answers as it is told, and misbehaves as it is told."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-f7Q2-never-to-be-seen"


@dataclass(frozen=True)
class Reply:
    """How one question is answered; without arguments, as a decent server would."""

    status: int = 200
    says: str | None = None  # instead of a name that is made up
    body: bytes | None = None  # instead of a chat completion
    headers: dict[str, str] = field(default_factory=dict)
    hangs: bool = False  # sends nothing, not even a status
    closes: bool = False  # without an answer
    endless: bool = False  # after the status, spaces without end
    before: Callable[[], None] | None = None


@dataclass
class Chat:
    url: str
    script: list[Reply] = field(default_factory=list)  # one a question; after the last, decent ones
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def questions(self) -> list[str]:
        return [asked["messages"][-1]["content"] for asked in self.asked]

    def name(self, question: str) -> str:
        """Made up of the two best known items, so that another question has another name."""
        items = re.findall(r"^- (\w+) (\w+)", question, re.MULTILINE) or [("Some", "Thing")]
        return " ".join(f"{first}{second}" for first, second in items[:2]) + " Picks"


@contextmanager
def chatting() -> Iterator[Chat]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            chat.paths.append(self.path)
            chat.headers.append(dict(self.headers))
            chat.asked.append(body)
            reply = chat.script.pop(0) if chat.script else Reply()
            if reply.before:
                reply.before()
            if reply.hangs:
                chat.released.wait(10)
            if reply.hangs or reply.closes:
                return
            says = reply.says if reply.says is not None else json.dumps({"name": chat.name(chat.questions[-1])})
            content = json.dumps({"choices": [{"message": {"role": "assistant", "content": says}}]}).encode()
            content = content if reply.body is None else reply.body
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            if not reply.endless:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            try:
                self.wfile.write(content)
                while reply.endless and not chat.released.is_set():
                    self.wfile.write(b" " * 4096)
            except OSError:  # the client has gone
                pass

        def do_GET(self) -> None:  # what a client that follows a redirection may send
            chat.paths.append(self.path)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    chat = Chat(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever, args=(0.003,))
    thread.start()
    try:
        yield chat
    finally:
        chat.released.set()
        server.shutdown()
        thread.join()
        server.server_close()
