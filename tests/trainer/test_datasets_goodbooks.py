"""Goodbooks-10k in its true form, and its readers' shelves as tags."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer import archives
from tests.trainer.site import serving
from trainer.datasets import Tables, goodbooks, load
from trainer.datasets.shelves import author_shelves, cleaned
from trainer.datasets.tables import Counts
from trainer.errors import DataError
from trainer.interactions import PRESETS, binarise, read_interactions
from trainer.items import ItemColumns, read_catalog
from trainer.tables import read_table

POSITIVE = [(user, book) for user, book in archives.BOOK_RATERS if 1 + (user + book) % 5 >= 4]


@pytest.fixture(autouse=True)
def _counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(goodbooks, "COUNTS", Counts(len(POSITIVE), 20, 14))
    monkeypatch.setattr(goodbooks, "ARCHIVE", replace(goodbooks.ARCHIVE, url="http://127.0.0.1:9/none"))


def put(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def expect_the_books(tables: Tables) -> None:
    assert tables.ratings.columns == ["user_id", "item_id", "rating"]
    assert tables.ratings.rows() == [
        (f"{user}", f"{book}", 1.0 + (user + book) % 5) for user, book in archives.BOOK_RATERS
    ]
    assert tables.items.columns == ["item_id", "title", "authors", "year", "language", "tags"]
    rows = tables.items.rows()
    assert len(rows) == 14
    assert rows[0][:5] == ("1", "The Hunger Games (The Hunger Games, #1)", ["Suzanne Collins"], 2008.0, "eng")
    assert rows[1][1:5] == ("Harry Potter and the Sorcerer's Stone", ["J.K. Rowling", "Mary GrandPré"], 1997.0, "eng")
    assert rows[2][1:5] == ('The Hobbit, or "There and Back Again"', [archives.TOLKIEN], 1937.0, "eng")
    assert rows[3][1:5] == ("Romeo", ["William Shakespeare", "Robert Jackson"], -750.0, "spa")
    assert rows[13][:5] == ("14", "Book 14", ["Homer"], None, None)
    tags = ["fantasy", "science fiction", "tolkien", "20th century", "young adult", "epic, mostly", "fiction"]
    for row in rows:
        assert row[5] == [tag for tag in tags if tag != "tolkien" or row[0] != "3"]  # of a book of his it says nothing


@pytest.mark.parametrize("folder", ["", "goodbooks", "goodbooks-10k"])
def test_the_files_are_read_where_they_lie(tmp_path: Path, folder: str) -> None:
    put(tmp_path / folder, archives.goodbooks_files())
    expect_the_books(load("goodbooks", tmp_path, print))


def test_the_zip_is_read_where_it_lies(tmp_path: Path) -> None:
    files = {f"goodbooks-10k/{name}": content for name, content in archives.goodbooks_files().items()}
    archives.zipped(tmp_path / "goodbooks-10k.zip", files)
    expect_the_books(load("goodbooks", tmp_path, print))


def test_the_zip_is_downloaded_where_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating\n")  # another data set's
    archives.zipped(tmp_path / "theirs.zip", archives.goodbooks_files())
    with serving() as site:
        site.content = (tmp_path / "theirs.zip").read_bytes()
        monkeypatch.setattr(goodbooks, "ARCHIVE", replace(goodbooks.ARCHIVE, url=site.url))
        expect_the_books(load("goodbooks", tmp_path, lambda _: None))
        expect_the_books(load("goodbooks", tmp_path, lambda _: None))
        assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda content: content[:-30], "it is no complete zip archive"),
        (lambda content: content[:60] + b"\xff\xff\xff" + content[63:], "it is no complete|in it is damaged"),
    ],
)
def test_a_damaged_zip_never_gets_its_name(
    tmp_path: Path, damage: Callable[[bytes], bytes], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archives.zipped(tmp_path / "theirs.zip", archives.goodbooks_files())
    with serving() as site:
        site.content = damage((tmp_path / "theirs.zip").read_bytes())
        monkeypatch.setattr(goodbooks, "ARCHIVE", replace(goodbooks.ARCHIVE, url=site.url))
        with pytest.raises(DataError, match=says):
            load("goodbooks", tmp_path / "data", lambda _: None)
        assert list((tmp_path / "data").iterdir()) == []
    (tmp_path / "data" / "goodbooks-10k.zip").write_bytes(site.content)
    with pytest.raises(DataError, match=f"goodbooks-10k.zip: .*({says}).*; delete it and try again"):
        load("goodbooks", tmp_path / "data", lambda _: None)


def test_a_file_that_is_missing_beside_the_others_is_named(tmp_path: Path) -> None:
    files = archives.goodbooks_files()
    put(tmp_path, {name: files[name] for name in ("books.csv", "ratings.csv")})
    with pytest.raises(DataError, match=r"books\.csv lies there without book_tags\.csv, tags\.csv"):
        load("goodbooks", tmp_path, print)


def test_ratings_that_are_cut_short_are_told_by_their_counts(tmp_path: Path) -> None:
    files = archives.goodbooks_files()
    files["ratings.csv"] = b"\n".join(files["ratings.csv"].splitlines()[:-14]) + b"\n"
    put(tmp_path, files)
    with pytest.raises(DataError) as refusal:
        load("goodbooks", tmp_path, print)
    n_pairs = sum(user < 20 for user, _ in POSITIVE)
    assert str(refusal.value) == (
        f"{tmp_path / 'ratings.csv'}: with four stars or more there are {n_pairs} pairs of 19 users and 14 items, the "
        f"complete data set has {len(POSITIVE)} pairs of 20 users and 14 items; it is probably cut short, or another "
        "edition. To train on it nevertheless: `--data ratings.csv --items books.csv --preset goodbooks`"
    )
    found = read_interactions(tmp_path / "ratings.csv", PRESETS["goodbooks"])
    assert found.n_users == 19
    frame = read_table(tmp_path / "books.csv")
    assert read_catalog(frame, found.item_ids, ItemColumns(), "books").catalog.title(0) == archives.BOOKS[0][5]


def test_pairs_count_once(tmp_path: Path) -> None:
    files = archives.goodbooks_files()
    user, book = POSITIVE[0]
    files["ratings.csv"] += f"{user},{book},5\n".encode()
    assert load("goodbooks", put(tmp_path, files), print).ratings.height == len(archives.BOOK_RATERS) + 1


def test_the_tables_become_interactions_and_a_catalogue(tmp_path: Path) -> None:
    tables = load("goodbooks", put(tmp_path, archives.goodbooks_files()), print)
    found = binarise(tables.ratings, "goodbooks")
    assert found.min_rating == 4.0
    catalog = read_catalog(tables.items, found.item_ids, ItemColumns(), "goodbooks").catalog
    kinds = {name: column.kind for name, column in catalog.attributes.items()}
    assert kinds == {"authors": "list", "year": "number", "language": "category", "tags": "list"}
    assert catalog.title(found.item_ids.index("3")) == 'The Hobbit, or "There and Back Again"'


@pytest.mark.parametrize(
    ("name", "before", "after", "says"),
    [
        ("ratings.csv", "1,2,4", "1,2,6", r"ratings\.csv, line 3: '1,2,6', where a line like '1,258,5' is expected"),
        ("ratings.csv", "1,2,4", "1,2", r"ratings\.csv, line 3: '1,2', "),
        (
            "ratings.csv",
            "user_id,book_id",
            "book_id,user_id",
            r"ratings\.csv: its first line is 'book_id,user_id,rating'",
        ),
        ("book_tags.csv", "3,0,990", "3,0,many", r"book_tags\.csv, line \d+: '3,0,many'"),
        ("tags.csv", "1,fantasy", "one,fantasy", r"tags\.csv, line 3: 'one', where a whole number is expected"),
        ("tags.csv", "tag_name", "name", r"tags\.csv: it has no column 'tag_name', only tag_id, name"),
        ("books.csv", ",2008.0,", ",soon,", r"books\.csv, line 2: 'soon', where a year is expected"),
        ("books.csv", '"J.K. Rowling, Mary', "J.K. Rowling, Mary", r"books\.csv, line 3: .*14 fields"),
        ("books.csv", "1,2767052", "1,x", r"books\.csv, line 2: 'x', where a whole number"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, name: str, before: str, after: str, says: str) -> None:
    files = archives.goodbooks_files()
    assert before.encode() in files[name]
    files[name] = files[name].replace(before.encode(), after.encode(), 1)
    with pytest.raises(DataError) as refusal:
        load("goodbooks", put(tmp_path, files), print)
    assert re.search(says, str(refusal.value))
    assert "\n" not in str(refusal.value)


@settings(max_examples=60)
@given(name=st.sampled_from(goodbooks.FILES), place=st.integers(0, 100_000), byte=st.integers(0, 255))
def test_an_altered_byte_gives_tables_or_one_error(
    name: str, place: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = archives.goodbooks_files()
    content = bytearray(files[name])
    content[place % len(content)] = byte
    folder = put(tmp_path_factory.getbasetemp() / "altered-books", {**files, name: bytes(content)})
    with contextlib.suppress(DataError):
        assert load("goodbooks", folder, lambda _: None).items.height in (13, 14)


ABOUT_READERS = (
    "to-read", "currently-reading", "owned", "favorites", "all-time-favourites", "books-i-own", "kindle", "library",
    "read-in-2014", "2014", "5-stars", "1001-books", "to-read-fiction", "my-library", "e-book", "ebooks", "audio_books",
    "re-read", "wish list", "did-not-finish", "book-club", "default", "novels", "-", "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("shelf", "tag"),
    [
        ("science-fiction", "science fiction"),
        ("sci-fi", "science fiction"),
        ("Historical-Fiction", "historical fiction"),
        ("children-s-books", "children's"),
        ("non-fiction", "nonfiction"),
        ("19th-century", "19th century"),
        ("star-wars", "star wars"),
        ("haunted-house", "haunted house"),
        ("--fantasy-", "fantasy"),
        ("ファンタジー", "ファンタジー"),
        *((shelf, None) for shelf in ABOUT_READERS),
    ],
)
def test_shelves_are_spelled_as_tags_or_dropped(shelf: str, tag: str | None) -> None:
    assert cleaned(shelf) == tag


def test_the_shelves_of_an_author_are_known_by_several_names() -> None:
    found = author_shelves(["J.K. Rowling", "Gabriel García Márquez", "Homer"])
    assert {"j-k-rowling", "jk-rowling", "rowling-j-k", "gabriel-garcía-márquez", "homer"} <= found
