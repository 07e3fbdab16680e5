"""Goodbooks-10k: six million ratings of ten thousand books, from its files or their zip."""

import re
from pathlib import Path

import polars as pl

from trainer.datasets import shelves
from trainer.datasets.archive import Archive
from trainer.datasets.data_file import DataFile
from trainer.datasets.rows import ID, Form, read_ratings, read_rows
from trainer.datasets.tables import Counts, Request, Tables
from trainer.errors import DataError

ARCHIVE = Archive(
    "Goodbooks-10k",
    "goodbooks-10k.zip",
    "https://github.com/zygmuntz/goodbooks-10k/releases/download/v1.0/goodbooks-10k.zip",
    sha256=None,
)
COUNTS = Counts(pairs=4_122_111, users=53_406, items=10_000)
FILES = ("ratings.csv", "books.csv", "book_tags.csv", "tags.csv")
_FOLDERS = ("goodbooks-10k", "goodbooks", "")  # of the data folder
_RATINGS = Form(
    ("user_id", "item_id", "rating"), re.compile(ID + b"," + ID + b",[1-5]"), "1,258,5", header="user_id,book_id,rating"
)
_BOOK_TAGS = Form(
    ("goodreads_book_id", "tag_id", "count"),
    re.compile(ID + b"," + ID + rb",-?\d{1,18}"),
    "1,30574,167697",
    header="goodreads_book_id,tag_id,count",
    types={"goodreads_book_id": pl.Int64(), "tag_id": pl.Int32(), "count": pl.Int64()},
)
_BOOK = (
    "book_id", "goodreads_book_id", "authors", "original_publication_year", "original_title", "title", "language_code",
)  # fmt: skip


def load(request: Request) -> Tables:
    """Ratings, and books with title, authors, year, language and their readers' tags."""
    ratings_file, books_file, book_tags_file, tags_file = _files(request)
    books, shelved = _books(books_file)
    names = {_number(tags_file, line, tag): name for line, (tag, name) in tags_file.records(("tag_id", "tag_name"))}
    counts = read_rows(book_tags_file, _BOOK_TAGS).join(shelved, on="goodreads_book_id")
    authors = dict(books.select("item_id", "authors").iter_rows())
    items = books.join(shelves.tags(counts, names, authors), on="item_id", how="left", maintain_order="left")
    ratings = read_ratings(ratings_file, _RATINGS)
    first = "" if ratings_file.member is None else "unpack it; "
    COUNTS.verify(
        ratings,
        str(ratings_file),
        f"To train on it nevertheless: {first}`--data ratings.csv --items books.csv --preset goodbooks`",
    )
    return Tables.of(ratings, items)


def _files(request: Request) -> tuple[DataFile, ...]:
    """The four files: on their own, else in the zip, which is downloaded where it is missing."""
    for folder in (request.data_dir / name for name in _FOLDERS):
        missing = [name for name in FILES if not (folder / name).is_file()]
        if not missing:
            return tuple(DataFile(folder / name) for name in FILES)
        if "books.csv" not in missing:  # ratings.csv is what other data sets call their file too
            raise DataError(f"{folder}: books.csv lies there without {', '.join(missing)}; put them next to it")
    archive: Path = ARCHIVE.path(request)
    return tuple(DataFile.inside(archive, name) for name in FILES)


def _books(file: DataFile) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The items, and which item a number of Goodreads' is."""
    books, shelved = [], []
    for line, (book, goodreads, authors, year, original, title, language) in file.records(_BOOK):
        _number(file, line, book)
        names = [" ".join(name.split()) for name in authors.split(", ")]
        books.append((book, title or original, names, _year(file, line, year), _language(language)))
        shelved.append((_number(file, line, goodreads), book))
    text, texts = pl.String(), pl.List(pl.String)
    columns = {"item_id": text, "title": text, "authors": texts, "year": pl.Float64(), "language": text}
    numbered = {"goodreads_book_id": pl.Int64(), "item_id": text}
    return pl.DataFrame(books, columns, orient="row"), pl.DataFrame(shelved, numbered, orient="row")


def _number(file: DataFile, line: int, text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise file.fault(line, repr(text[:60]), "a whole number")
    return int(text)


def _year(file: DataFile, line: int, text: str) -> float | None:
    """Years before our era are negative."""
    if not re.fullmatch(r"(-?\d{1,4}(\.0+)?)?", text):
        raise file.fault(line, repr(text[:60]), "a year")
    return float(text) if text else None


def _language(code: str) -> str | None:
    """All that is English, en-US, en-GB, en-CA and en, as eng."""
    return ("eng" if code == "en" or code.startswith("en-") else code) or None
