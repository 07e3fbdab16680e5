"""One .npy file: its header, read as narrowly as it is written, and its numbers, mapped.

numpy's own reader evaluates the header as Python, unpickles, warns, and takes files that are longer than they say.
"""

import hashlib
import os
import re
from io import BufferedReader
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Shape = tuple[int | range, ...]
_PREFIX = b"\x93NUMPY\x01\x00"
_ALIGNMENT = 64
_HEADER = re.compile(
    rb"\{'descr': '(?P<type>\|[iu]1|<[iu][248]|<f[48])', 'fortran_order': False, "
    rb"'shape': \((?P<shape>[0-9]{1,19}(?:,|(?:, [0-9]{1,19})+))\), \} *\n"
)


class Header(NamedTuple):
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int  # the byte at which the numbers begin

    @property
    def n_bytes(self) -> int:
        """What the whole file measures."""
        n_numbers = 1
        for size in self.shape:
            n_numbers *= size
        return self.start + n_numbers * self.dtype.itemsize


def read_header(file: BufferedReader) -> Header:
    """Raises ValueError unless it is version 1.0, C order, and plain little-endian numbers."""
    prefix = file.read(len(_PREFIX) + 2)
    if len(prefix) != len(_PREFIX) + 2 or not prefix.startswith(_PREFIX):
        raise ValueError("it is not an .npy file of version 1.0")
    length = int.from_bytes(prefix[-2:], "little")
    text = file.read(length)
    header = _HEADER.fullmatch(text)
    if header is None or len(text) != length or (len(prefix) + length) % _ALIGNMENT:
        raise ValueError(
            f"its header is not that of a C-ordered array of little-endian numbers: {text[:120].strip()!r}"
        )
    shape = tuple(int(size) for size in header["shape"].split(b",") if size)
    return Header(np.dtype(header["type"].decode()), shape, len(prefix) + length)


def refuse_unlike(kind: type[np.generic], shape: Shape, found: np.dtype[Any], sizes: tuple[int, ...]) -> None:
    """Raises ValueError where an array of type `found` and shape `sizes` is not what was asked for."""
    fits = [
        size in asked if isinstance(asked, range) else size == asked for asked, size in zip(shape, sizes, strict=False)
    ]
    if found != np.dtype(kind) or len(shape) != len(sizes) or not all(fits):
        asked = ", ".join(f"up to {size.stop - 1}" if isinstance(size, range) else str(size) for size in shape)
        raise ValueError(f"{kind.__name__} ({asked}) expected, found {found} {sizes}")


def verified(file: BufferedReader, kind: type[np.generic], shape: Shape, sha256: str) -> Array:
    """The numbers, mapped read-only from the very file whose type, length and digest were found right. ValueError."""
    header = read_header(file)
    refuse_unlike(kind, shape, header.dtype, header.shape)
    n_bytes = file.seek(0, os.SEEK_END)
    if n_bytes != header.n_bytes:
        raise ValueError(
            f"it has {n_bytes:,} bytes, its header asks for {header.n_bytes:,}; it was cut short or altered"
        )
    file.seek(0)
    if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
        raise ValueError("its sha256 is not the manifest's; the file was altered")
    if 0 not in header.shape:
        # as a plain array: each slice of a memmap runs through its class, in Python
        return np.asarray(np.memmap(file, header.dtype, "r", header.start, header.shape))
    empty: Array = np.empty(header.shape, header.dtype)  # nothing cannot be mapped
    empty.setflags(write=False)
    return empty
