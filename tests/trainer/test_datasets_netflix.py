"""The Netflix Prize in each form that people have kept it in."""

import contextlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer import archives
from trainer.datasets import Tables, load, netflix, prize_text
from trainer.datasets.tables import Counts
from trainer.errors import DataError
from trainer.interactions import PRESETS, binarise, read_interactions
from trainer.items import ItemColumns, read_catalog

Row = tuple[int, int, int, str]  # user, film, stars, day


def counts(rows: Iterable[Row]) -> Counts:
    positive = {(user, film) for user, film, stars, _ in rows if stars >= 4}
    return Counts(len(positive), len({user for user, _ in positive}), len({film for _, film in positive}))


@pytest.fixture(autouse=True)
def _counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netflix, "COUNTS", counts(archives.NETFLIX_RATINGS))


def put(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def combined(newline: str = "\n") -> dict[str, bytes]:
    """Two films in the first file, none in the last but a number."""
    films = archives.netflix_texts(newline)
    last = f"5:{newline}".encode()
    return dict(zip(sorted(netflix._COMBINED), (films[1] + films[2], films[3], films[4], last), strict=True))


def training_set() -> dict[str, bytes]:
    return {f"training_set/mv_{film:07}.txt": text for film, text in archives.netflix_texts().items()}


def table(time: str = "seconds", header: str = "user_id,item_id,rating,timestamp") -> dict[str, bytes]:
    every: dict[str, dict[str, Any]] = {
        "seconds": {**archives.NETFLIX_SECONDS},
        "days": {day: day for day in archives.NETFLIX_DAYS},
        "moments": {day: f"{day} 00:00:00" for day in archives.NETFLIX_DAYS},
    }
    times = every[time]
    lines = [header]
    for number, (user, film, stars, day) in enumerate(archives.NETFLIX_RATINGS):
        row = {"user_id": user, "item_id": film, "rating": stars, "timestamp": times[day], "": number, "note": "a note"}
        lines.append(",".join(str(row[name]) for name in header.split(",")))
    return {"netflix.csv": ("\n".join(lines) + "\n").encode()}


TITLES = {"movie_titles.csv": archives.netflix_titles()}
FORMS = {
    "combined": {**combined(), **TITLES},
    "combined, CRLF": {**combined("\r\n"), **TITLES},
    "combined, without a last newline": {**{name: text.rstrip(b"\n") for name, text in combined().items()}, **TITLES},
    "a file a film": {**training_set(), "movie_titles.txt": archives.netflix_titles()},
    "table": {**table(), **TITLES},
    "table with a byte order mark": {"netflix.csv": b"\xef\xbb\xbf" + table()["netflix.csv"], **TITLES},
    "table with days": {**table("days"), **TITLES},
    "table with moments": {**table("moments"), **TITLES},
    "table, other columns": {**table(header=",timestamp,rating,note,item_id,user_id"), **TITLES},
}


def expect_the_films(tables: Tables) -> None:
    assert tables.ratings.schema == {
        "user_id": pl.String, "item_id": pl.String, "rating": pl.Float64, "timestamp": pl.Int64,
    }  # fmt: skip
    assert tables.ratings.rows() == [
        (f"{user}", f"{film}", float(stars), archives.NETFLIX_SECONDS[day])
        for user, film, stars, day in archives.NETFLIX_RATINGS
    ]
    assert tables.items.columns == ["item_id", "title", "year"]
    assert tables.items.rows() == [(film, title, year) for film, _, title, year in archives.NETFLIX_FILMS]


@pytest.mark.parametrize("folder", ["", "netflix"])
@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_tables(tmp_path: Path, form: str, folder: str) -> None:
    put(tmp_path / folder, FORMS[form])
    expect_the_films(load("netflix", tmp_path, lambda _: None))


@pytest.mark.parametrize("form", ["combined", "a file a film"])
@pytest.mark.parametrize("size", [1, 20, 50, 200])
def test_blocks_of_any_size_give_the_same_tables(
    tmp_path: Path, form: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prize_text, "BLOCK_BYTES", size)
    expect_the_films(load("netflix", put(tmp_path, FORMS[form]), lambda _: None))


def test_what_takes_long_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prize_text, "BLOCK_BYTES", 1)
    monkeypatch.setattr(prize_text, "_ROWS_A_LINE", 10)
    said: list[str] = []
    load("netflix", put(tmp_path, FORMS["combined"]), said.append)
    assert said[0] == f"reading {tmp_path}/combined_data_1.txt to combined_data_4.txt"
    assert said[1:] == ["read 10 ratings, up to combined_data_1.txt", "read 20 ratings, up to combined_data_3.txt"]


