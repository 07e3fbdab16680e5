"""Logs of a real process: one form for every line, what a request was, and nothing that it brought along."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import redis
from fastapi.routing import APIRoute

from index.artifact import Artifact
from service.routes import ROUTES
from tests.conftest import RedisServer, free_port, redis_binary, write
from tests.service.test_keys import bearing, made
from tests.service.test_process import ROOT
from tests.worlds import by_hand

SECRET = "hush"
PASSWORD = "hush-redis"
ITEM = 'hush\n{"level": "error"}\u2028 é/..'
BODIES: list[object] = [
    {"history": [ITEM, "a"]},
    {"history": [{"item_id": ITEM, "weight": 2}], "n": 1},
    {"history": [ITEM], "filter": {"eq": {ITEM: ITEM}}, "steer": [{"segment_id": ITEM, "strength": 1}]},
    {"history": [ITEM], ITEM: ITEM},
    {"history": {ITEM: 1}},
    {"user_id": ITEM},
    {"requests": [{"history": [ITEM]}, {"history": ITEM}]},
    {"events": [{"event_id": ITEM, "item_id": ITEM}]},
    {"add": [ITEM]},
    ITEM,
]


class Process:
    """The process, its log once it has ended."""

    def __init__(self, written: Artifact, **environment: str) -> None:
        self.port = free_port()
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  a pipe would fill, and stop the process
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.service.logging_app", str(self.port)],
            cwd=ROOT,
            env=os.environ | {"SPARSESHELF_ARTIFACTS": str(written.folder.parent)} | environment,
            stdout=subprocess.DEVNULL,
            stderr=self.log,
        )
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/ready").status_code == 200:
                    break
            time.sleep(0.05)

    def ended(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.log.seek(0)
        return self.log.read()


@contextlib.contextmanager
def logging(written: Artifact, **environment: str) -> Iterator[Process]:
    process = Process(written, **environment)
    try:
        yield process
    finally:
        process.process.kill()
        process.process.wait()
        process.log.close()


def lines_of(log: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.splitlines()]


@dataclass(frozen=True)
class Run:
    form: str
    statuses: set[int]
    key: str
    version: str
    log: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        return lines_of(self.log)

    def of(self, request_id: str) -> list[Any]:
        """What was logged of a request: objects, or lines of text."""
        if self.form == "json":
            return [line for line in self.lines if line.get("request_id") == request_id]
        return [line for line in self.log.splitlines() if f" request_id={request_id} " in line]


async def asked_everything_of(client: httpx.AsyncClient) -> set[int]:
    """Every route, by every body that has a secret in it; the statuses of the answers."""
    statuses = set()
    for route in ROUTES:
        assert isinstance(route, APIRoute)
        path = re.sub(r"{[^}]*}", quote(ITEM, safe=""), route.path)
        for method in route.methods or ():
            for body in BODIES if method in {"POST", "PUT"} else BODIES[:1]:
                given: dict[str, Any] = {"json": body} if method in {"POST", "PUT"} else {}
                statuses.add((await client.request(method, path, params={"q": ITEM}, **given)).status_code)
    statuses.add((await client.post("/fail", json=BODIES[0])).status_code)
    statuses.add((await client.get("/hush/hush", headers={"Authorization": "Bearer hush"})).status_code)
    await client.post("/recommend", content=b'{"history": ["hush', headers={"Content-Type": "application/json"})
    return statuses


def asked_everything(url: str, headers: dict[str, str]) -> set[int]:
    async def asked() -> set[int]:
        async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
            await client.post("/fail-behind", json=BODIES[0])
            return await asked_everything_of(client)

    return asyncio.run(asked())


def sent(port: int, head: str) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        connection.recv(4096)


@pytest.fixture(scope="module", params=["text", "json"])
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A process that was asked for everything, with Redis and after Redis was killed."""
    folder = tmp_path_factory.mktemp("run")
    binary = redis_binary()
    assert binary is not None
    server, key = RedisServer(binary, folder), made(folder / "keys.txt", "shop", "read", "write", "admin")
    redis.Redis.from_url(server.url).config_set("requirepass", PASSWORD)
    written = write(folder / "artifacts", by_hand())
    try:
        with logging(
            written,
            SPARSESHELF_LOG_FORMAT=request.param,
            SPARSESHELF_LOG_LEVEL="DEBUG",
            SPARSESHELF_ACCESS_LOG="true",
            SPARSESHELF_KEYS_FILE=str(folder / "keys.txt"),
            SPARSESHELF_HISTORIES="true",
            SPARSESHELF_REDIS_URL=f"redis://:{PASSWORD}@127.0.0.1:{server.port}/0",
        ) as process:
            sent(process.port, "HUSH /hush?hush HTTP/1.1\nHost: hush\nX-Request-ID: {hush}\n\n")
            sent(process.port, "GET /hush hush HTTP/9\n\n")
            statuses = asked_everything(process.url, bearing(key))
            server.kill()
            statuses |= asked_everything(process.url, bearing(key))
            with httpx.Client(base_url=process.url, headers=bearing(key)) as client:
                client.post("/say", headers={"X-Request-ID": "said"})
                client.post("/fail", json={"history": ["a"]}, headers={"X-Request-ID": "failed"})
                client.get("/items/a%2Fb/similar?n=3", headers={"X-Request-ID": "found"})
            return Run(request.param, statuses, key, written.version, process.ended())
    finally:
        server.kill()


