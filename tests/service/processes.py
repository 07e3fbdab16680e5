"""The service as a process of its own, on a free port of loopback."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.conftest import free_port

ROOT = Path(__file__).parent.parent.parent


@dataclass
class Running:
    """`code` and `log` are there once it has ended."""

    process: subprocess.Popen[bytes]
    port: int
    code: int | None = None
    log: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextlib.contextmanager
def service(artifacts: Path, *arguments: str, **environment: str) -> Iterator[Running]:
    """Ready when it is given, told to stop afterwards, and waited for. `--port` among the arguments: not a free one."""
    if "--port" not in arguments:
        arguments = ("--port", str(free_port()), *arguments)
    port = int(arguments[arguments.index("--port") + 1])
    words = [sys.executable, "-m", "service", "--artifacts", str(artifacts), "--no-auth", *arguments]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(words, cwd=ROOT, env=os.environ | environment, stdout=log, stderr=log)
        running = Running(process, port)
        try:
            _wait_for(running)
            yield running
            process.terminate()
            running.code = process.wait(60)
        finally:
            process.kill()
            process.wait()
            log.seek(0)
            running.log = log.read().decode()


def _wait_for(running: Running) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and running.process.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{running.url}/health/ready").status_code == 200:
                return
        time.sleep(0.05)
    raise TimeoutError("the service was never ready")
