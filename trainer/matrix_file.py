"""A sparse item matrix that somebody else made: an .npz as scipy.sparse.save_npz writes it, to an ItemEmbedding.

scipy's own reader takes the sizes, pointers and indices of a file as they are, and reads whatever it claims to hold.
Here a claim is compared with the file, then with the memory, and only then read.
"""

import os
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.arrays import MOST_DIMS, MOST_ROWS
from index.embedding import UNIT_LENGTH_TOLERANCE, ItemEmbedding
from trainer.array_file import PREFIX, Header, opened, read_header, read_values
from trainer.errors import ConfigurationError, DataError

_SAVE = "write it with scipy.sparse.save_npz(FILE, matrix.tocsr())"
_PARTS = {
    "csr": ("indptr", "indices", "data"),
    "csc": ("indptr", "indices", "data"),
    "coo": ("row", "col", "data"),
}
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # numpy's
_LARGEST_RATIO = 1040  # deflate makes no more of a byte
_LONGEST_WORD = 4096  # bytes of the format's name, and of the shape
_ENTRY_BYTES, _CELL_BYTES = 96, 96  # at the peak, measured: of an entry put in order, of a cell of the rectangles
Matrix: TypeAlias = "sp.csr_matrix[np.float64]"
Values = NDArray[Any]


@dataclass(frozen=True)
class ReadMatrix:
    embedding: ItemEmbedding
    story: list[str]


def read_matrix(path: Path, available: int) -> ReadMatrix:
    """The matrix (n_items, n_dims) with rows of length 1, and what was done to it; `available` bytes of memory.

    Entries that name one cell are added up, as scipy understands them, and zeros are left out.
    Raises DataError for a file that is no such matrix, ConfigurationError for one that does not fit into memory.
    """
    try:
        with opened(path) as file:
            matrix, n_given = _read(file, available)
        read = _embedded(matrix, n_given, available)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    read.story[0] = f"read {path}: {read.story[0]}"
    return read


# ---------------------------------------------------------------- the file


def _read(file: BufferedReader, available: int) -> tuple[Matrix, int]:
    """The matrix, its structure checked and its values not, and how many entries it is written in."""
    if file.peek(len(PREFIX)).startswith(PREFIX):
        raise ValueError(
            "it is a dense .npy array; write it with scipy.sparse.save_npz(FILE, scipy.sparse.csr_matrix(array))"
        )
    n_bytes = file.seek(0, os.SEEK_END)
    try:
        with zipfile.ZipFile(file) as archive:
            members = _Members(archive, n_bytes)
            kind = members.word("format")
            if kind not in _PARTS:
                raise ValueError(f"its format is {kind[:20]!r}, not one of {', '.join(_PARTS)}; {_SAVE}")
            shape = _shape(members.read("shape", members.header("shape", _LONGEST_WORD)))
            headers = {name: members.header(name, n_bytes * _LARGEST_RATIO) for name in _PARTS[kind]}
            _check_claims(headers, kind, shape, available)
            parts = {name: members.read(name, header) for name, header in headers.items()}
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, OSError, RuntimeError, zlib.error) as error:
        reason = str(error).splitlines()[0][:80] if str(error) else type(error).__name__
        raise ValueError(f"it is damaged, or no .npz file ({reason}); copy it again, or {_SAVE}") from error
    return _assembled(parts, kind, shape)


