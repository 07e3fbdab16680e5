"""A service beset by hostile bodies and slow senders, and what became of each."""

import contextlib
import os
import random
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from service.keys import new_key
from tests.conftest import free_port
from tests.service.hostile_bodies import INVALID, hostile

THREADS = 4
GOOD = {"history": ["a", "b"], "events": [{"event_id": "e", "item_id": "a"}], "add": ["f"]}
ROOT = Path(__file__).parent.parent.parent


@contextlib.contextmanager
def guarded(artifacts: Path, keys: Path, redis_url: str) -> Iterator[tuple[int, str, list[str]]]:
    """A service with keys, limits and histories: its port, a key, and in the end the lines of its log."""
    secret, key = new_key("hostile", frozenset({"read", "write", "admin"}))
    keys.write_text(key.line)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "service", "--artifacts", str(artifacts), "--port", str(port)],
        cwd=ROOT,
        env=os.environ
        | {
            "SPARSESHELF_KEYS_FILE": str(keys),
            "SPARSESHELF_RATE_PER_SECOND": "100000",
            "SPARSESHELF_BODY_SECONDS": "2",
            "SPARSESHELF_HEADER_SECONDS": "2",
            "SPARSESHELF_REDIS_URL": redis_url,
            "SPARSESHELF_HISTORIES": "true",
            "SPARSESHELF_REDIS_BUDGET_SECONDS": "5",
            "SPARSESHELF_HISTORIES_BUDGET_SECONDS": "5",
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    log: list[str] = []
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    break
            time.sleep(0.05)
        yield port, secret, log
        process.terminate()
        _, errors = process.communicate(timeout=30)
        log += errors.splitlines()
    finally:
        process.kill()
        process.communicate()


def routes_with_bodies(document: dict[str, Any]) -> dict[tuple[str, str], list[str]]:
    """Method and path to the fields of the body, of every route of an OpenAPI document that has one."""
    routes = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if "requestBody" in operation:
                schema = operation["requestBody"]["content"]["application/json"]["schema"]
                if "$ref" in schema:
                    schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
                routes[method.upper(), path] = list(schema.get("properties", {})) or ["x"]
    return routes


def bodies(url: str, key: str, seed: int, n: int) -> tuple[Counter[tuple[str, str, int]], list[str]]:
    """Sends n bodies to every route that takes one. Counts by route, kind and status, and what should not have been."""
    headers = {"Authorization": f"Bearer {key}"}
    document = httpx.get(f"{url}/openapi.json").json()
    counts: Counter[tuple[str, str, int]] = Counter()
    wrong: list[str] = []

    def send(worker: int) -> None:
        rng = random.Random(seed * THREADS + worker)
        with httpx.Client(base_url=url, timeout=30, headers=headers) as client:
            for (method, path), fields in routes_with_bodies(document).items():
                route, address = f"{method} {path}", path.replace("{", "").replace("}", "")
                good = {name: value for name, value in GOOD.items() if name in fields}
                for _ in range(n // THREADS):
                    body = hostile(rng, good, fields)
                    where = f"{route}, {body.kind}, {body.content[:80]!r}"
                    try:
                        answer = client.request(method, address, content=body.content, headers=body.headers)
                    except httpx.HTTPError as error:
                        wrong.append(f"{where}: no answer ({error!r})")
                        continue
                    counts[route, body.kind, answer.status_code] += 1
                    if answer.status_code >= 500 or (answer.status_code < 400 and body.kind in INVALID):
                        wrong.append(f"{where}: {answer.status_code}")
                    elif answer.status_code >= 400 and not _is_problem(answer):
                        wrong.append(f"{where}: {answer.status_code} is no problem")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(send, range(THREADS)))
    return counts, wrong


def _is_problem(answer: httpx.Response) -> bool:
    problem = answer.headers["content-type"] == "application/problem+json" and answer.json()
    return bool(problem and problem["status"] == answer.status_code and problem["code"])


@contextlib.contextmanager
def slow_senders(port: int, key: str, n: int) -> Iterator[Counter[str]]:
    """Connections that begin a request and send no more, a third closed on their side; what they got at last."""
    head = f"POST /recommend HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 50\r\n".encode()
    got: Counter[str] = Counter()
    with contextlib.ExitStack() as stack:
        senders = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 30)) for _ in range(n)]
        for number, sender in enumerate(senders):
            sender.sendall(head + (b"\r\n{" if number % 3 else b""))
            if number % 3 == 2:
                sender.shutdown(socket.SHUT_WR)
        yield got
        for sender in senders:
            received = b""
            with contextlib.suppress(ConnectionResetError):
                while chunk := sender.recv(65536):
                    received += chunk
            got[received[9:12].decode() or "closed"] += 1
