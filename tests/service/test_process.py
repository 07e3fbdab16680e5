"""The service as a process: python -m service, real sockets, signals, mistakes."""

import contextlib
import gc
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE

from index.artifact import Artifact
from service import __main__ as main
from service import server
from service.app import create_app
from service.listening import bound_socket
from service.live import LiveModel
from service.server import WORKERS, _config, _url, serve
from service.settings import Settings
from service.worker import FOLDER
from tests.conftest import free_port

ROOT = Path(__file__).parent.parent.parent


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "service", *arguments]


@contextlib.contextmanager
def serving(written: Artifact, port: int) -> Iterator[subprocess.Popen[str]]:
    arguments = command("--artifacts", str(written.folder.parent), "--port", str(port), "--no-auth")
    process = subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    break
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_prints_three_curl_lines_that_work_as_they_stand(written: Artifact) -> None:
    port = free_port()
    with serving(written, port) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        assert f"6 items of {written.version} on http://127.0.0.1:{port} " in lines[0]
        calls = [line for line in lines if line.startswith("curl ")]
        assert len(calls) == 3
        for call in calls:
            words = shlex.split(call)
            headers = dict([words[words.index("-H") + 1].split(": ")])
            answer = httpx.post(words[2], content=words[words.index("-d") + 1], headers=headers)
            assert answer.status_code == 200
            assert answer.json()["unknown_items"] == []


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_quietly(written: Artifact, stop: signal.Signals) -> None:
    with serving(written, free_port()) as process:
        process.send_signal(stop)
        _, errors = process.communicate(timeout=30)
    assert "Traceback" not in errors


def test_answers_are_not_held_back_by_nagles_algorithm() -> None:
    """TCP_NODELAY is set by asyncio on the connections of sockets that name TCP, and on no others."""
    with bound_socket("127.0.0.1", 0) as bound:
        assert bound.proto == socket.IPPROTO_TCP


def test_the_printed_address_has_the_port_that_a_container_is_published_on() -> None:
    with bound_socket("0.0.0.0", 0) as bound:
        assert _url(bound, Settings()) == f"http://127.0.0.1:{bound.getsockname()[1]}"
        assert _url(bound, Settings(published_port=8123)) == "http://127.0.0.1:8123"


def failing(*arguments: str, **environment: str) -> tuple[int, str]:
    done = subprocess.run(
        command(*arguments),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
        timeout=120,
    )
    assert done.stdout == ""
    return done.returncode, done.stderr


def test_a_port_in_use_says_so_before_anything_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, errors = failing("--port", str(taken.getsockname()[1]), "--no-auth")
    assert code == 3
    assert errors.count("\n") == 1
    assert "choose another --port" in errors


def test_a_missing_artifact_is_one_line_and_exit_5(tmp_path: Path) -> None:
    code, errors = failing("--artifacts", str(tmp_path), "--port", "0", "--no-auth")
    assert code == 5
    assert (
        errors
        == f"error: no artifact in {tmp_path}: train one with `python -m trainer fit --data FILE --out {tmp_path}`\n"
    )


def test_a_corrupt_artifact_is_one_line_and_exit_5(written: Artifact) -> None:
    (written.folder / "dims.npy").write_bytes(b"")
    code, errors = failing("--artifacts", str(written.folder.parent), "--port", "0", "--no-auth")
    assert code == 5
    assert errors.count("\n") == 1
    assert "dims.npy" in errors


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SPARSESHELF_CACHE_TTL_SECONDS", "soon"),
        ("SPARSESHELF_REDIS_URL", "http://x"),
        ("SPARSESHELF_REDIS_URL", "redis://h/0?timeout=1"),
        ("SPARSESHELF_MAX_BODY_BYTES", "1"),
        ("SPARSESHELF_CORS_ORIGINS", "https://shop.example, *"),
        ("SPARSESHELF_CORS_ORIGINS", "https://shop.example/"),
        ("SPARSESHELF_RATE_PER_SECOND", "inf"),
        ("SPARSESHELF_KEYS_FILE", "/nowhere/keys.txt"),
    ],
)
def test_a_bad_setting_is_named_and_exit_3(written: Artifact, name: str, value: str) -> None:
    code, errors = failing("--artifacts", str(written.folder.parent), "--port", "0", "--no-auth", **{name: value})
    assert code == 3
    assert errors.count("\n") == 1
    assert name in errors
    assert "Value error" not in errors