class _Members:
    """The arrays in an archive of `n_bytes`, each no longer than it said. Raises ValueError."""

    def __init__(self, archive: zipfile.ZipFile, n_bytes: int) -> None:
        self._archive, self._n_bytes = archive, n_bytes
        self._members: dict[str, zipfile.ZipInfo] = {}
        for member in archive.infolist():
            if member.filename in self._members:
                raise ValueError(f"it holds {member.filename[:40]!r} twice; {_SAVE}")
            self._members[member.filename] = member

    def header(self, name: str, most_bytes: int) -> Header:
        """What the array says that it is, where the archive says the same of it."""
        member = self._members.get(f"{name}.npy")
        if member is None:
            found = ", ".join(repr(one[:20]) for one in sorted(self._members)[:6]) or "nothing"
            raise ValueError(f"it is no sparse matrix, {name!r} is missing from it (it holds {found}); {_SAVE}")
        if member.compress_type not in _METHODS or member.flag_bits & 1:
            raise ValueError(f"{name!r} is packed or encrypted in a way that numpy does not; {_SAVE}")
        if member.file_size > min(most_bytes, (member.compress_size + 1) * _LARGEST_RATIO):
            raise ValueError(f"{name!r} claims {member.file_size:,} bytes, more than there can be; it was altered")
        try:
            with self._archive.open(member) as file:
                header = read_header(file)
        except ValueError as error:
            raise ValueError(f"{name!r}: {error}; {_SAVE}") from error
        if header.holds_objects:
            raise ValueError(
                f"{name!r} holds pickled Python objects, which could run anything and are never read; {_SAVE}"
            )
        if header.n_bytes != member.file_size:
            raise ValueError(
                f"{name!r} has {member.file_size:,} bytes, its header asks for {header.n_bytes:,}; it was altered"
            )
        return header

    def read(self, name: str, header: Header) -> Values:
        with self._archive.open(self._members[f"{name}.npy"]) as file:
            file.read(header.start)
            values = read_values(file, header)
            file.read(1)  # at the end the checksum is compared
            return values

    def word(self, name: str) -> str:
        header = self.header(name, _LONGEST_WORD)
        if header.dtype.kind not in "SU" or header.shape:
            raise ValueError(f"{name!r} is {header.dtype} {header.shape} and no word; {_SAVE}")
        value = self.read(name, header).item()
        return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# ---------------------------------------------------------------- the structure


def _shape(values: Values) -> tuple[int, int]:
    sizes = values.ravel().tolist()
    if values.dtype.kind not in "iu" or len(sizes) != 2:
        raise ValueError(f"its shape is {str(tuple(sizes[:9]))[:40]}; a row an item and a column a dim are needed")
    n_items, n_dims = sizes
    if min(n_items, n_dims) < 1:
        raise ValueError(f"it is empty ({n_items} x {n_dims}); a row an item and a column a dim are needed")
    if n_items > MOST_ROWS or n_dims > MOST_DIMS:
        raise ValueError(
            f"it is {n_items:,} x {n_dims:,}; up to {MOST_ROWS:,} items (rows) and {MOST_DIMS:,} dims (columns) "
            "can be served"
        )
    return n_items, n_dims


def _check_claims(headers: Mapping[str, Header], kind: str, shape: tuple[int, int], available: int) -> None:
    """Raises ValueError where the arrays are not those of a matrix, ConfigurationError where they are too many."""
    for name, header in headers.items():
        numbers = "fiub" if name == "data" else "iu"
        if header.dtype.kind not in numbers or header.dtype.itemsize > 8 or len(header.shape) != 1:
            what = "real numbers (float32 is best)" if name == "data" else "whole numbers"
            raise ValueError(
                f"{name!r} is {str(header.dtype)[:40]} in {len(header.shape)} dimensions; a row of {what} is needed"
            )
    lengths = {name: header.shape[0] for name, header in headers.items()}
    n_pointers = lengths.pop("indptr", None)
    wanted = shape[kind == "csc"] + 1
    if n_pointers not in (None, wanted) or len(set(lengths.values())) != 1:
        told = ", ".join(f"{name!r} has {header.shape[0]:,}" for name, header in headers.items())
        raise ValueError(f"its arrays do not fit a {kind} of {shape[0]:,} x {shape[1]:,} ({told}); {_SAVE}")
    needed = _ENTRY_BYTES * (headers["data"].shape[0] + max(shape))
    if needed > available:
        raise ConfigurationError(_too_much(f"reading {headers['data'].shape[0]:,} entries", needed, available))


