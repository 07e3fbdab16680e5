"""The Netflix Prize's own text: a film's number and a colon on a line, below it "user,stars,day" a rating."""

import re
from collections.abc import Iterator, Sequence

import polars as pl

from trainer.datasets.data_file import DataFile
from trainer.datasets.rows import ID, sound
from trainer.datasets.tables import Say
from trainer.errors import DataError

BLOCK_BYTES = 128 << 20  # parsed at once
_ROWS_A_LINE = 10_000_000  # between two lines that say how far it is
_FILM = re.compile(ID + b":")
DAY = rb"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_LINE = re.compile(ID + b":|" + ID + b",[1-5]," + DAY)
_EXPECTED = "a line like '1488844,3,2005-09-06'"
SECONDS_A_DAY = 86_400


def read_prize_text(files: Sequence[DataFile], say: Say) -> pl.DataFrame:
    """user_id, item_id (Int32), rating (Int8), timestamp (Int64, seconds) of all files, in their order.

    Raises DataError naming the file and the line at fault.
    """
    frames: list[pl.DataFrame] = []
    n_rows = 0
    for block, sources in _blocks(files):
        frame = _parsed(block)
        if frame is None:
            raise _at_fault(sources)
        if (n_rows + frame.height) // _ROWS_A_LINE > n_rows // _ROWS_A_LINE:
            say(f"read {n_rows + frame.height:,} ratings, up to {sources[-1].path.name}")
        n_rows += frame.height
        frames.append(frame)
    if not n_rows:
        raise DataError(f"{files[0]}: there are no ratings in it")
    return pl.concat(frames, rechunk=False)


def _blocks(files: Sequence[DataFile]) -> Iterator[tuple[bytes, list[DataFile]]]:
    """Whole lines, about BLOCK_BYTES of them, beginning with their film's number; and the files that they are of."""
    pieces: list[bytes] = []
    sources: list[DataFile] = []
    for file in files:
        sources.append(file)
        with file.opened() as opened:
            film = opened.readline(16).rstrip(b"\r\n")
            if not _FILM.fullmatch(film):
                raise file.fault(1, repr(film.decode("utf-8", "replace")), "a film's number and a colon")
            while piece := opened.read(BLOCK_BYTES):
                piece += opened.readline()
                pieces += [film, b"\n", piece, b"" if piece.endswith(b"\n") else b"\n"]
                film = _last_film(piece) or film
                if sum(map(len, pieces)) >= BLOCK_BYTES:
                    yield b"".join(pieces), sources
                    pieces, sources = [], [file]
    if pieces:
        yield b"".join(pieces), sources


def _last_film(lines: bytes) -> bytes | None:
    colon = lines.rfind(b":")
    return lines[lines.rfind(b"\n", 0, colon) + 1 : colon + 1] if colon >= 0 else None


def _parsed(block: bytes) -> pl.DataFrame | None:
    """The ratings of a block; None where a line is at fault."""
    types = pl.Schema({"user": pl.String, "rating": pl.Int8, "day": pl.Date})
    is_film = pl.col("user").str.ends_with(":")
    try:
        lines = pl.read_csv(b"user,rating,day\n" + block, schema=types, quote_char=None).with_columns(
            pl.col("user").str.strip_suffix(":").cast(pl.Int32).alias("number"), is_film.alias("is_film")
        )
        empty = pl.col("rating").is_null() & pl.col("day").is_null()
        if lines["number"].null_count() or lines.select((empty != pl.col("is_film")).any()).item():
            return None
        film = pl.when(pl.col("is_film")).then(pl.col("number")).forward_fill()
        rows = lines.select(
            pl.col("number").alias("user_id"),
            film.alias("item_id"),
            "rating",
            (pl.col("day").cast(pl.Int64) * SECONDS_A_DAY).alias("timestamp"),
        ).filter(~lines["is_film"])
    except pl.exceptions.PolarsError:
        return None
    return None if sum(rows.null_count().row(0)) or (rows.height and not sound(rows)) else rows


def _at_fault(files: Sequence[DataFile]) -> DataError:
    """The error that names the first file at fault, and its line where one looks wrong."""
    for file in files:
        unlike = file.first_unlike(_LINE, _EXPECTED)
        if unlike is not None:
            return unlike
        if any(_parsed(block) is None for block, _ in _blocks([file])):
            return DataError(f"{file}: cannot be read (a day that does not exist, or a rating without a film)")
    return DataError(f"{files[0]}: cannot be read")