def test_without_titles_the_films_have_their_ids_alone(tmp_path: Path) -> None:
    said: list[str] = []
    tables = load("netflix", put(tmp_path, combined()), said.append)
    assert "the films go without titles" in said[-1]
    assert tables.items.rows() == [("1",), ("2",), ("3",), ("4",)]
    catalog = read_catalog(tables.items, ["1", "2", "3", "4"], ItemColumns(), "netflix").catalog
    assert list(catalog.titles) == [""] * 4


def test_four_stars_count_as_positive_without_being_told(tmp_path: Path) -> None:
    tables = load("netflix", put(tmp_path, FORMS["combined"]), lambda _: None)
    found = binarise(tables.ratings, "netflix", min_items_per_user=1)
    assert found.min_rating == 4.0
    assert found.matrix.nnz == counts(archives.NETFLIX_RATINGS).pairs


def test_where_there_is_nothing_one_error_says_what_to_put_where(tmp_path: Path) -> None:
    with pytest.raises(DataError) as refusal:
        load("netflix", tmp_path / "data", print)
    assert str(refusal.value) == (
        f"the ratings of the Netflix Prize are not offered for download any more, and they are not in {tmp_path}/data. "
        "Put either combined_data_1.txt to combined_data_4.txt (or the folder training_set) there, as the prize wrote "
        "them, or netflix.csv with the columns user_id,item_id,rating,timestamp; movie_titles.csv gives the titles. "
        "--data-dir names another folder"
    )


def test_a_joined_file_that_is_missing_is_named(tmp_path: Path) -> None:
    files = combined()
    del files["combined_data_1.txt"], files["combined_data_3.txt"]
    with pytest.raises(
        DataError, match=r"combined_data_2\.txt lies there without combined_data_1\.txt, combined_data_3"
    ):
        load("netflix", put(tmp_path, files), print)


def test_ratings_that_are_cut_short_are_told_by_their_counts(tmp_path: Path) -> None:
    files = table()
    files["netflix.csv"] = files["netflix.csv"][:-150]
    files["netflix.csv"] = files["netflix.csv"][: files["netflix.csv"].rindex(b"\n") + 1]
    put(tmp_path, files)
    with pytest.raises(DataError) as refusal:
        load("netflix", tmp_path, lambda _: None)
    assert f"the complete data set has {netflix.COUNTS}" in str(refusal.value)
    assert str(refusal.value).endswith("To train on it nevertheless: `--data netflix.csv --preset netflix`")
    found = read_interactions(tmp_path / "netflix.csv", PRESETS["netflix"], min_items_per_user=1)
    assert found.min_rating == 4.0
    put(tmp_path, {**combined(), "combined_data_3.txt": b"4:\n"})
    with pytest.raises(
        DataError, match=r"combined_data_1\.txt to combined_data_4\.txt: with four stars .* write it as a CSV"
    ):
        load("netflix", tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("name", "before", "after", "says"),
    [
        (
            "combined_data_1.txt",
            "1:\n6,",
            "6,",
            r"combined_data_1\.txt, line 1: '6,3,2004-02-29', where a film's number",
        ),
        (
            "combined_data_1.txt",
            "\n2:\n",
            "\n2;\n",
            r"combined_data_1\.txt, line 7: '2;', where a line like '1488844,3,2",
        ),
        ("combined_data_1.txt", "\n2:\n", "\n2:3\n", r"combined_data_1\.txt, line 7: '2:3'"),
        ("combined_data_1.txt", "\n2:\n", "\n2:,4,2005-01-01\n", r"combined_data_1\.txt, line 7: "),
        ("combined_data_1.txt", "\n2:\n", "\n\n2:\n", r"combined_data_1\.txt, line 7: ''"),
        ("combined_data_2.txt", "6,5,", "6,0,", r"combined_data_2\.txt, line 2: '6,0,"),
        ("combined_data_2.txt", "6,5,", "6,,", r"combined_data_2\.txt, line 2: "),
        ("combined_data_2.txt", "6,5,", "4294967296,5,", r"combined_data_2\.txt, line 2: '4294967296"),
        ("combined_data_3.txt", "1999-11-11", "1999-13-11", r"combined_data_3\.txt, line \d: .*1999-13-11"),
        ("combined_data_3.txt", "1999-11-11", "1999-11-11,9", r"combined_data_3\.txt, line \d: "),
        (
            "combined_data_2.txt",
            "2004-02-29",
            "2005-02-29",
            r"combined_data_2\.txt: cannot be read \(a day that does not exist",
        ),
        ("combined_data_4.txt", "5:\n", "", r"combined_data_4\.txt, line 1: '', where a film's number"),
        ("movie_titles.csv", "1,2003,Dino", "1,2003;Dino", r"movie_titles\.csv, line 1: '1,2003;Dinosaur Planet'"),
    ],
)
def test_malformed_lines_of_the_prize_are_named(tmp_path: Path, name: str, before: str, after: str, says: str) -> None:
    files = dict(FORMS["combined"])
    assert before.encode() in files[name]
    files[name] = files[name].replace(before.encode(), after.encode(), 1)
    with pytest.raises(DataError) as refusal:
        load("netflix", put(tmp_path, files), lambda _: None)
    assert re.search(says, str(refusal.value))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("user_id", "us\rer", r"line 1: cannot be read as CSV"),
        ("user_id", "user", r"it has no column 'user_id', only user, item_id, rating, timestamp"),
        ("\n6,1,3,1078012800", "\n6,1,3,soon", r"line 2: 'soon', where a timestamp in seconds or a day"),
        ("\n6,1,3,1078012800", "\n6,1,3", r"line 2: 3 fields, where 4 is expected"),
        ("\n7,1,4,", "\n7,1,9,", r"line 4: '7,1,9,\d+', where a row of user_id,item_id,rating,timestamp is"),
        ("\n7,1,4,", "\n7.5,1,4,", r"line 4: '7.5,1,4"),
        ("\n7,1,4,", "\n7,,4,", r"line 4: '7,,4"),
        ("\n7,1,4,", "\n\n7,1,4,", r"line 4: ''"),
    ],
)
def test_malformed_rows_of_the_table_are_named(tmp_path: Path, before: str, after: str, says: str) -> None:
    content = table()["netflix.csv"]
    assert before.encode() in content
    put(tmp_path, {"netflix.csv": content.replace(before.encode(), after.encode(), 1)})
    with pytest.raises(DataError) as refusal:
        load("netflix", tmp_path, lambda _: None)
    assert re.search(says, str(refusal.value))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"user_id,item_id,rating,timestamp\n", b"\xff\xfe", b"1:\n"])
