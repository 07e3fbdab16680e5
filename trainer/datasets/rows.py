"""Lines of numbers to columns: parsed by Polars, and searched for the line at fault only where that fails."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from trainer.datasets.data_file import DataFile
from trainer.errors import DataError

RATINGS: Mapping[str, pl.DataType] = {
    "user_id": pl.Int32(), "item_id": pl.Int32(), "rating": pl.Float32(), "timestamp": pl.Int64(),
}  # fmt: skip
ID = rb"(?:1\d{9}|\d{1,9})"  # below 2^31
_FEWEST_STARS, _MOST_STARS = 0.5, 5.0


@dataclass(frozen=True)
class Form:
    """How a file writes its rows."""

    columns: tuple[str, ...]  # in the file's order: names of `types`, and others that have to be empty
    line: re.Pattern[bytes]  # a whole line, without its end
    example: str
    separator: str = ","
    header: str | None = None
    types: Mapping[str, pl.DataType] = field(default_factory=lambda: RATINGS)


def read_ratings(file: DataFile, form: Form) -> pl.DataFrame:
    """As `read_rows`; stars and ids out of their range are refused too."""
    rows = read_rows(file, form)
    if not sound(rows):
        raise at_fault(file, form, "a rating or an id is out of range")
    return rows


def read_rows(file: DataFile, form: Form) -> pl.DataFrame:
    """The columns of `form` in its types, none of them null.

    Raises DataError naming the file and, where it can, the line.
    """
    if form.header is not None:
        check_header(file, form.header)
    try:
        frame = pl.read_csv(
            file.for_polars,
            separator=form.separator,
            has_header=False,
            skip_rows=0 if form.header is None else 1,
            schema={name: form.types.get(name, pl.String()) for name in form.columns},
            quote_char=None,
        )
    except pl.exceptions.PolarsError as error:
        raise at_fault(file, form, str(error).splitlines()[0]) from error
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error})") from error
    gaps = [name for name in form.columns if name not in form.types]
    rows = frame.drop(gaps)
    if not rows.height:
        raise DataError(f"{file}: there is nothing in it")
    if any(frame[name].null_count() < frame.height for name in gaps) or sum(rows.null_count().row(0)):
        raise at_fault(file, form, "a field is missing")
    return rows


def check_header(file: DataFile, header: str) -> None:
    _, found = next(file.lines(), (1, ""))
    if found != header:
        raise DataError(f"{file}: its first line is {found[:60]!r}, where {header!r} is expected")


def at_fault(file: DataFile, form: Form, reason: str) -> DataError:
    """The error that names the first line that is not of the form, or gives the `reason` where all of them are."""
    unlike = file.first_unlike(form.line, f"a line like {form.example!r}", header=form.header is not None)
    return unlike or DataError(f"{file}: cannot be read ({reason})")


def sound(ratings: pl.DataFrame) -> bool:
    """Whether all stars are whole or half ones in their range, and no id is negative."""
    stars = pl.col("rating").is_between(_FEWEST_STARS, _MOST_STARS) & (pl.col("rating") * 2 % 1 == 0)
    return all(
        ratings.select(stars.all(), users=pl.col("user_id").min() >= 0, items=pl.col("item_id").min() >= 0).row(0)
    )
