"""Files to Polars frames and back: CSV, TSV and RecBole's atomic files (also .gz, all text), Parquet, JSON lines."""

import gzip
import hashlib
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from trainer.errors import ConfigurationError, DataError

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".item": "\t"}
_ATOMIC = (".inter", ".item")  # RecBole's, with a header of name:type
_JSON_LINES = (".jsonl", ".ndjson")
_WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], None]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
}
_NOT_UTF_8 = "it is not UTF-8; convert it first, for instance with `iconv -f latin1 -t utf-8`"
KINDS = ".csv, .tsv, .inter, .item (each also .gz), .parquet, .jsonl"


def read_table(path: Path, separator: str | None = None) -> pl.DataFrame:
    """Reads `path` by its ending. Text columns come as written; RecBole's `name:type` header loses its type.

    Raises DataError for a file that is missing, empty, of an unknown kind, not UTF-8 or malformed.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if not path.stat().st_size:
        raise DataError(f"{path}: the file is empty")
    endings = [ending for ending in path.suffixes if ending != ".gz"]
    ending = endings[-1].lower() if endings else ""
    try:
        if ending == ".parquet":
            frame = pl.read_parquet(path)
        elif ending in _JSON_LINES:
            frame = pl.read_ndjson(path, infer_schema_length=None)
        elif ending in _SEPARATORS or separator:
            _check_header(path)
            frame = pl.read_csv(
                path,
                separator=separator or _SEPARATORS[ending],
                infer_schema=False,
                quote_char=None if ending in _ATOMIC else '"',
            )
        else:
            raise DataError(f"{path}: unknown kind of file; expected {KINDS}, or give --separator")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: {_explained(error)}") from error
    except (OSError, ValueError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if not frame.height:
        raise DataError(f"{path}: it has a header and no rows")
    if ending in _ATOMIC:
        sequences = [name for name in frame.columns if name.endswith(":token_seq")]
        frame = frame.with_columns(pl.col(name).str.split(" ") for name in sequences)
    names = [(name.split(":")[0] if ending in _ATOMIC else name).strip().lstrip("\ufeff") for name in frame.columns]
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"{path}: two columns are called {repeated[0]!r}; rename one")
    frame.columns = names
    return frame


def check_out(path: Path) -> None:
    """Raises ConfigurationError where `write_table` would fail, before the work is done."""
    if _ending(path) not in _WRITERS:
        raise ConfigurationError(f"--out {path}: the file must end in {', '.join(_WRITERS)}")
    try:
        with tempfile.TemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ConfigurationError(f"--out {path}: its folder cannot be written to ({error.strerror})") from error


def write_table(frame: pl.DataFrame, path: Path) -> None:
    """Writes `frame` by the ending of `path`, whole or not at all. Raises DataError for a full disk and the like."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        _WRITERS[_ending(path)](frame, partial)
        os.replace(partial, path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(f"{path}: cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)


def _ending(path: Path) -> str:
    return path.suffix.lower()


def _check_header(path: Path) -> None:
    """Polars replaces what is no UTF-8 in a header."""
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        header = file.readline(1_000_000)
    try:
        header.decode()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: {_NOT_UTF_8}") from error


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turns what Polars cannot do with a file's values into a DataError that names the file."""
    try:
        yield
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{source}: {_explained(error)}") from error


def _explained(error: pl.exceptions.PolarsError) -> str:
    text = str(error).splitlines()[0]
    if "utf-8" in text.lower() or "utf8" in text.lower():
        return _NOT_UTF_8
    return f"it cannot be read ({text})"


def as_text(column: pl.Series, source: str) -> pl.Series:
    """Ids as the strings they are on the wire; whole numbers lose their .0. Raises DataError for lists and bytes."""
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise DataError(
            f"{source}: the column {column.name!r} holds {column.dtype}, where text or numbers are expected"
        )
    if column.dtype.is_float() and bool((column.drop_nulls() % 1 == 0).all()):
        column = column.cast(pl.Int64)
    return column.cast(pl.String).str.strip_chars()


def _flat(column: pl.Series) -> pl.Series:
    """A column that can be sorted and written as text, whatever was nested in it."""
    if isinstance(column.dtype, pl.List) and not column.dtype.inner.is_nested():
        return column.cast(pl.List(pl.String)).list.join("\x1f")
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        return pl.Series(column.name, [repr(value) for value in column], pl.String)
    return column


def fingerprint(*frames: pl.DataFrame) -> str:
    """sha256 of the frames' names and values, whatever the order of their rows."""
    digest = hashlib.sha256()
    for frame in frames:
        flat = frame.select(_flat(column) for column in frame)
        digest.update(flat.sort(flat.columns, nulls_last=True).write_csv(float_precision=6).encode())
    return digest.hexdigest()
