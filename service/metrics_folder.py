"""The folder in which workers leave their metrics, so that whichever is asked answers for all of them.

prometheus_client writes a file a kind of metric and a worker. It calls them by process ids; here they are called by
places, 0, 1, 2 and so on, of which a worker holds one until it ends, however it ends. The next one takes the place over
and counts on: a worker that died a thousand times leaves as many files as one that lives.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from prometheus_client import values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


class MetricsFolder(Collector):
    """Collects what all workers counted, and gauges of those that live. Raises OSError where nothing can be written."""

    def __init__(self, folder: Path) -> None:
        """Takes a place; every metric made from now on is kept there."""
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.place, self._lock = self._taken()
        mark_process_dead(self.place, folder)  # type: ignore[no-untyped-call]
        values.ValueClass = values.MultiProcessValue(lambda: self.place)  # type: ignore[no-untyped-call]

    @classmethod
    def of_environment(cls) -> "MetricsFolder | None":
        """None where the environment names no folder: then this process answers for itself."""
        named = os.environ.get(VARIABLE)
        return cls(Path(named)) if named else None

    def collect(self) -> Iterator[Metric]:
        for file in self.folder.glob("place-*"):
            place = int(file.name.removeprefix("place-"))
            with suppress(BlockingIOError), _locked(file):  # who died lets go
                mark_process_dead(place, self.folder)  # type: ignore[no-untyped-call]
        yield from MultiProcessCollector.merge(list(self._files()))  # type: ignore[no-untyped-call]

    def _files(self) -> Iterator[str]:
        """Those that hold something: who starts makes them empty."""
        for file in self.folder.glob("*.db"):
            with suppress(FileNotFoundError):
                if file.stat().st_size:
                    yield str(file)

    def _taken(self) -> tuple[int, int]:
        for place in count():
            with suppress(BlockingIOError):
                return place, _held(self.folder / f"place-{place}")
        raise AssertionError("there is always one more")


def _held(file: Path) -> int:
    """The file, open and locked until it is closed, by the end of the process at the latest. Raises BlockingIOError."""
    opened = os.open(file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(opened)
        raise
    return opened


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    held = _held(file)
    try:
        yield
    finally:
        os.close(held)
