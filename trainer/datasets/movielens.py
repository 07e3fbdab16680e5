"""MovieLens 100K, 1M and 20M of GroupLens."""

import re
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from trainer.datasets.archive import Archive, wrong_digest
from trainer.datasets.data_file import DataFile
from trainer.datasets.download import FetchError
from trainer.datasets.rows import ID, Form, read_ratings
from trainer.datasets.tables import Request, Tables
from trainer.datasets.titles import readable_title, year_of
from trainer.datasets.wheel import fetch_wheel
from trainer.errors import DataError

_SITE = "https://files.grouplens.org/datasets/movielens"
ML_100K = Archive(
    "MovieLens 100K", "ml-100k.zip", f"{_SITE}/ml-100k.zip",
    "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
)  # fmt: skip
ML_1M = Archive(
    "MovieLens 1M", "ml-1m.zip", f"{_SITE}/ml-1m.zip",
    "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
)  # fmt: skip
ML_20M = Archive(
    "MovieLens 20M", "ml-20m.zip", f"{_SITE}/ml-20m.zip",
    "96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3",
)  # fmt: skip
RECBOLE = "recbole==1.2.1"
RECBOLE_WHEEL = "recbole-1.2.1-py3-none-any.whl"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"

_PARTS = ("user_id", "item_id", "rating", "timestamp")
_TABBED = Form(_PARTS, re.compile(ID + rb"\t" + ID + rb"\t[1-5]\t\d{1,18}"), "196\\t242\\t3\\t881250949", "\t")
_ATOMIC = Form(
    _PARTS, _TABBED.line, _TABBED.example, "\t", "user_id:token\titem_id:token\trating:float\ttimestamp:float"
)
_COLONS = Form(  # Polars knows separators of one character: between two colons lies an empty column
    ("user_id", "gap_1", "item_id", "gap_2", "rating", "gap_3", "timestamp"),
    re.compile(ID + b"::" + ID + rb"::[1-5]::\d{1,18}"),
    "1::1193::5::978300760",
    ":",
)
_COMMAS = Form(
    _PARTS,
    re.compile(ID + b"," + ID + rb",(0\.5|[1-4](\.[05])?|5(\.0)?),\d{1,18}"),
    "1,2,3.5,1112486027",
    ",",
    "userId,movieId,rating,timestamp",
)
_GENRES_100K = (
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip
_NO_GENRES = "(no genres listed)"


def ml_100k(request: Request) -> Tables:
    """From GroupLens' archive, or from the copy that the RecBole wheel carries; the same tables either way."""
    if (archive := ML_100K.found(request)) is not None:
        return from_grouplens(archive)
    wheel = request.data_dir / RECBOLE_WHEEL
    if not wheel.is_file():
        try:
            return from_grouplens(ML_100K.fetched(request))
        except FetchError as first:
            request.say(f"{first}; taking the copy in the wheel {RECBOLE} from pip's index")
            try:
                fetch_wheel(RECBOLE, wheel, RECBOLE_SHA256)
            except FetchError as second:
                raise FetchError(
                    f"MovieLens 100K could not be fetched. {first}. {second}. {ML_100K.by_hand(request)}"
                ) from second
    if (wrong := wrong_digest(wheel, RECBOLE_SHA256)) is not None:
        raise DataError(f"{wheel}: {wrong}; delete it and try again")
    return from_recbole(wheel)


def from_grouplens(archive: Path) -> Tables:
    """u.data (tab-separated) and u.item (|-separated, Latin-1: id, title, dates, address, 19 genre flags)."""
    films = DataFile.inside(archive, "u.item")
    ids, titles, genres = [], [], []
    for number, line in films.lines("latin-1"):
        fields = line.split("|")
        if len(fields) != 24:
            raise films.fault(number, f"{len(fields)} fields", "24")
        ids.append(fields[0])
        titles.append(fields[1])
        genres.append([genre for genre, flag in zip(_GENRES_100K, fields[6:], strict=True) if flag == "1"])
    return _tables(DataFile.inside(archive, "u.data"), _TABBED, ids, titles, genres)


def from_recbole(wheel: Path) -> Tables:
    """The atomic files of the same data; RecBole cut the last parenthesis off each title into `release_year`."""
    films = DataFile.inside(wheel, "ml-100k.item")
    ids, titles, genres = [], [], []
    for number, line in films.lines():
        if number == 1:
            continue
        fields = line.split("\t")
        if len(fields) != 4:
            raise films.fault(number, f"{len(fields)} fields", "4")
        item_id, title, year, words = fields
        ids.append(item_id)
        titles.append("unknown" if year == "unkonwn" else f"{title} ({year})")
        genres.append([genre for genre in _GENRES_100K if genre in words.split(" ")])
    return _tables(DataFile.inside(wheel, "ml-100k.inter"), _ATOMIC, ids, titles, genres)


def ml_1m(request: Request) -> Tables:
    """ratings.dat and movies.dat (Latin-1), their fields between double colons."""
    archive = ML_1M.path(request)
    films = DataFile.inside(archive, "movies.dat")
    ids, titles, genres = [], [], []
    for number, line in films.lines("latin-1"):
        match = re.fullmatch(r"(\d+)::(.+)::([^:]*)", line)
        if match is None:
            raise films.fault(number, repr(line[:60]), "a line like '1::Toy Story (1995)::Animation|Comedy'")
        ids.append(match[1])
        titles.append(match[2])
        genres.append(_listed(match[3]))
    return _tables(DataFile.inside(archive, "ratings.dat"), _COLONS, ids, titles, genres)


def ml_20m(request: Request) -> Tables:
    """ratings.csv, with half stars, and movies.csv (quoted, UTF-8)."""
    archive = ML_20M.path(request)
    ids, titles, genres = [], [], []
    for _, (item_id, title, listed) in DataFile.inside(archive, "movies.csv").records(("movieId", "title", "genres")):
        ids.append(item_id)
        titles.append(title)
        genres.append(_listed(listed))
    request.say(f"reading {archive}")
    return _tables(DataFile.inside(archive, "ratings.csv"), _COMMAS, ids, titles, genres)


def _listed(genres: str) -> list[str]:
    return [genre for genre in genres.split("|") if genre and genre != _NO_GENRES]


def _tables(
    ratings: DataFile, form: Form, ids: Sequence[str], titles: Sequence[str], genres: Sequence[Sequence[str]]
) -> Tables:
    items = pl.DataFrame(
        {
            "item_id": ids,
            "title": [readable_title(title) for title in titles],
            "year": [year_of(title) for title in titles],
            "genres": genres,
        },
        schema={"item_id": pl.String, "title": pl.String, "year": pl.Float64, "genres": pl.List(pl.String)},
    )
    return Tables.of(read_ratings(ratings, form), items)
