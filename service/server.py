"""uvicorn, with one process or several, and what is printed once it answers."""

import contextlib
import fcntl
import http.client
import json
import os
import shlex
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

import uvicorn
from fastapi import FastAPI
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from index.model import Model
from index.search import rank
from service import worker
from service.connection import MAX_HEAD_BYTES, BoundedConnection
from service.settings import Settings

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  who listens on every address is heard on this one


WORKERS = "service.worker:app"
"""What stands for the app of several workers: each makes its own."""
_SILENCE_SECONDS = 30  # after which a worker is replaced; a new one says nothing before it has imported everything


def serve(app: FastAPI | str, listening: socket.socket, settings: Settings, told: Sequence[str]) -> int:
    """Answers on a socket until the process is told to stop; what is under way then is answered first.

    The lines `told` are printed once an answer is to be had. Returns the exit code: not 0 where a worker failed in a
    way that ends all of them.
    """
    threading.Thread(target=_announce, args=(listening, told), daemon=True).start()
    config = _config(app, settings)
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has shut down gracefully by then
        if app == WORKERS:
            with _shared_folder(settings):
                supervisor = Multiprocess(config, sockets=[listening])
                supervisor.run()
            if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
                return STARTUP_FAILURE
        else:
            uvicorn.Server(config).run(sockets=[listening])
    return 0


def announcement(model: Model, version: str, listening: socket.socket, settings: Settings) -> list[str]:
    """Where the service answers, and what to ask it."""
    url = _url(listening, settings)
    header = "" if settings.keys_file is None else '-H "authorization: Bearer $KEY" '
    page = "open it in a browser; " if settings.ui else ""
    serves = f"sparseshelf serves {len(model.vocabulary):,} items of {version} on {url}"
    first = f"{serves} ({page}documentation at {url}/docs). Try:"
    return [first, "", *example_calls(model, url, header), ""]


def _config(app: FastAPI | str, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        factory=app == WORKERS,
        workers=settings.workers,
        http=cast(Any, partial(BoundedConnection, header_seconds=settings.header_seconds)),
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
        timeout_graceful_shutdown=settings.shutdown_seconds,
        timeout_worker_healthcheck=_SILENCE_SECONDS,
        ws="none",
        server_header=False,
        access_log=False,
        log_config=None,
    )


@contextlib.contextmanager
def _shared_folder(settings: Settings) -> Iterator[None]:
    """The environment of the workers: what this process was told on its command line, and a folder for all of them."""
    folder = Path(tempfile.mkdtemp(prefix="sparseshelf-"))
    held = os.open(folder, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)  # systemd-tmpfiles, which removes what has lain for ten days, leaves it alone
    metrics = folder / "metrics"
    metrics.mkdir()
    os.environ |= {
        worker.FOLDER: str(folder),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        "SPARSESHELF_ARTIFACTS": str(settings.artifacts),
        "SPARSESHELF_NO_AUTH": str(settings.no_auth).lower(),
        "SPARSESHELF_UI": str(settings.ui).lower(),
    }
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _url(listening: socket.socket, settings: Settings) -> str:
    """Where this machine reaches the service."""
    host, port = listening.getsockname()[:2]
    host = _LOOPBACK.get(host, host)
    port = settings.published_port or port
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _announce(listening: socket.socket, told: Sequence[str]) -> None:
    """Once there is an answer to be had, says where."""
    host, port = listening.getsockname()[:2]
    while True:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(_LOOPBACK.get(host, host), port, timeout=5)
            with contextlib.closing(connection):
                connection.request("GET", "/health/ready")
                if connection.getresponse().status == 200:
                    break
        time.sleep(0.05)
    print("\n".join(told), end="\n", flush=True)


def example_calls(model: Model, url: str, header: str) -> list[str]:
    """Three curl lines with items that this model holds: the three best-known ones."""
    rows = rank(model.popularity.astype("float64"), 3).rows
    history = [model.vocabulary.item_id(row) for row in rows]
    bodies = {
        "recommend": {"history": history, "n": 5},
        "segments": {"history": history, "n": 5},
        "homepage": {"history": history, "shelves": 4, "items_per_shelf": 6},
    }
    return [
        f"curl -s {url}/{route} {header}-H 'content-type: application/json' -d {shlex.quote(json.dumps(body))}"
        for route, body in bodies.items()
    ]