def test_an_empty_setting_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a compose file's `${KEYS:-}` leaves it."""
    for name in ("KEYS_FILE", "REDIS_URL", "HISTORIES", "RATE_PER_SECOND", "CORS_ORIGINS"):
        monkeypatch.setenv(f"SPARSESHELF_{name}", "")
    assert Settings() == Settings.model_construct()


def test_workers_have_the_time_to_import_all_they_need() -> None:
    """Many of them on few cores take more than the five seconds after which uvicorn would end and start them anew."""
    assert _config(WORKERS, Settings(workers=8)).timeout_worker_healthcheck >= 30


def test_workers_that_cannot_start_are_no_success(monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing:
        def __init__(self, *_: object, **__: object) -> None:
            self.processes = [SimpleNamespace(exitcode=-signal.SIGTERM), SimpleNamespace(exitcode=STARTUP_FAILURE)]

        def run(self) -> None: ...

    monkeypatch.setattr(server, "Multiprocess", Failing)
    monkeypatch.setattr(server, "_announce", lambda *_: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with bound_socket("127.0.0.1", 0) as listening:
        assert serve(WORKERS, listening, Settings(workers=2), []) == STARTUP_FAILURE


def test_the_supervisor_of_workers_holds_no_model(written: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would keep its memory, and the disk space of the version after that was deleted, for as long as it lives."""
    made: list[weakref.ref[LiveModel]] = []
    held: list[bool] = []

    def making(settings: Settings) -> FastAPI:
        app = create_app(settings)
        made.append(weakref.ref(app.state.live))
        return app

    def served(_app: object, listening: socket.socket, *_: object) -> int:
        listening.close()
        held.append(made[0]() is not None)
        return 0

    monkeypatch.setattr("service.logs.configure", lambda _: None)
    monkeypatch.setattr(main, "create_app", making)
    monkeypatch.setattr(main, "serve", served)
    gc.disable()
    try:
        words = ["--artifacts", str(written.folder.parent), "--port", "0", "--no-auth", "--workers", "2"]
        assert main.main(words) == 0
    finally:
        gc.enable()
    assert held == [False]


@pytest.mark.parametrize("missing", ["CURRENT", "keys", "password"])
def test_a_worker_that_cannot_start_says_so_in_a_line_of_the_log(
    missing: str, written: Artifact, tmp_path: Path
) -> None:
    """One that takes the place of another, after what the supervisor had found sound was taken away."""
    told = {
        "CURRENT": {"SPARSESHELF_ARTIFACTS": str(tmp_path / "nothing")},
        "keys": {"SPARSESHELF_KEYS_FILE": str(tmp_path / "no.keys")},
        "password": {
            "SPARSESHELF_REDIS_URL": "redis://localhost",
            "SPARSESHELF_REDIS_PASSWORD_FILE": str(tmp_path / "no.password"),
        },
    }
    environment = {
        "SPARSESHELF_ARTIFACTS": str(written.folder.parent),
        "SPARSESHELF_LOG_FORMAT": "json",
        FOLDER: str(tmp_path),
        **told[missing],
    }
    done = subprocess.run(
        [sys.executable, "-c", "from service import worker; worker.app()"],
        cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    (line,) = done.stderr.splitlines()
    assert json.loads(line)["level"] == "critical"
    assert json.loads(line)["message"].startswith("this worker cannot start: ")
    assert done.returncode == 1
