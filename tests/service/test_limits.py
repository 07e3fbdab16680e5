"""Ceilings, deadlines and headers, of a real process on real sockets."""

import contextlib
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from index.artifact import Artifact
from service.settings import Settings
from tests.conftest import free_port, write
from tests.service.asking import asking
from tests.service.test_process import ROOT
from tests.worlds import by_hand

HEAD = b"POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
BODY = json.dumps({"history": ["a"], "n": 2}).encode()
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
ALWAYS = {
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
# One request at a time is answered, and /segments takes a second and a half.
PROGRAM = """
import sys, time
from index.recommender import Recommender
answer = Recommender.segments
Recommender.segments = lambda *words, **more: time.sleep(1.5) or answer(*words, **more)
from service.__main__ import main
main(sys.argv[1:])
"""


@contextlib.contextmanager
def serving(folder: Path, **settings: object) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "--artifacts", str(folder), "--port", str(port), "--no-auth"],
        cwd=ROOT,
        env={f"SPARSESHELF_{name.upper()}": str(value) for name, value in settings.items()} | {"PATH": "/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    break
            time.sleep(0.05)
        yield port, process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("limits") / "artifacts", by_hand()).folder.parent


@pytest.fixture(scope="module")
def port(folder: Path) -> Iterator[int]:
    """A service of one place, four readers and short deadlines; its log holds no error at the end."""
    limits = {"max_in_flight": 1, "max_reading": 4, "body_seconds": 1, "header_seconds": 1, "max_body_bytes": 100_000}
    with serving(folder, **limits) as (port, process):
        yield port
        process.terminate()
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors
    assert "ERROR" not in errors


def connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def to_the_end(connection: socket.socket) -> bytes:
    """What comes until the other side closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := connection.recv(65536):
            received += chunk
    return received


def answered(connection: socket.socket) -> tuple[int, bytes]:
    """Status and body of the next answer."""
    stream = connection.makefile("rb")
    status = int(stream.readline().split()[1])
    length = 0
    while (line := stream.readline().strip().lower()) != b"":
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return status, stream.read(length)


def test_a_slow_body_is_a_408_and_holds_no_place_meanwhile(port: int) -> None:
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(connected(port)) for _ in range(3)]
        for connection in slow:
            connection.sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        with connected(port) as quick:
            quick.sendall(WHOLE)
            assert answered(quick)[0] == 200
        for connection in slow:
            received = to_the_end(connection)
            assert received.startswith(b"HTTP/1.1 408 ")
            assert b'"BODY_TOO_SLOW"' in received


def test_more_bodies_than_are_read_side_by_side_are_refused(port: int) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connected(port)).sendall(HEAD + b"Content-Length: 100\r\n\r\n{")
        time.sleep(0.2)
        refused = httpx.post(f"http://127.0.0.1:{port}/recommend", content=BODY)
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
    time.sleep(0.2)  # they went away while sending
    assert httpx.get(f"http://127.0.0.1:{port}/model").status_code == 200


def test_without_a_free_place_the_answer_is_503_at_once_and_health_still_answers(port: int) -> None:
    with connected(port) as busy:
        body = json.dumps({"history": ["a"], "explain": True}).encode()  # explained, it is computed in a thread
        head = HEAD.replace(b"/recommend", b"/segments")
        busy.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        time.sleep(0.1)
        began = time.monotonic()
        refused = httpx.post(f"http://127.0.0.1:{port}/recommend", json={"history": ["a"]})
        assert httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
        seen = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert time.monotonic() - began < 1.2
        assert 'sparseshelf_problems_total{code="OVERLOADED"}' in seen
        assert "sparseshelf_http_requests_in_flight 2.0" in seen
        assert (refused.status_code, refused.json()["code"]) == (503, "OVERLOADED")
        assert refused.headers["Retry-After"] == "1"
        assert answered(busy)[0] == 200
    assert httpx.post(f"http://127.0.0.1:{port}/recommend", json={"history": ["a"]}).status_code == 200


def test_of_many_who_come_at_once_those_beyond_the_ceiling_do_not_wait_in_line(port: int) -> None:
    with contextlib.ExitStack() as stack:
        crowd = [stack.enter_context(connected(port)) for _ in range(40)]
        for connection in crowd:
            connection.sendall(WHOLE)
        found = [answered(connection)[0] for connection in crowd]
    assert set(found) == {200, 503}


@pytest.mark.parametrize("sent", [b"", b"POST /recommend HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_arrive_ends_the_connection_even_where_it_trickles(port: int, sent: bytes) -> None:
    with connected(port) as connection:
        began = time.monotonic()
        connection.sendall(sent)
        connection.settimeout(0.1)
        while time.monotonic() - began < 8:
            try:
                if connection.recv(1) == b"":
                    break
            except TimeoutError:
                if sent:
                    connection.sendall(b"x")
            except ConnectionResetError:
                break
        assert 0.9 < time.monotonic() - began < 3


def test_a_connection_is_kept_for_the_next_request_and_its_head_has_a_deadline_too(port: int) -> None:
    with connected(port) as connection:
        for _ in range(4):
            connection.sendall(WHOLE[:40])
            time.sleep(0.4)
            connection.sendall(WHOLE[40:])
            assert answered(connection)[0] == 200
        connection.sendall(WHOLE[:40])
        assert to_the_end(connection) == b""


def test_requests_sent_one_behind_the_other_are_all_answered(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(WHOLE * 3)
        stream = connection.makefile("rb")
        found = 0
        while found < 3 and (line := stream.readline()):
            found += line.count(b"HTTP/1.1 200 ")
        assert found == 3


def test_the_rest_of_a_body_that_was_refused_has_a_deadline(port: int) -> None:
    with connected(port) as connection:
        connection.sendall(HEAD + b"Content-Length: 10000000\r\n\r\n" + b" " * 1000)
        received = b""
        with contextlib.suppress(ConnectionError):
            for _ in range(60):
                connection.sendall(b" ")
                time.sleep(0.05)
            pytest.fail("nobody stopped the sender")
        connection.settimeout(1)
        with contextlib.suppress(OSError):
            received = connection.recv(65536)
        assert received.startswith(b"HTTP/1.1 413 ") or received == b""


@pytest.mark.parametrize("head", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 20_000])
def test_what_is_no_http_or_has_too_long_a_head_is_a_problem_too(port: int, head: bytes) -> None:
    with connected(port) as connection:
        connection.sendall(head)
        received = to_the_end(connection)
    assert received.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in received
    assert b'"MALFORMED_REQUEST"' in received


def test_who_leaves_while_sending_is_no_error(port: int) -> None:
    for said in (
        b"Content-Length: 100\r\n\r\n{",
        b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"Transfer-Encoding: ch",
    ):
        with connected(port) as connection:
            connection.sendall(HEAD + said)
        with connected(port) as connection:
            connection.sendall(HEAD + said)
            connection.shutdown(socket.SHUT_WR)
            to_the_end(connection)


def test_who_sends_no_more_after_a_whole_request_is_answered(port: int) -> None:
    for path in (b"/recommend", b"/segments"):
        with connected(port) as connection:
            connection.sendall(WHOLE.replace(b"/recommend", path))
            connection.shutdown(socket.SHUT_WR)
            assert to_the_end(connection).startswith(b"HTTP/1.1 200 ")


def test_a_chunk_that_is_none_is_a_400_and_no_error_of_ours(port: int) -> None:
    for path in (b"/recommend", b"/health/live"):
        with connected(port) as connection:
            connection.sendall(HEAD.replace(b"/recommend", path) + b"Transfer-Encoding: chunked\r\n\r\n")
            time.sleep(0.1)
            connection.sendall(b"zz\r\n")
            assert to_the_end(connection).split()[1] in (b"400", b"405")


# ---------------------------------------------------------------- headers


def test_every_answer_carries_the_headers_and_none_names_the_server(port: int) -> None:
    asked = (("GET", "/model"), ("GET", "/nowhere"), ("GET", "/health/live"), ("POST", "/recommend"), ("PUT", "/model"))
    for method, path in asked:
        headers = httpx.request(method, f"http://127.0.0.1:{port}{path}").headers
        assert {name: headers[name] for name in ALWAYS} == ALWAYS
        assert "server" not in headers
        assert not [name for name in headers if name.startswith("access-control")]


@pytest.mark.anyio
async def test_the_documentation_may_load_what_it_names_and_no_more(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        page = await client.get("/docs")
        policy = page.headers["Content-Security-Policy"]
        loaded = re.findall(r'<(?:script|link)[^>]* ?(?:src|href)="([^"]+)"', page.text)
        assert len(loaded) == 3
        assert '<div id="swagger-ui"><p>If this stays' in page.text  # which the scripts draw over, where they come
        assert all(address in policy for address in loaded)
        assert policy.startswith("default-src 'none'; ")
        assert "script-src 'unsafe-inline'" not in policy
        assert policy.count("'sha256-") == page.text.count("<script>") == 1
        assert (await client.get("/redoc")).status_code == 404


@pytest.mark.anyio
async def test_pages_of_named_origins_may_ask_and_a_preflight_needs_no_key(written: Artifact, tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text("")
    origin = "https://shop.example"
    origins = f"{origin}, http://127.0.0.1:3000"
    settings = Settings(artifacts=written.folder.parent, keys_file=tmp_path / "keys.txt", cors_origins=origins)  # type: ignore[arg-type]
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization, content-type"}
    async with asking(settings) as client:
        preflight = await client.options("/recommend", headers={"Origin": origin, **asked})
        assert preflight.status_code == 200
        assert preflight.headers["Access-Control-Allow-Origin"] == origin
        assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
        assert preflight.headers["X-Content-Type-Options"] == "nosniff"
        refused = await client.post("/recommend", headers={"Origin": origin}, json={})
        assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, origin)
        for stranger in ("https://shop.example.evil", "http://shop.example", "null"):
            assert (await client.options("/recommend", headers={"Origin": stranger, **asked})).status_code == 400
            answer = await client.get("/health/live", headers={"Origin": stranger})
            assert "Access-Control-Allow-Origin" not in answer.headers