def test_a_table_without_ratings_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DataError, match=r"netflix\.csv"):
        load("netflix", put(tmp_path, {"netflix.csv": content}), lambda _: None)


DAYS = st.dates().filter(lambda day: day.year >= 1000).map(str)
ROWS = st.lists(
    st.tuples(st.integers(0, 2_649_429), st.integers(1, 17_770), st.integers(1, 5), DAYS), min_size=1, max_size=30
)


@settings(max_examples=60)
@given(rows=ROWS, size=st.integers(1, 200), newline=st.sampled_from(["\n", "\r\n"]))
def test_text_and_table_agree_whatever_they_hold(
    rows: list[Row], size: int, newline: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = sorted(rows, key=lambda row: row[1])
    films = {film: [row for row in rows if row[1] == film] for film in dict.fromkeys(row[1] for row in rows)}
    text = "".join(
        f"{film}:{newline}" + "".join(f"{user},{stars},{day}{newline}" for user, _, stars, day in of)
        for film, of in films.items()
    ).encode()
    cut = [f"{max(films)}:{newline}".encode()] * 3
    texts = dict(zip(netflix._COMBINED, [text, *cut], strict=True))
    lines = [b"user_id,item_id,rating,timestamp", *(",".join(map(str, row)).encode() for row in rows)]
    found: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(netflix, "COUNTS", counts(rows))
        patch.setattr(prize_text, "BLOCK_BYTES", size)
        for name, files in (("texts", texts), ("table", {"netflix.csv": b"\n".join(lines)})):
            folder = put(tmp_path_factory.getbasetemp() / f"netflix-{name}", files)
            found.append(load("netflix", folder, lambda _: None).ratings.rows())
    assert found[0] == found[1]
    assert [(int(user), int(film), int(stars)) for user, film, stars, _ in found[0]] == [row[:3] for row in rows]


@settings(max_examples=150)
@given(
    form=st.sampled_from(["combined", "table", "table with days"]), place=st.integers(0, 9999), byte=st.integers(0, 255)
)
def test_an_altered_byte_gives_tables_or_one_error(
    form: str, place: int, byte: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = dict(FORMS[form])
    name = sorted(files)[place % len(files)]
    content = bytearray(files[name])
    content[place % len(content)] = byte
    folder = put(tmp_path_factory.getbasetemp() / form.replace(" ", "-"), {**files, name: bytes(content)})
    with contextlib.suppress(DataError):
        assert abs(load("netflix", folder, lambda _: None).ratings.height - len(archives.NETFLIX_RATINGS)) <= 1
