"""Files to frames: every format, and what is refused."""

import contextlib
import gzip
import json
import random
from pathlib import Path

import polars as pl
import pytest

from tests.trainer.ratings import COLUMNS, KINDS, ROWS, write
from trainer.errors import ConfigurationError, DataError
from trainer.tables import as_text, check_out, place_of, read_table

HEADER = "user_id,item_id\n"


@pytest.mark.parametrize("name", KINDS)
def test_every_format_gives_the_same_columns_and_values(tmp_path: Path, name: str) -> None:
    frame = read_table(write(tmp_path, name))
    assert tuple(frame.columns) == COLUMNS
    assert [tuple(map(float, row)) for row in frame.rows()] == ROWS


def test_text_comes_as_written(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text('id,title\n007,"Birdcage, The"\n1e3,\nNA,"say ""hi"""\n', "utf-8")
    assert read_table(path).rows() == [("007", "Birdcage, The"), ("1e3", None), ("NA", 'say "hi"')]


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("\ufeffuser_id,item_id\n1,2\n", "utf-8")
    assert read_table(path).columns == ["user_id", "item_id"]


def test_windows_line_ends_are_no_part_of_the_last_column(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"user_id,item_id\r\n1,2\r\n")
    assert read_table(path).rows() == [("1", "2")]


def test_a_recbole_header_loses_its_types_and_its_sequences_become_lists(tmp_path: Path) -> None:
    path = tmp_path / "movies.item"
    path.write_text(
        'item_id:token\ttitle:token_seq\tyear:float\n1\tThe "Burbs\t1989\n2\tBrazil\t1985\n', encoding="utf-8"
    )
    frame = read_table(path)
    assert frame.columns == ["item_id", "title", "year"]
    assert frame["title"].to_list() == [["The", '"Burbs'], ["Brazil"]]


def test_another_separator_and_ending_can_be_told(tmp_path: Path) -> None:
    path = tmp_path / "ratings.dat"
    path.write_text("user|item\n1|2\n")
    assert read_table(path, "|").rows() == [("1", "2")]
    path = tmp_path / "ratings.csv"
    path.write_text("user;item\n1;2\n")
    assert read_table(path, ";").rows() == [("1", "2")]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("empty.parquet", b"", "the file is empty"),
        ("empty.csv.gz", gzip.compress(b"", mtime=0), "cannot be read"),
        ("blank.csv", b"\n\n", "cannot be read"),
        ("header.csv", HEADER.encode(), "a header and no rows"),
        ("header.inter", b"user_id:token\titem_id:token\n", "a header and no rows"),
        ("latin.csv", HEADER.encode() + "Misérables,1\n".encode("latin-1"), "not UTF-8"),
        ("latin.csv.gz", gzip.compress(HEADER.encode() + "Misérables,1\n".encode("latin-1"), mtime=0), "not UTF-8"),
        ("ragged.csv", HEADER.encode() + b"1,2,3\n", "line 2 has 3 fields, the header 2"),
        ("ratings.xlsx", b"PK", "unknown kind of file"),
        ("ratings", b"1,2\n", "unknown kind of file"),
        ("ratings.gz", gzip.compress(b"1,2\n", mtime=0), "unknown kind of file"),
        ("ratings.parquet", HEADER.encode(), "cannot be read"),
        ("ratings.jsonl", b'{"user_id": 1\n', "cannot be read"),
        ("ratings.jsonl", b"1\n2\n", "cannot be read"),
        ("cut.csv.gz", gzip.compress(HEADER.encode() + b"1,2\n" * 999, mtime=0)[:-20], "cannot be read"),
    ],
)
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError, match=words) as refusal:
        read_table(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_missing_file_and_a_folder_are_refused_by_name(tmp_path: Path) -> None:
    for path, words in ((tmp_path / "nowhere.csv", "there is no such file"), (tmp_path, "Is a directory")):
        with pytest.raises(DataError, match=words) as refusal:
            read_table(path)
        assert str(path) in str(refusal.value)


def test_a_separator_of_two_characters_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratings.dat"
    path.write_text("user::item\n1::2\n")
    with pytest.raises(DataError, match="separator"):
        read_table(path, "::")


def test_a_header_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes("user_id,item_id,année\n1,2,1995\n".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read_table(path)


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "ratings.inter"
    path.write_text("user_id:token\titem_id:token\titem_id:float\n1\t2\t2.0\n")
    with pytest.raises(DataError, match="item_id"):
        read_table(path)


@pytest.mark.parametrize(("first", "later"), [(4, 4.5), (7, "seven")])
def test_json_lines_may_change_their_minds_after_many_lines(tmp_path: Path, first: object, later: object) -> None:
    path = tmp_path / "ratings.jsonl"
    path.write_text("\n".join(json.dumps({"value": value}) for value in [first] * 2000 + [later]))
    assert read_table(path).height == 2001


def test_a_column_that_begins_late_in_json_lines_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "ratings.jsonl"
    lines = [{"user_id": 1, "item_id": item} for item in range(2000)]
    path.write_text("\n".join(map(json.dumps, [*lines, {"user_id": 1, "item_id": 2000, "rating": 1}])))
    assert read_table(path).columns == ["user_id", "item_id", "rating"]


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pl.Series([7, 8]), ["7", "8"]),
        (pl.Series([7.0, 8.0]), ["7", "8"]),
        (pl.Series([7.0, None, 1e15]), ["7", None, "1000000000000000"]),
        (pl.Series([7.5, 8.0]), ["7.5", "8.0"]),
        (pl.Series([" a ", "b\t"]), ["a", "b"]),
        (pl.Series(["a", "b"], dtype=pl.Categorical), ["a", "b"]),
    ],
)
def test_ids_are_text(column: pl.Series, expected: list[str | None]) -> None:
    assert as_text(column, "films").to_list() == expected


