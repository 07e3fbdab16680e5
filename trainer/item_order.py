"""The item_ids of a matrix's rows, in their order: a line each of a text file, or an array of text or whole numbers."""

import os
from io import BufferedReader
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from trainer.array_file import PREFIX, opened, read_header, read_values
from trainer.errors import DataError
from trainer.malformed import NOT_UTF_8

LONGEST_ID = 512  # characters; the service takes no longer ones
_PLURAL = {"line": "lines", "entry": "entries"}
_ROOM_BYTES = 2**26  # a file that is wrong may be this long and still be told where


def read_item_ids(path: Path, n_items: int, matrix: str) -> list[str]:
    """One id for each of the `n_items` rows of `matrix` (its name), without spaces around it, as tables are read too.

    Raises DataError for another number of ids, and for ids that are empty, repeated or too long.
    """
    with opened(path) as file:
        n_bytes = os.fstat(file.fileno()).st_size
        if n_bytes > max(_ROOM_BYTES, n_items * (4 * LONGEST_ID + 2)):
            raise DataError(f"{path}: {n_bytes:,} bytes are no ids of {n_items:,} items; name another file")
        is_array = file.peek(len(PREFIX)).startswith(PREFIX)
        written = _of_array(file, path, n_bytes) if is_array else _of_text(file, path)
    item_ids = [item_id.strip() for item_id in written]
    unit = "entry" if is_array else "line"
    _check(item_ids, path, unit)
    if len(item_ids) != n_items:
        line_of_names = len(item_ids) == n_items + 1 and not is_array
        raise DataError(
            f"{path}: {len(item_ids):,} item ids for the {n_items:,} rows of {matrix}; "
            + ("if the first line is a heading, take it out" if line_of_names else f"it needs one {unit} a row")
        )
    return item_ids


def _of_text(file: BufferedReader, path: Path) -> list[str]:
    """The lines of Unix or Windows; other marks that Unicode calls line breaks belong to an id."""
    content = file.read()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{path}, line {line}: {NOT_UTF_8}") from error
    lines = text.split("\n")
    return lines if lines[-1] else lines[:-1]


def _of_array(file: BufferedReader, path: Path, n_bytes: int) -> list[str]:
    try:
        header = read_header(file)
        if header.holds_objects:
            raise DataError(
                f"{path}: it holds pickled Python objects, which could run anything and are never read. Whoever trusts "
                f'the file writes its ids as text: python -c "import numpy; print(*numpy.load({str(path)!r}, '
                f'allow_pickle=1), sep=chr(10))" > ids.txt'
            )
        if header.dtype.kind not in "USiu" or len(header.shape) != 1:
            raise ValueError(
                f"it holds {header.dtype} in {len(header.shape)} dimensions; text or whole numbers in one are needed"
            )
        if not header.dtype.itemsize:
            raise ValueError(f"it holds {header.dtype}, texts of no characters")
        if header.n_bytes != n_bytes:
            raise ValueError(f"it has {n_bytes:,} bytes, its header asks for {header.n_bytes:,}; it was cut short")
        return _texts(read_values(file, header))
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def _texts(values: NDArray[Any]) -> list[str]:
    try:
        texts = [value.decode() if isinstance(value, bytes) else str(value) for value in values.tolist()]
        for text in texts:
            text.encode()
    except ValueError as error:  # code points that are none
        raise ValueError(f"an entry is no text ({type(error).__name__}); write the ids as a text file") from error
    return texts


def _check(item_ids: list[str], path: Path, unit: str) -> None:
    first: dict[str, int] = {}
    for number, item_id in enumerate(item_ids, 1):
        if not item_id:
            raise DataError(f"{path}, {unit} {number}: there is no id; every row of the matrix needs one")
        if len(item_id) > LONGEST_ID:
            raise DataError(
                f"{path}, {unit} {number}: an id of {len(item_id):,} characters; up to {LONGEST_ID} can be served"
            )
        if (earlier := first.setdefault(item_id, number)) != number:
            shown = repr(item_id) if len(item_id) <= 40 else f"{item_id[:39]!r}…"
            raise DataError(
                f"{path}: {_PLURAL[unit]} {earlier} and {number} are both {shown}; every row needs an id of its own"
            )
