"""The Netflix Prize: a hundred million ratings that are no longer handed out, from what people have kept of them."""

import csv
import re
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from trainer.datasets.data_file import DataFile
from trainer.datasets.prize_text import DAY, SECONDS_A_DAY, read_prize_text
from trainer.datasets.rows import ID, RATINGS, sound
from trainer.datasets.tables import Counts, Request, Tables
from trainer.errors import DataError

COUNTS = Counts(pairs=56_919_190, users=478_615, items=17_769)
_FOLDERS = ("netflix", "")  # of the data folder
_COMBINED = tuple(f"combined_data_{number}.txt" for number in range(1, 5))
_TABLE = "netflix.csv"
_TITLES = ("movie_titles.csv", "movie_titles.txt")
_COLUMNS = tuple(RATINGS)
_FIELDS = {"user_id": ID, "item_id": ID, "rating": rb"[1-5](\.0*)?"}
_TIMES: tuple[tuple[bytes, pl.DataType], ...] = (
    (rb"-?\d+", pl.Int64()),  # seconds
    (DAY, pl.Date()),
    (DAY + rb"[ T]\d\d:\d\d:\d\d(\.\d+)?", pl.Datetime("us")),
)


def load(request: Request) -> Tables:
    """The prize's own text, joined or a file a film, or one CSV; titles and years where movie_titles lies with them."""
    for folder in (request.data_dir / name for name in _FOLDERS):
        texts, table = _texts(folder), folder / _TABLE
        if texts or table.is_file():
            source = str(table) if not texts else f"{texts[0]} to {texts[-1].path.name}"
            request.say(f"reading {source}")
            ratings = read_prize_text(texts, request.say) if texts else _read_table(DataFile(table))
            rewrite = f"write it as a CSV file with the columns {','.join(_COLUMNS)}; " if texts else ""
            COUNTS.verify(ratings, source, f"To train on it nevertheless: {rewrite}`--data {_TABLE} --preset netflix`")
            return Tables.of(ratings, _items(folder, ratings, request))
    raise DataError(
        "the ratings of the Netflix Prize are not offered for download any more, and they are not in "
        f"{request.data_dir}. Put either {_COMBINED[0]} to {_COMBINED[-1]} (or the folder training_set) there, as the "
        f"prize wrote them, or {_TABLE} with the columns {','.join(_COLUMNS)}; movie_titles.csv gives the titles. "
        "--data-dir names another folder"
    )


def _texts(folder: Path) -> list[DataFile]:
    """The prize's text files, none where there are none. Raises DataError where some of the joined ones are missing."""
    there = [name for name in _COMBINED if (folder / name).is_file()]
    if there and len(there) < len(_COMBINED):
        missing = ", ".join(name for name in _COMBINED if name not in there)
        raise DataError(f"{folder}: {there[0]} lies there without {missing}; put all four there")
    return [DataFile(folder / name) for name in there] or [
        DataFile(path) for path in sorted((folder / "training_set").glob("mv_*.txt"))
    ]


def _read_table(file: DataFile) -> pl.DataFrame:
    """The four columns in any order, others left alone; times as seconds, days or moments."""
    (_, header), (number, row) = [*_fields(file), (1, []), (2, [])][:2]
    if missing := [name for name in _COLUMNS if name not in header]:
        raise DataError(f"{file}: it has no column {missing[0]!r}, only {', '.join(header) or 'nothing'}")
    if len(row) != len(header):
        raise file.fault(number, f"{len(row)} fields", str(len(header)))
    moment = row[header.index("timestamp")].encode()
    time = next(((pattern, kind) for pattern, kind in _TIMES if re.fullmatch(pattern, moment)), None)
    if time is None:
        raise file.fault(number, repr(moment.decode()), "a timestamp in seconds or a day such as 2005-09-06")
    fields = {**_FIELDS, "timestamp": time[0]}
    try:
        rows = pl.read_csv(
            file.path, columns=list(_COLUMNS), schema_overrides={**RATINGS, "timestamp": time[1]}, low_memory=True
        ).select(_COLUMNS)
    except pl.exceptions.PolarsError as error:
        raise _at_fault(file, header, fields, str(error).splitlines()[0]) from error
    if sum(rows.null_count().row(0)) or not sound(rows):
        raise _at_fault(file, header, fields, "a field is missing or out of range")
    return rows.with_columns(_seconds(rows["timestamp"]))


def _fields(file: DataFile) -> list[tuple[int, list[str]]]:
    """The first two lines, numbered: the header and the first row."""
    found = []
    for number, line in islice(file.lines(), 2):
        try:
            found.append((number, next(csv.reader([line]))))
        except csv.Error as error:
            raise DataError(f"{file}, line {number}: cannot be read as CSV ({error})") from error
    return found


def _seconds(times: pl.Series) -> pl.Series:
    if times.dtype == pl.Date:
        return times.cast(pl.Int64) * SECONDS_A_DAY
    return times.dt.epoch("s") if times.dtype == pl.Datetime else times


def _at_fault(file: DataFile, header: Sequence[str], fields: dict[str, bytes], reason: str) -> DataError:
    line = re.compile(b",".join(fields.get(name, b"[^,]*") for name in header))
    unlike = file.first_unlike(line, "a row of " + ",".join(header), header=True)
    return unlike or DataError(f"{file}: cannot be read ({reason})")


def _items(folder: Path, ratings: pl.DataFrame, request: Request) -> pl.DataFrame:
    """Titles and years of movie_titles (Latin-1, "id,year,title", commas in titles and all); else the ids alone."""
    file = next((DataFile(folder / name) for name in _TITLES if (folder / name).is_file()), None)
    if file is None:
        request.say(f"no {_TITLES[0]} in {folder}: the films go without titles")
        return ratings.select(pl.col("item_id").unique().sort().cast(pl.String))
    films = []
    for number, line in file.lines("latin-1"):
        match = re.fullmatch(r"(\d+),(NULL|\d{4}|),(.+)", line)
        if match is None:
            raise file.fault(number, repr(line[:60]), "a line like '1,2003,Dinosaur Planet'")
        year = float(match[2]) if match[2] not in ("NULL", "") else None
        films.append((match[1], " ".join(match[3].split()), year))
    return pl.DataFrame(films, {"item_id": pl.String, "title": pl.String, "year": pl.Float64}, orient="row")
