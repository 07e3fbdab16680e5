"""Ratings to users x items: what counts, what is dropped, and what is said of it."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.ratings import KINDS, ROWS, write
from trainer.errors import ConfigurationError, DataError
from trainer.interactions import PRESETS, Columns, Interactions, binarise, normalise, read_interactions, restricted


def csv(folder: Path, text: str, name: str = "ratings.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def pairs(interactions: Interactions) -> set[tuple[str, str]]:
    users, items = interactions.matrix.nonzero()
    return {(interactions.user_ids[user], interactions.item_ids[item]) for user, item in zip(users, items, strict=True)}


def test_the_matrix_is_what_the_rows_say(tmp_path: Path) -> None:
    found = read_interactions(write(tmp_path, "ratings.csv"), min_items_per_user=2)
    assert found.user_ids == ["1", "10", "2"]
    assert found.item_ids == ["100", "20", "30"]
    assert found.matrix.toarray().tolist() == [[0, 1, 1], [1, 1, 0], [1, 1, 0]]
    assert found.matrix.dtype == np.float32
    assert found.min_rating == 4.0
    assert (found.n_users, found.n_items) == (3, 3)


@pytest.mark.parametrize("name", KINDS)
def test_every_format_gives_the_same_interactions_and_fingerprint(tmp_path: Path, name: str) -> None:
    expected = read_interactions(write(tmp_path, "other.csv"), min_items_per_user=2)
    found = read_interactions(write(tmp_path, name), min_items_per_user=2)
    assert found.user_ids == expected.user_ids
    assert found.item_ids == expected.item_ids
    assert np.array_equal(found.matrix.toarray(), expected.matrix.toarray())
    assert found.fingerprint == expected.fingerprint
    assert found.min_rating == expected.min_rating
    assert [line for line in found.story if "read" not in line] == [
        line for line in expected.story if "read" not in line
    ]


@given(st.permutations(ROWS))
def test_the_order_of_rows_changes_nothing(rows: list[tuple[int, int, float, int]]) -> None:
    def read(rows: list[tuple[int, int, float, int]]) -> Interactions:
        frame = pl.DataFrame(rows, schema=["user", "item", "rating", "timestamp"], orient="row")
        return binarise(normalise(frame, Columns(), "table"), "table", min_items_per_user=2)

    found, expected = read(rows), read(ROWS)
    assert found.fingerprint == expected.fingerprint
    assert found.user_ids == expected.user_ids
    assert found.item_ids == expected.item_ids
    assert np.array_equal(found.matrix.toarray(), expected.matrix.toarray())


ENTRIES = st.lists(
    st.tuples(
        st.none() | st.sampled_from(["", "a", "B", "é", "10", "9"]),
        st.none() | st.sampled_from(["", "x", "y", "Z", "1", "2", "ü"]),
        st.none() | st.integers(1, 5).map(float),
    ),
    min_size=1,
    max_size=40,
)


@given(ENTRIES, st.integers(1, 3), st.sampled_from([1.0, 3.5, 5.0]))
def test_what_is_kept_is_what_a_plain_loop_keeps(
    entries: list[tuple[str | None, str | None, float | None]], least: int, min_rating: float
) -> None:
    positive: dict[str, set[str]] = {}
    for user, item, rating in entries:
        if user and item and rating is not None and rating >= min_rating:
            positive.setdefault(user, set()).add(item)
    expected = {(user, item) for user, items in positive.items() for item in items if len(items) >= least}
    table = pl.DataFrame(
        entries, schema={"user_id": pl.String, "item_id": pl.String, "rating": pl.Float64}, orient="row"
    )
    if not expected:
        with pytest.raises(DataError, match="nothing is left"):
            binarise(table, "table", min_rating=min_rating, min_items_per_user=least)
        return
    found = binarise(table, "table", min_rating=min_rating, min_items_per_user=least)
    assert pairs(found) == expected
    assert found.matrix.nnz == len(expected)
    assert set(found.matrix.data.tolist()) == {1.0}
    assert found.user_ids == sorted({user for user, _ in expected}, key=str.encode)
    assert found.item_ids == sorted({item for _, item in expected}, key=str.encode)


def test_the_story_counts_what_was_dropped_and_why() -> None:
    rows: list[tuple[str | None, str | None, float | None]] = [
        *[(f"u{user}", f"i{item}", 5.0) for user in range(40) for item in range(30)],
        *[(f"u{user}", "i0", 4.0) for user in range(3)],
        *[("u1", f"j{item}", 2.0) for item in range(5)],
        ("u1", "j9", None),
        (None, "i1", 5.0),
        ("u1", "", 5.0),
        *[("few", f"i{item}", 5.0) for item in range(4)],
        *[("fewer", f"i{item}", 5.0) for item in range(2)],
    ]
    table = pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rating": pl.Float64}, orient="row")
    found = binarise(table, "table")
    numbers = [re.findall(r"[\d,]+", line.replace("a user and an item", "")) for line in found.story]
    assert numbers == [["1,217"], ["2"], ["6", "4"], ["3"], ["6", "2", "5"], ["1,200", "40", "30"]]
    for line, words in zip(
        found.story, ["read", "without a user or an item", "rated below", "repeat", "fewer than", "kept"], strict=True
    ):
        assert words in line


def test_the_story_is_silent_about_what_did_not_happen() -> None:
    table = pl.DataFrame({"user_id": ["u"] * 5, "item_id": list("abcde")})
    assert len(binarise(table, "table").story) == 2


def test_without_a_rating_column_every_row_is_positive(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item\n" + "".join(f"u,{item}\n" for item in range(5)))
    found = read_interactions(path)
    assert found.min_rating is None
    assert found.matrix.toarray().tolist() == [[1.0] * 5]


def test_a_least_rating_without_a_rating_column_is_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item\nu,1\n")
    with pytest.raises(ConfigurationError, match="no rating column"):
        read_interactions(path, min_rating=3)


@pytest.mark.parametrize(
    ("ratings", "low", "high"),
    [([1, 5, 10], "1", "10"), ([0, 5], "0", "5"), ([1, 3], "1", "3"), ([0.5, 99], "0.5", "99")],
)
def test_ratings_that_are_no_stars_ask_for_a_least_rating(
    tmp_path: Path, ratings: list[float], low: str, high: str
) -> None:
    text = "user,item,rating\n" + "".join(f"u,{item},{rating}\n" for item, rating in enumerate(ratings))
    with pytest.raises(ConfigurationError, match=f"from {low} to {high};.*--min-rating"):
        read_interactions(csv(tmp_path, text), min_items_per_user=1)


def test_ratings_to_ten_are_read_with_a_least_rating(tmp_path: Path) -> None:
    text = "user,item,rating\n" + "".join(f"u,{rating},{rating}\n" for rating in range(1, 11))
    found = read_interactions(csv(tmp_path, text), min_rating=7, min_items_per_user=1)
    assert found.item_ids == ["10", "7", "8", "9"]
    assert found.min_rating == 7


def test_half_stars_count_from_four_on(tmp_path: Path) -> None:
    text = "user,item,rating\n" + "".join(f"u,{rating},{rating}\n" for rating in (0.5, 3.5, 4.0, 4.5))
    assert read_interactions(csv(tmp_path, text), min_items_per_user=1).item_ids == ["4.0", "4.5"]


def test_a_row_without_a_rating_is_not_positive(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item,rating\nu,a,5\nu,b,\n")
    assert read_interactions(path, min_items_per_user=1).item_ids == ["a"]


@pytest.mark.parametrize("value", ["good", "5 stars", "4,5", "NaN", "inf", " "])
def test_a_rating_that_is_no_number_is_refused_with_line_and_value(tmp_path: Path, value: str) -> None:
    path = csv(tmp_path, f'user,item,rating\nu,a,5\nu,b,4\nu,c,"{value}"\nu,d,worse\n')
    with pytest.raises(DataError, match=re.escape(f"{path}, line 4: 'rating' is {value!r}")):
        read_interactions(path)


def test_spaces_around_numbers_and_ids_do_not_matter(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item,rating\nu ,a, 5\n u,b,4 \nu,a ,5\n")
    assert pairs(read_interactions(path, min_items_per_user=1)) == {("u", "a"), ("u", "b")}


@pytest.mark.parametrize(("missing", "option"), [("user", "--user-col"), ("item", "--item-col")])
def test_a_missing_column_is_asked_for(tmp_path: Path, missing: str, option: str) -> None:
    header = {"user": "who,item", "item": "user,what"}[missing]
    with pytest.raises(DataError, match=f"which column is the {missing}.*{header.replace(',', ', ')}.*{option}"):
        read_interactions(csv(tmp_path, f"{header}\n1,2\n"))


@pytest.mark.parametrize("part", ["user", "item", "rating", "timestamp"])
def test_a_column_that_was_told_and_is_not_there_is_refused(tmp_path: Path, part: str) -> None:
    path = csv(tmp_path, "user,item,rating,timestamp\n1,2,3,4\n")
    with pytest.raises(DataError, match="no column 'nothing'; it has user, item, rating, timestamp"):
        read_interactions(path, restricted(Columns(), **{part: "nothing"}))


def test_columns_can_be_told(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item,who,what,rating,worth\n1,2,u,a,5,1\n1,2,u,b,5,4\n")
    found = read_interactions(path, Columns("who", "what", "worth"), min_items_per_user=1)
    assert pairs(found) == {("u", "b")}


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        ("movielens", "userId,movieId,rating,timestamp\n7,8,5,9\n"),
        ("goodbooks", "user_id,book_id,rating\n7,8,5\n"),
        ("recbole", "user_id,item_id,rating,timestamp\n7,8,5,9\n"),
    ],
)
def test_well_known_formats_are_read_with_and_without_their_preset(tmp_path: Path, preset: str, text: str) -> None:
    path = csv(tmp_path, text)
    for columns in (PRESETS[preset], None):
        assert pairs(read_interactions(path, columns, min_items_per_user=1)) == {("7", "8")}


def test_options_go_over_a_preset() -> None:
    assert restricted(PRESETS["goodbooks"], item="work", user=None) == Columns("user_id", "work", "rating")


def test_float_ids_are_whole_numbers(tmp_path: Path) -> None:
    frame = pl.DataFrame({"user": [7.0, 7.0, None], "item": [1.0, 2.0, 3.0]})
    frame.write_parquet(tmp_path / "ratings.parquet")
    frame.write_ndjson(tmp_path / "ratings.jsonl")
    for name in ("ratings.parquet", "ratings.jsonl"):
        assert pairs(read_interactions(tmp_path / name, min_items_per_user=1)) == {("7", "1"), ("7", "2")}


def test_ids_in_text_stay_as_they_are_written(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item\n007,1e3\n007,v2.0\n")
    assert pairs(read_interactions(path, min_items_per_user=1)) == {("007", "1e3"), ("007", "v2.0")}


def test_an_id_that_is_no_64_bit_number_is_refused_by_name(tmp_path: Path) -> None:
    pl.DataFrame({"user": [1e20], "item": [2]}).write_parquet(tmp_path / "ratings.parquet")
    with pytest.raises(DataError, match=r"ratings\.parquet"):
        read_interactions(tmp_path / "ratings.parquet", min_items_per_user=1)


def test_dates_are_let_be(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item,date\nu,a,2020-01-01\nu,b,2020-01-02\n")
    assert pairs(read_interactions(path, min_items_per_user=1)) == {("u", "a"), ("u", "b")}


def test_one_user_is_read(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item\n" + "".join(f"u,{item}\n" for item in range(6)))
    assert read_interactions(path).n_users == 1


def test_users_who_all_have_too_few_items_leave_nothing_and_the_story_says_so(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item\nu,a\nv,a\n")
    with pytest.raises(DataError, match=r"nothing is left.*2 rows of 2 users with fewer than 5.*--min-items-per-user"):
        read_interactions(path)


def test_rows_without_ids_leave_nothing_and_the_error_says_so(tmp_path: Path) -> None:
    path = csv(tmp_path, "user,item,rating\n,a,5\n,b,4\n")
    with pytest.raises(DataError, match="without a user or an item"):
        read_interactions(path, min_items_per_user=1)


@pytest.mark.parametrize(
    "row", ['{"user": [1], "item": 2}', '{"user": 1, "item": [2]}', '{"user": 1, "item": 2, "rating": [5]}']
)
def test_a_column_of_lists_is_refused_by_name(tmp_path: Path, row: str) -> None:
    path = csv(tmp_path, f"{row}\n" * 5, "ratings.jsonl")
    with pytest.raises(DataError, match=r"ratings\.jsonl"):
        read_interactions(path, min_items_per_user=1)


def test_a_file_with_another_separator_is_told_which(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="or --separator ';'"):
        read_interactions(csv(tmp_path, "user;item\n1;2\n"))
