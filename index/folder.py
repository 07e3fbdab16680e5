"""A folder's files, read as if somebody hostile had put them there.

Only regular files are read: a symbolic link may lead anywhere, a pipe waits for ever, a device never ends. The folder
is held open meanwhile, so that all that is read is of one folder, whatever becomes of its name.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Self

from index.errors import ArtifactError


class Folder:
    """Raises FileNotFoundError where it or a file of it is not there, and ArtifactError where it is something else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor = _opened(path, os.O_DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    @contextmanager
    def open(self, name: str) -> Iterator[BufferedReader]:
        """The file `name`, or `folder/name`; links are not followed, neither the folder nor the file."""
        path, (*above, last) = self.path / name, name.split("/")
        within = self._descriptor
        try:
            for part in above:
                outer, within = within, _opened(path.parent, os.O_DIRECTORY | os.O_NOFOLLOW, part, within)
                if outer != self._descriptor:
                    os.close(outer)
            with _regular(_opened(path, os.O_NOFOLLOW, last, within), path) as file:
                yield file
        finally:
            if within != self._descriptor:
                os.close(within)


def read(path: Path, most_bytes: int) -> bytes:
    """A small file that may be a link, as those of a mounted volume are. FileNotFoundError where it is not there."""
    with _regular(_opened(path, 0), path) as file:
        return read_all(file, path, most_bytes)


def write_synced(path: Path, content: bytes) -> None:
    """Writes a file that survives a power cut, once its folder is synced too. Raises OSError."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_synced(path: Path, content: bytes) -> None:
    """Puts a file in place of the one before, atomically and for good. Raises OSError."""
    partial = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    write_synced(partial, content)
    os.replace(partial, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Has the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_all(file: BufferedReader, path: Path, most_bytes: int) -> bytes:
    content = file.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ArtifactError(f"{path}: it is longer than {most_bytes:,} bytes")
    return content


def _opened(path: Path, flags: int, name: str | None = None, within: int | None = None) -> int:
    try:
        return os.open(path if name is None else name, os.O_RDONLY | os.O_NONBLOCK | flags, dir_fd=within)
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = f"it cannot be opened ({error.strerror})"
        if error.errno == errno.ELOOP:
            reason = "it is a symbolic link; a version holds regular files"
        elif error.errno == errno.ENOTDIR and flags & os.O_DIRECTORY:
            reason = "it is not a folder" + " of its own" * bool(flags & os.O_NOFOLLOW)
        raise ArtifactError(f"{path}: {reason}") from error


def _regular(descriptor: int, path: Path) -> BufferedReader:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ArtifactError(f"{path}: it is not a regular file")
    return os.fdopen(descriptor, "rb")
