"""Files to Polars frames and back: CSV, TSV and RecBole's atomic files (also .gz, all text), Parquet, JSON lines."""

import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from trainer.errors import ConfigurationError, DataError
from trainer.malformed import NOT_UTF_8, malformed

_SEPARATORS = {".csv": ",", ".tsv": "\t", ".inter": "\t", ".item": "\t"}
_ATOMIC = (".inter", ".item")  # RecBole's, with a header of name:type
_JSON_LINES = (".jsonl", ".ndjson")
_WRITERS: Mapping[str, Callable[[pl.DataFrame, Path], None]] = {
    ".parquet": lambda frame, path: frame.write_parquet(path),
    ".csv": lambda frame, path: frame.write_csv(path),
    ".tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    ".jsonl": lambda frame, path: frame.write_ndjson(path),
}
KINDS = ".csv, .tsv, .inter, .item (each also .gz), .parquet, .jsonl"


def read_table(path: Path, separator: str | None = None) -> pl.DataFrame:
    """Reads `path` by its ending. Text columns come as written; RecBole's `name:type` header loses its type.

    Raises DataError for a file that is missing, empty, of an unknown kind, not UTF-8 or malformed.
    """
    _check_readable(path)
    ending = _kind(path)
    try:
        if ending == ".parquet":
            frame = pl.read_parquet(path)
        elif ending in _JSON_LINES:
            frame = pl.read_ndjson(path, infer_schema_length=None)
        elif ending in _SEPARATORS or separator:
            frame = _read_text(path, separator or _SEPARATORS[ending], None if ending in _ATOMIC else '"')
        else:
            raise DataError(f"{path}: unknown kind of file; expected {KINDS}, or give --separator")
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path}: {_explained(error)}") from error
    except (OSError, ValueError, EOFError, zlib.error, pl.exceptions.PanicException) as error:
        raise DataError(f"{path}: cannot be read ({(str(error) or type(error).__name__).splitlines()[0]})") from error
    if not frame.height:
        raise DataError(f"{path}: it has a header and no rows")
    if ending in _ATOMIC:
        sequences = [name for name in frame.columns if name.endswith(":token_seq")]
        frame = frame.with_columns(pl.col(name).str.split(" ") for name in sequences)
    frame.columns = names_of([name.split(":")[0] if ending in _ATOMIC else name for name in frame.columns], str(path))
    return frame


def names_of(columns: Sequence[str], source: str) -> list[str]:
    """What a table's columns are called without what is invisible. Raises DataError where two are called alike."""
    names = [name.strip().lstrip("\ufeff") for name in columns]
    if repeated := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise DataError(f"{source}: two columns are called {repeated[0]!r}; rename one")
    return names


def _check_readable(path: Path) -> None:
    try:
        with path.open("rb") as file:
            if not file.read(1):
                raise DataError(f"{path}: the file is empty")
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error


def _read_text(path: Path, separator: str, quote: str | None) -> pl.DataFrame:
    """Every column as text. Raises DataError naming the line where that can be known."""
    try:
        frame = pl.read_csv(path, separator=separator, infer_schema=False, quote_char=quote)
    except pl.exceptions.PolarsError as error:
        if found := malformed(path, separator, quote):
            raise DataError(f"{path}: {found}") from error
        raise
    if any("\ufffd" in name for name in frame.columns):  # what Polars makes of a header that is no UTF-8
        raise DataError(f"{path}: {malformed(path, separator, quote) or NOT_UTF_8}")
    return frame


def check_out(path: Path) -> None:
    """Raises ConfigurationError where `write_table` would fail, before the work is done."""
    if _ending(path) not in _WRITERS:
        raise ConfigurationError(f"--out {path}: the file must end in {', '.join(_WRITERS)}")
    if path.is_dir():
        raise ConfigurationError(f"--out {path}: it is a folder; name a file")
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
        return NOT_UTF_8
    return f"it cannot be read ({text})"


def listed(frame: pl.DataFrame) -> str:
    """The names of a frame's columns, for an error."""
    return ", ".join(name or "one without a name" for name in frame.columns)


def _kind(path: Path) -> str:
    """The ending that says what is in a file."""
    endings = [ending for ending in path.suffixes if ending != ".gz"]
    return endings[-1].lower() if endings else ""


def place_of(frame: pl.DataFrame, row: int, source: str, first: int = 0) -> str:
    """Where a row of `frame`, as it was read from `source`, stands in the file: `line 18`, or `row 17` of a Parquet.

    `first` is the row of a Parquet that `frame` begins with.
    """
    if _kind(Path(source)) in _JSON_LINES:
        return f"line {row + 1}"
    if _kind(Path(source)) not in _SEPARATORS:
        return f"row {first + row + 1}"
    breaks = frame.head(row).select(pl.col(pl.String).str.count_matches("\n", literal=True).sum())
    within = sum(int(count or 0) for count in breaks.row(0)) if breaks.width else 0  # cells of several lines
    return f"line {2 + row + within}"


def as_text(column: pl.Series, source: str) -> pl.Series:
    """Ids as the strings they are on the wire; whole numbers lose their .0. Raises DataError for lists and bytes."""
    if column.dtype.is_nested() or column.dtype == pl.Binary:
        raise DataError(
            f"{source}: the column {column.name!r} holds {column.dtype}, where text or numbers are expected"
        )
    if column.dtype.is_float() and bool((column.drop_nulls() % 1 == 0).all()):
        column = column.cast(pl.Int64)
    return column.cast(pl.String).str.strip_chars()