@pytest.mark.parametrize("column", [pl.Series("sku", [[1]]), pl.Series("sku", [{"a": 1}]), pl.Series("sku", [b"1"])])
def test_lists_and_bytes_are_no_ids(column: pl.Series) -> None:
    with pytest.raises(DataError, match="table: the column 'sku' holds"):
        as_text(column, "table")


@pytest.mark.parametrize(
    ("name", "content", "row", "expected"),
    [
        ("t.csv", "a,b\n1,2\n3,4\n", 1, "line 3"),
        ("t.tsv", "a\tb\n1\t2\n", 0, "line 2"),
        ("t.csv", 'a,b\n1,"x\ny\nz"\n\n3,"4\n"\n5,6\n', 3, "line 8"),
        ("t.jsonl", '{"a": 1}\n{"a": 2}\n', 1, "line 2"),
    ],
)
def test_a_place_is_the_line_that_an_editor_shows(
    tmp_path: Path, name: str, content: str, row: int, expected: str
) -> None:
    path = tmp_path / name
    path.write_text(content)
    assert place_of(read_table(path), row, str(path)) == expected


def test_in_a_file_without_lines_it_is_the_row(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"a": [1, 2]}).write_parquet(path)
    assert place_of(read_table(path), 1, str(path)) == "row 2"


def test_a_folder_is_no_place_for_a_table(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(ConfigurationError, match="it is a folder; name a file"):
        check_out(tmp_path / "a.csv")


def test_a_name_that_is_too_long_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_table(tmp_path / ("x" * 300 + ".csv"))


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_parquet_file_is_one_error_or_a_table(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "t.parquet"
    pl.DataFrame({"user_id": ["a", "b"] * 50, "item_id": list(range(100))}).write_parquet(path)
    content = bytearray(path.read_bytes())
    rng = random.Random(seed)
    for _ in range(3):
        content[rng.randrange(len(content))] = rng.randrange(256)
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        read_table(path)