def _assembled(parts: Mapping[str, Values], kind: str, shape: tuple[int, int]) -> tuple[Matrix, int]:
    """Rows, and how many entries they are made of. Raises ValueError for entries outside the matrix."""
    data = parts["data"].astype(np.float64)
    if kind == "coo":
        rows, columns = (_indices(parts[name], name, size) for name, size in zip(("row", "col"), shape, strict=True))
        found = sp.coo_matrix((data, (rows, columns)), shape=shape)
        return sp.csr_matrix(found), len(data)
    starts = parts["indptr"].astype(np.int64)
    n_entries = int(starts[-1])
    if starts[0] != 0 or not 0 <= n_entries <= len(data) or (np.diff(starts) < 0).any():
        raise ValueError(f"'indptr' does not lead through its {len(data):,} entries; it was altered, {_SAVE}")
    indices = _indices(parts["indices"][:n_entries], "indices", shape[kind == "csr"])
    of_its_kind = sp.csr_matrix if kind == "csr" else sp.csc_matrix
    return sp.csr_matrix(of_its_kind((data[:n_entries], indices, starts), shape=shape)), n_entries


def _indices(values: Values, name: str, size: int) -> NDArray[np.int64]:
    """Raises ValueError naming the first that is not below `size`."""
    outside = (values < 0) | (values >= size)
    if outside.any():
        place = int(outside.argmax())
        raise ValueError(
            f"entry {place} of {name!r} is {int(values[place])}, where 0 to {size - 1} are possible; it was altered, "
            "or its shape is wrong"
        )
    return values.astype(np.int64)


# ---------------------------------------------------------------- the values


def _embedded(matrix: Matrix, n_given: int, available: int) -> ReadMatrix:
    """Raises ValueError for values that are no finite numbers or all 0, ConfigurationError for too full a row."""
    matrix.sum_duplicates()
    n_items, n_dims = matrix.shape
    story = [f"{n_items:,} items x {n_dims:,} dims, {n_given:,} entries"]
    if n_repeats := n_given - matrix.nnz:
        story.append(f"added up {n_repeats:,} entries that name a cell once more")
    wrong = ~np.isfinite(matrix.data)
    if wrong.any():
        place = int(wrong.argmax())
        row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
        raise ValueError(f"row {row}, dim {matrix.indices[place]} is {matrix.data[place]}, no finite number; mend it")
    n_living = np.count_nonzero(matrix.data)
    if n_zeros := matrix.nnz - n_living:
        story.append(f"left out {n_zeros:,} entries that are 0")
    n_scaled, unit = _scaled(matrix)
    if n_scaled:
        story.append(f"scaled {n_scaled:,} rows to length 1")
    per_row = np.diff(unit.indptr)
    k = int(per_row.max())
    if not k:
        raise ValueError("every entry is 0, so no item has a code; name another file")
    if n_empty := int((per_row == 0).sum()):
        story.append(f"{n_empty:,} items without a code: they are answered last")
    needed = _CELL_BYTES * n_items * k
    if needed > available:
        full = f"{n_items:,} items with room for {k:,} weights each, as many as row {int(per_row.argmax())} has"
        raise ConfigurationError(_too_much(full, needed, available) + ", or keep fewer weights of the fullest rows")
    story.append(f"{unit.nnz:,} weights are taken over, up to {k:,} an item")
    return ReadMatrix(ItemEmbedding.from_rows(unit.indptr, unit.indices, unit.data, n_dims), story)


def _scaled(matrix: Matrix) -> tuple[int, "sp.csr_matrix[np.float32]"]:
    """Rows of length 1 in float32, without zeros; and how many had another length.

    Rows are divided by their largest weight first, so that no square is lost or endless.
    """
    largest = abs(matrix).max(axis=1).toarray().ravel()
    row_of = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    values = matrix.data / np.where(largest > 0, largest, 1.0)[row_of]
    lengths = np.sqrt(np.bincount(row_of, values**2, minlength=matrix.shape[0]))
    with np.errstate(over="ignore"):
        off = (np.abs(lengths * largest - 1) > UNIT_LENGTH_TOLERANCE) & (largest > 0)
    values /= np.where(lengths > 0, lengths, 1.0)[row_of]
    unit = sp.csr_matrix((values.astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)
    unit.eliminate_zeros()
    return int(off.sum()), unit


def _too_much(what: str, needed: int, available: int) -> str:
    return f"{what} takes about {needed / 2**30:.1f} GiB, {available / 2**30:.1f} are there; use a larger machine"
