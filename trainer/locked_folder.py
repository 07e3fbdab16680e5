"""A folder that one run at a time writes to."""

import fcntl
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from trainer.errors import ConfigurationError


class LockedFolder:
    """Made where it is not there, known to be writable, and locked until the end of the process at the latest.

    Raises ConfigurationError for a folder that cannot be written to or that another run writes to.
    """

    def __init__(
        self, folder: Path, option: str = "--out", *, way_out: str = "wait for it or choose another folder"
    ) -> None:
        """`option` names the folder on the command line, `way_out` is what to do where another run holds it."""
        self.folder, self._option, self._way_out = folder, option, way_out
        self._lock: int | None = None  # the folder itself, held open

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
            self._lock = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        except OSError as error:
            raise ConfigurationError(
                f"{self._option} {self.folder}: cannot be written to ({error.strerror})"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise ConfigurationError(
                f"{self._option} {self.folder}: another run is writing to it; {self._way_out}"
            ) from error
        except OSError:  # a file system without locks
            pass
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._lock is not None:
            os.close(self._lock)
