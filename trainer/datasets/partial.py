"""What has come of a file so far, which version of it that is, and whose turn it is to fetch the rest."""

import fcntl
import json
import os
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from trainer.datasets.tables import Say
from trainer.errors import DataError


@dataclass(frozen=True)
class Origin:
    """Which version of which file the bytes are of."""

    url: str
    etag: str | None
    modified: str | None
    total: int | None  # bytes, where the server said so

    @property
    def validator(self) -> str | None:
        """What If-Range may ask for: a weak ETag does not promise equal bytes."""
        if self.etag is not None and not self.etag.startswith("W/"):
            return self.etag
        return self.modified


class Partial:
    """`<name>.part` and its origin, `<name>.part.json`; locked from `with` on, so that one process at a time writes."""

    def __init__(self, target: Path, say: Say) -> None:
        self.target, self._say = target, say
        self.path = target.with_name(target.name + ".part")
        self._origin_path = target.with_name(target.name + ".part.json")
        self._descriptor = -1
        self.size = 0
        self.origin: Origin | None = None

    def __enter__(self) -> Self:
        try:
            while not self._locked():  # who held the lock before has renamed or deleted the file
                os.close(self._descriptor)
        except OSError as error:
            raise DataError(f"{self.path}: cannot be written to ({error.strerror})") from error
        self.size = os.fstat(self._descriptor).st_size
        self.origin = self._read_origin() if self.size else None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.size:
            self.remove()
        os.close(self._descriptor)

    def _locked(self) -> bool:
        self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._say(f"another process is fetching {self.target.name}; waiting for it")
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    def _read_origin(self) -> Origin | None:
        try:
            found = json.loads(self._origin_path.read_bytes())
            texts = {name: None if found[name] is None else str(found[name]) for name in ("etag", "modified")}
            return Origin(str(found["url"]), texts["etag"], texts["modified"], found["total"])
        except (OSError, ValueError, TypeError, KeyError):
            return None

    @property
    def complete(self) -> bool:
        return self.origin is not None and self.size == self.origin.total

    def begin(self, origin: Origin) -> None:
        """Forgets what there was; what comes next is of `origin`."""
        self.clear()
        self.origin = origin
        try:
            self._origin_path.write_text(json.dumps(asdict(origin)))
        except OSError as error:
            raise self._unwritable(error) from error

    def clear(self) -> None:
        """Back to nothing. The origin goes first: bytes without one are never taken up again."""
        self._origin_path.unlink(missing_ok=True)
        if self.size:
            os.ftruncate(self._descriptor, 0)
        self.size, self.origin = 0, None

    def write(self, chunk: bytes) -> None:
        """Appends; the bytes outlive this process, however it ends. Raises DataError where the disk is full."""
        rest = memoryview(chunk)
        try:
            while rest:
                written = os.write(self._descriptor, rest)
                self.size += written
                rest = rest[written:]
        except OSError as error:
            raise self._unwritable(error) from error

    def check_space(self, needed: int) -> None:
        """Raises DataError where the disk has less than `needed` bytes free."""
        free = shutil.disk_usage(self.path.parent).free
        if needed > free:
            raise DataError(
                f"{self.target.name} needs {needed / 1e6:,.1f} MB in {self.path.parent}, where {free / 1e6:,.1f} MB "
                "are free; make room, or name another folder with --data-dir"
            )

    def _unwritable(self, error: OSError) -> DataError:
        kept = "; what has come is kept, and the next run goes on from there" if self.size else ""
        return DataError(f"{self.path}: cannot be written to ({error.strerror}){kept}")

    def finish(self) -> None:
        """Gives the file its name, all at once."""
        try:
            os.fsync(self._descriptor)
            self.path.replace(self.target)
        except OSError as error:
            raise DataError(f"{self.target}: cannot be written to ({error.strerror})") from error
        self._origin_path.unlink(missing_ok=True)

    def remove(self) -> None:
        self.size, self.origin = 0, None
        with suppress(OSError):
            self._origin_path.unlink(missing_ok=True)
        with suppress(OSError):
            self.path.unlink(missing_ok=True)
