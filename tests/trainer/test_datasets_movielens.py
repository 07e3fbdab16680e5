"""MovieLens 1M and 20M in their true forms, byte by byte."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trainer import archives
from trainer.datasets import Tables, load, movielens
from trainer.datasets.data_file import DataFile
from trainer.datasets.rows import read_ratings
from trainer.errors import DataError
from trainer.interactions import binarise

FILES = {"ml-1m": archives.ml_1m_files, "ml-20m": archives.ml_20m_files}
CONSTANTS = {"ml-1m": "ML_1M", "ml-20m": "ML_20M"}


def loaded(folder: Path, name: str, files: dict[str, bytes]) -> Tables:
    """The tables of an archive whose digest counts as the published one."""
    folder.mkdir(exist_ok=True)
    digest = archives.zipped(folder / f"{name}.zip", files)
    published = getattr(movielens, CONSTANTS[name])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(movielens, CONSTANTS[name], replace(published, sha256=digest, url="http://127.0.0.1:9/none"))
        return load(name, folder, lambda _: None)


def refused(folder: Path, name: str, files: dict[str, bytes]) -> str:
    with pytest.raises(DataError) as refusal:
        loaded(folder, name, files)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def altered(name: str, member: str, before: str, after: str) -> dict[str, bytes]:
    files = FILES[name]()
    path = f"{name}/{member}"
    assert before.encode() in files[path]
    return {**files, path: files[path].replace(before.encode(), after.encode(), 1)}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_movielens_1m_is_read(tmp_path: Path, newline: str) -> None:
    tables = loaded(tmp_path, "ml-1m", archives.ml_1m_files(newline))
    assert tables.ratings.schema == {
        "user_id": pl.String, "item_id": pl.String, "rating": pl.Float64, "timestamp": pl.Int64,
    }  # fmt: skip
    assert tables.ratings.rows() == archives.WHOLE
    assert tables.items.columns == ["item_id", "title", "year", "genres"]
    assert tables.items.rows() == [(film[0], film[3], film[4], film[2].split("|")) for film in archives.LATER_FILMS]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_movielens_20m_is_read(tmp_path: Path, newline: str) -> None:
    tables = loaded(tmp_path, "ml-20m", archives.ml_20m_files(newline))
    assert tables.ratings.rows() == archives.HALVES
    films = [(film[0], film[3], film[4], film[2].split("|")) for film in archives.LATER_FILMS]
    assert tables.items.rows() == [*films, (archives.NO_GENRES[0], archives.NO_GENRES[3], 1975.0, [])]


@pytest.mark.parametrize("name", ["ml-1m", "ml-20m"])
def test_four_stars_count_as_positive_without_being_told(tmp_path: Path, name: str) -> None:
    tables = loaded(tmp_path, name, FILES[name]())
    found = binarise(tables.ratings, name, min_items_per_user=1)
    assert found.min_rating == 4.0
    assert found.matrix.nnz == (tables.ratings["rating"] >= 4).sum()


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("1::11::", "1:11::", 2),
        ("1::11::", "1::11", 2),
        ("1::11::", "1:7:11::", 2),
        ("1::1::4", "-1::1::4", 1),
        ("1::73::1::978300102", "1::73::1", 3),
        ("1::73::1::978300102", "1::73::1::978300102::9", 3),
        ("1::73::1::978300102", "1::73::6::978300102", 3),
        ("1::73::1::978300102", "1::73::x::978300102", 3),
        ("1::73::1::978300102", "", 3),
        ("1::73::1", "1::-73::2", 3),
        ("1::1::4", "1::\u00e9::4", 1),
        ("1::1::4::978300100\n", "::::::\n", 1),
        ("1::1::4", "1::4294967296::4", 1),
    ],
)
def test_a_malformed_rating_of_movielens_1m_is_named(tmp_path: Path, before: str, after: str, line: int) -> None:
    message = refused(tmp_path, "ml-1m", altered("ml-1m", "ratings.dat", before, after))
    assert f"ml-1m.zip: ml-1m/ratings.dat, line {line}: " in message
    assert "'1::1193::5::978300760'" in message


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("1,11,4.5", "1,11,4.7", 3),
        ("1,11,4.5", "1,11,5.5", 3),
        ("1,11,4.5", "1,11,0.0", 3),
        ("1,11,4.5", "1,11,nan", 3),
        ("1,11,4.5", "1,,4.5", 3),
        ("1,11,4.5", "1,11", 3),
        ("1,11,4.5", "1,99999999999,4.5", 3),
        ("1,11,4.5", '1,"11",4.5', 3),
    ],
)
def test_a_malformed_rating_of_movielens_20m_is_named(tmp_path: Path, before: str, after: str, line: int) -> None:
    files = altered("ml-20m", "ratings.csv", before, after)
    message = refused(tmp_path, "ml-20m", files)
    assert f"ml-20m.zip: ml-20m/ratings.csv, line {line}: " in message


@pytest.mark.parametrize(
    ("name", "member", "before", "after", "says"),
    [
        ("ml-1m", "movies.dat", "11::American", "11:American", r"movies\.dat, line 2: '11:American President"),
        ("ml-1m", "movies.dat", "::Drama\n", "\n", r"movies\.dat, line 4: "),
        (
            "ml-20m",
            "movies.csv",
            '11,"American President, The',
            "11,American President, The",
            r"csv, line 3: .*3 fields",
        ),
        ("ml-20m", "movies.csv", '11,"American', '11,"Ame"rican', r"movies\.csv, line 3: cannot be read as CSV"),
        ("ml-20m", "movies.csv", "movieId,", "movie,", r"movies\.csv: it has no column 'movieId', only movie, title"),
        ("ml-20m", "ratings.csv", "userId,movieId", "movieId,userId", r"its first line is 'movieId,userId,rating"),
    ],
)
def test_malformed_films_and_headers_are_named(
    tmp_path: Path, name: str, member: str, before: str, after: str, says: str
) -> None:
    assert re.search(says, refused(tmp_path, name, altered(name, member, before, after)))


@pytest.mark.parametrize("name", ["ml-1m", "ml-20m"])
def test_an_archive_without_its_files_is_named(tmp_path: Path, name: str) -> None:
    assert "there is no movies." in refused(tmp_path, name, {"README": b"nothing"})
    files = FILES[name]()
    ratings = next(path for path in files if "ratings" in path)
    assert ratings in refused(tmp_path, name, {**files, ratings: b""})


def test_titles_that_are_no_utf_8_are_named(tmp_path: Path) -> None:
    files = archives.ml_20m_files()
    latin = files["ml-20m/movies.csv"].decode().encode("latin-1", "replace")
    assert "movies.csv, line 1" in refused(tmp_path, "ml-20m", {**files, "ml-20m/movies.csv": latin})


@pytest.mark.parametrize("name", ["ml-1m", "ml-20m"])
def test_a_damaged_archive_is_named_and_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.zip").write_bytes(b"PK damaged")
    with pytest.raises(DataError, match=rf"{name}\.zip: its sha256 is .* delete it and try again"):
        load(name, tmp_path, print)
    assert (tmp_path / f"{name}.zip").read_bytes() == b"PK damaged"


RATINGS = st.lists(
    st.tuples(st.integers(0, 2**31 - 1), st.integers(0, 2**31 - 1), st.integers(1, 5), st.integers(0, 2**40)),
    min_size=1,
)


@settings(max_examples=50)
@given(rows=RATINGS, newline=st.sampled_from(["\n", "\r\n"]), ended=st.booleans())
def test_whatever_is_written_with_colons_is_read(
    rows: list[tuple[Any, ...]], newline: str, ended: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "ratings.dat"
    path.write_bytes((newline.join("::".join(map(str, row)) for row in rows) + newline * ended).encode())
    assert read_ratings(DataFile(path), movielens._COLONS).rows() == rows


@settings(max_examples=60)
@given(place=st.integers(0, 5000), byte=st.integers(0, 255), member=st.sampled_from(["ratings", "movies"]))
@pytest.mark.parametrize("name", ["ml-1m", "ml-20m"])
def test_an_altered_byte_gives_tables_or_one_error_that_names_the_file(
    name: str, place: int, byte: int, member: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    files = FILES[name]()
    path = next(path for path in files if member in path)
    content = bytearray(files[path])
    content[place % len(content)] = byte
    try:
        tables = loaded(tmp_path_factory.getbasetemp() / "altered", name, {**files, path: bytes(content)})
    except DataError as error:
        assert path in str(error)  # noqa: PT017
    else:
        assert abs(tables.ratings.height - 50) <= 1


def test_the_real_movielens_1m_has_the_known_counts(test_data: Path, tmp_path: Path) -> None:
    """In its true form, written from the Parquet copy, whose rows have no times."""
    folder = test_data / "ml-1m"
    rows = pl.read_parquet(folder / "ratings.parquet").select(
        pl.format("{}::{}::{}::978300760", "user_id", "movie_id", "rating")
    )
    films = pl.read_parquet(folder / "movies.parquet").select(pl.format("{}::{}::{}", "movie_id", "title", "genres"))
    files = {
        "ml-1m/ratings.dat": rows.write_csv(include_header=False, quote_style="never").encode(),
        "ml-1m/movies.dat": films.write_csv(include_header=False, quote_style="never").encode("latin-1"),
    }
    tables = loaded(tmp_path, "ml-1m", files)
    assert tables.ratings.height == 1_000_209
    assert tables.ratings["user_id"].n_unique() == 6_040
    assert tables.ratings["item_id"].n_unique() == 3_706
    assert (tables.ratings["rating"] >= 4).sum() == 575_281
    assert tables.items.height == 3_883
    found = binarise(tables.ratings, "ml-1m")
    assert (found.min_rating, found.n_users, found.n_items, found.matrix.nnz) == (4.0, 6_034, 3_533, 575_272)