def test_nothing_that_requests_brought_along_is_in_the_log(run: Run) -> None:
    assert {200, 204, 401, 404, 422, 500, 503} <= run.statuses
    assert SECRET not in run.log.lower()
    assert run.key not in run.log
    for said in ("redis failed", "RuntimeError", "KeyError", "ValueError", "UserWarning", "/users/{user_id}/history"):
        assert said in run.log


def test_every_line_has_the_same_form_uvicorns_too(run: Run) -> None:
    if run.form == "json":
        assert "Application startup complete." in [line["message"] for line in run.lines]
        assert len({line["pid"] for line in run.lines}) == 1
    else:
        form = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z [A-Z]+ \S+ \S|    "
        assert not [line for line in run.log.splitlines() if not re.match(form, line)]


def test_nothing_breaks_a_line_in_two(run: Run) -> None:
    said = 'two\nlines\u2028and\r{"level": "error"}\x1b[2K'
    if run.form == "json":
        assert [line["message"] for line in run.of("said")][2] == said
    else:
        (line,) = [line for line in run.log.splitlines() if "two" in line]
        assert r'two\nlines\u2028and\r{"level": "error"}\x1b[2K' in line
        assert line.endswith("request_id=said method=POST route=/say")


def test_every_line_meanwhile_names_its_request_from_threads_too(run: Run) -> None:
    said = run.of("said")
    assert len(said) == 4
    if run.form == "json":
        assert [line["message"] for line in said[:2]] == ["on the loop", "in a thread"]
        assert {line["route"] for line in said} == {"/say"}


def test_an_exception_is_told_by_its_type_and_where_it_passed(run: Run) -> None:
    failed, ended = run.of("failed")
    place = r".*/tests/service/logging_app\.py:\d+ in fail"
    if run.form == "json":
        assert [stack["type"] for stack in failed["exception"]] == ["RuntimeError", "KeyError"]
        assert re.fullmatch(place, failed["exception"][0]["frames"][-1])
        assert (ended["level"], ended["status"], ended["method"]) == ("error", 500, "POST")
    else:
        assert re.search(r"\n    RuntimeError\n(      .*\n)+" + place + r"\n    after KeyError\n" + place, run.log)


def test_the_access_log_has_a_line_a_request_by_its_route(run: Run) -> None:
    (found,) = run.of("found")
    if run.form == "json":
        assert found.pop("seconds") > 0
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", found.pop("time"))
        assert found == {
            "level": "info",
            "logger": "service.request_log",
            "message": "a request",
            "pid": run.lines[0]["pid"],
            "request_id": "found",
            "method": "GET",
            "route": "/items/{item_id}/similar",
            "model_version": run.version,
            "status": 404,
        }
        (unknown,) = [line for line in run.lines if line.get("method") == "_OTHER"]
        assert "route" not in unknown


def test_without_an_access_log_only_slow_and_failed_requests_are_logged(written: Artifact) -> None:
    with logging(written, SPARSESHELF_LOG_FORMAT="json", SPARSESHELF_NO_AUTH="true") as process:
        httpx.post(f"{process.url}/recommend", json={"history": ["a"]})
        httpx.post(f"{process.url}/sleep")
        lines = lines_of(process.ended())
    (slow,) = [line for line in lines if "route" in line]  # and not that /health/ready was 503 at first
    assert (slow["level"], slow["message"], slow["route"], slow["status"]) == (
        "warning",
        "a slow request",
        "/sleep",
        200,
    )
    assert 1 < slow["seconds"] < 20
