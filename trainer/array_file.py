"""Arrays that somebody else wrote in numpy's format: what they claim to be is checked before anything is allocated.

Never unpickled, and never mapped: bytes are counted against the header, and the header against the file.
"""

import os
import stat
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

PREFIX = b"\x93NUMPY"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class Header(NamedTuple):
    """What an array says that it is; nothing of it is true yet."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    in_columns: bool  # Fortran's order
    start: int  # the byte at which the values begin

    @property
    def holds_objects(self) -> bool:
        """Whether reading it would run what its writer pickled."""
        return self.dtype.hasobject

    @property
    def n_bytes(self) -> int:
        """What the whole file measures."""
        n_values = 1
        for size in self.shape:
            n_values *= size
        return self.start + n_values * self.dtype.itemsize


def read_header(file: IO[bytes]) -> Header:
    """Raises ValueError, in one line, for what is no array, and what reading from `file` raises."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # of Python 2, of types without a name
            version = np.lib.format.read_magic(file)
            shape, in_columns, dtype = _HEADERS[version](file)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError):  # the file itself is damaged
        raise
    except Exception as error:  # whatever numpy and Python's parser make of a damaged header
        raise ValueError("it is not an array as numpy.save writes one") from error
    if min(shape, default=0) < 0:
        raise ValueError(f"its header asks for {shape}")
    return Header(dtype, shape, in_columns, file.tell())


def read_values(file: IO[bytes], header: Header) -> NDArray[Any]:
    """The values after the header, whose bytes were counted before. Raises ValueError where there are fewer."""
    if header.holds_objects:
        raise ValueError("it holds Python objects, which are never unpickled")
    values = np.empty(header.shape, header.dtype, order="F" if header.in_columns else "C")
    room = values.reshape(-1, order="A").view(np.uint8).data if values.nbytes else memoryview(b"")
    done = 0
    while done < len(room):
        part = file.read(min(len(room) - done, 2**20))
        if not part:
            raise ValueError(f"it ends after {done:,} of {len(room):,} bytes")
        room[done : done + len(part)] = part
        done += len(part)
    return values


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """A file that somebody named. Raises DataError where it is missing, empty, or a folder, pipe or device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe would wait for ever
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or not found.st_size:
        os.close(descriptor)
        raise DataError(f"{path}: " + ("the file is empty" if stat.S_ISREG(found.st_mode) else "it is not a file"))
    with os.fdopen(descriptor, "rb") as file:
        yield file
