"""Items files to catalogues: types found and told, and what the file does not know."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from index.catalog import Catalog, CategoryColumn, LinkColumn, ListColumn, NumberColumn
from trainer.errors import ConfigurationError, DataError
from trainer.items import ItemColumns, ReadCatalog, read_catalog, without_items_file, written_list

IDS = [str(number) for number in range(12)]
PLOTS = [f"Somebody meets {word * 3} on a long way home, and {word * 2} is not what it was" for word in "abcdefghijkl"]
FRAME = pl.DataFrame(
    {
        "movie_id": list(range(12)),
        "title": [f"Film {number}" for number in range(12)],
        "year": [1980.0 + number for number in range(12)],
        "votes": [str(number * 10) for number in range(12)],
        "country": ["US", "UK", "US", None, "DE", "US"] * 2,
        "genres": ["Comedy|War", "Drama", "War| Drama", "", None, "Comedy"] * 2,
        "tags": ["fun, old", "sad", "old, sad, old", "fun", "sad,fun", "old"] * 2,
        "poster": ["https://example.org/a.jpg", None] * 6,
        "plot": PLOTS,
        "cast": [["Ann", "Bob"], [], None, ["Bob", None, "Bob"], [" Cy "], ["Ann", ""]] * 2,
    }
)


def read(frame: pl.DataFrame = FRAME, item_ids: Sequence[str] = IDS, columns: ItemColumns | None = None) -> ReadCatalog:
    return read_catalog(frame, item_ids, columns or ItemColumns(), "films.csv")


def values(catalog: Catalog, name: str) -> list[object]:
    column = catalog.attributes[name]
    return [column.value(row) for row in range(len(column))]


def test_types_are_found() -> None:
    found = read().catalog
    assert {name: type(column) for name, column in found.attributes.items()} == {
        "year": NumberColumn,
        "votes": NumberColumn,
        "country": CategoryColumn,
        "genres": ListColumn,
        "tags": ListColumn,
        "poster": LinkColumn,
        "cast": ListColumn,
    }
    assert found.violation(len(IDS)) is None


def test_values_are_kept_item_by_item() -> None:
    found = read().catalog
    assert list(found.titles) == [f"Film {number}" for number in range(12)]
    assert values(found, "year") == [1980.0 + number for number in range(12)]
    assert values(found, "votes") == [number * 10 for number in range(12)]
    assert values(found, "country") == ["US", "UK", "US", None, "DE", "US"] * 2
    assert values(found, "poster") == ["https://example.org/a.jpg", None] * 6


def test_lists_are_split_at_their_mark_and_hold_nothing_twice() -> None:
    found = read().catalog
    assert values(found, "genres") == [["Comedy", "War"], ["Drama"], ["War", "Drama"], [], [], ["Comedy"]] * 2
    assert values(found, "tags") == [["fun", "old"], ["sad"], ["old", "sad"], ["fun"], ["sad", "fun"], ["old"]] * 2
    assert values(found, "cast") == [["Ann", "Bob"], [], [], ["Bob"], ["Cy"], ["Ann"]] * 2


def test_the_story_names_types_and_what_was_left_out() -> None:
    story = "\n".join(read().story)
    assert "read 12 rows of films.csv; they describe 12 of the 12 items" in story
    assert "year (number), votes (number), country (category), genres (list), tags (list), poster (link)" in story
    assert "left out as free text or all different: plot; --attribute NAME=TYPE" in story


def test_names_that_are_all_different_are_no_categories() -> None:
    frame = pl.DataFrame({"item_id": IDS, "isbn": [f"x{number}" for number in range(12)]})
    assert not read(frame).catalog.attributes


def test_types_can_be_told() -> None:
    types = {"year": "category", "votes": "list", "country": "skip", "plot": "category", "poster": "category"}
    found = read(columns=ItemColumns(types=types)).catalog
    assert "country" not in found.attributes
    assert values(found, "year")[:2] == ["1980", "1981"]
    assert values(found, "votes")[:2] == [["0"], ["10"]]
    assert values(found, "plot") == PLOTS
    assert values(found, "poster")[:2] == ["https://example.org/a.jpg", None]


def test_a_told_list_is_split_at_commas_where_no_mark_stands_out() -> None:
    frame = pl.DataFrame({"item_id": IDS, "words": [f"a{number},b{number}" for number in range(12)]})
    found = read(frame, columns=ItemColumns(types={"words": "list"})).catalog
    assert values(found, "words")[3] == ["a3", "b3"]


@pytest.mark.parametrize("mark", ["|", ";"])
def test_a_told_list_is_split_at_the_mark_in_use_even_where_its_parts_never_come_back(mark: str) -> None:
    frame = pl.DataFrame({"item_id": IDS, "words": [f"a{number}{mark}b{number}" for number in range(12)]})
    found = read(frame, columns=ItemColumns(types={"words": "list"})).catalog
    assert values(found, "words")[3] == ["a3", "b3"]


def test_text_that_is_told_to_be_a_number_is_refused() -> None:
    with pytest.raises(DataError, match=r"films\.csv, line \d+: 'country' is '.*', which is no number"):
        read(columns=ItemColumns(types={"country": "number"}))


@pytest.mark.parametrize("kind", ["number", "category", "link"])
def test_a_list_that_is_told_to_be_something_else_is_refused_by_name(kind: str) -> None:
    with pytest.raises((DataError, ConfigurationError), match="cast"):
        read(columns=ItemColumns(types={"cast": kind}))


def test_columns_can_be_told() -> None:
    frame = pl.DataFrame({"id": ["9", "8"], "work": ["1", "2"], "title": ["no", "no"], "label": ["One", "Two"]})
    found = read(frame, ["1", "2"], ItemColumns(item="work", title="label")).catalog
    assert list(found.titles) == ["One", "Two"]


@pytest.mark.parametrize("columns", [ItemColumns(title="nothing"), ItemColumns(types={"nothing": "number"})])
def test_an_unknown_column_is_refused_with_those_that_there_are(columns: ItemColumns) -> None:
    with pytest.raises(ConfigurationError, match=r"films\.csv: no column 'nothing'; it has movie_id, title, year"):
        read(columns=columns)


@pytest.mark.parametrize("columns", [ItemColumns(), ItemColumns(item="nothing")])
def test_a_file_without_an_item_column_is_refused(columns: ItemColumns) -> None:
    with pytest.raises(DataError, match=r"films\.csv: which column is the item\? It has sku, title.*--items-id-col"):
        read(pl.DataFrame({"sku": ["1"], "title": ["One"]}), columns=columns)


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"'colour' is not a type of attribute; choose from number, category"):
        read(columns=ItemColumns(types={"year": "colour"}))


def test_items_come_in_our_order_and_what_the_file_does_not_know_stays_empty() -> None:
    ours = ["none", *reversed(IDS), "nor this"]
    found = read(item_ids=ours)
    catalog = found.catalog
    assert list(catalog.titles) == ["", *(f"Film {item_id}" for item_id in reversed(IDS)), ""]
    assert catalog.title(0) is None
    assert values(catalog, "year") == [None, *(1980.0 + int(item_id) for item_id in reversed(IDS)), None]
    assert values(catalog, "genres") == [[], *reversed(values(read().catalog, "genres")), []]
    assert values(catalog, "cast") == [[], *reversed(values(read().catalog, "cast")), []]
    assert values(catalog, "country") == [None, *reversed(values(read().catalog, "country")), None]
    assert values(catalog, "poster") == [None, *reversed(values(read().catalog, "poster")), None]
    assert "describe 12 of the 14 items" in found.story[0]
    assert catalog.violation(14) is None


def test_a_file_that_knows_none_of_the_items_leaves_all_of_them_without_a_title() -> None:
    found = read(item_ids=["x", "y"])
    assert list(found.catalog.titles) == ["", ""]
    assert "describe 0 of the 2 items" in found.story[0]
    assert found.catalog.violation(2) is None


def test_of_a_repeated_item_the_first_row_counts() -> None:
    frame = pl.DataFrame({"item_id": ["1", "1", None, "1"], "title": ["first", "second", "nobody", "third"]})
    found = read(frame, ["1"])
    assert list(found.catalog.titles) == ["first"]
    assert "dropped 2 rows that repeat an item" in "\n".join(found.story)


def test_float_ids_meet_the_ids_of_the_ratings() -> None:
    frame = pl.DataFrame({"item_id": [1.0, 2.0], "title": ["One", "Two"]})
    assert list(read(frame, ["1", "2"]).catalog.titles) == ["One", "Two"]


def test_titles_are_one_line_whatever_their_type() -> None:
    frame = pl.DataFrame({"item_id": ["1", "2"], "title": ["  a\n\tb  ", None]})
    assert list(read(frame, ["1", "2"]).catalog.titles) == ["a b", ""]
    frame = pl.DataFrame({"item_id": ["1"], "title": [["The", "Birds"]]})
    assert list(read(frame, ["1"]).catalog.titles) == ["The Birds"]
    frame = pl.DataFrame({"item_id": ["1"], "title": [1984]})
    assert list(read(frame, ["1"]).catalog.titles) == ["1984"]


def test_unknown_numbers_are_nan() -> None:
    frame = pl.DataFrame({"item_id": ["1", "2"], "year": ["1984", None]})
    column = read(frame, ["1", "2"]).catalog.attributes["year"]
    assert isinstance(column, NumberColumn)
    np.testing.assert_array_equal(column.values, [1984.0, np.nan])


def test_without_an_items_file_every_item_is_nameless() -> None:
    catalog = without_items_file(3)
    assert list(catalog.titles) == ["", "", ""]
    assert not catalog.attributes
    assert catalog.violation(3) is None


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("['Card Game', \"Children's Game\"]", ["Card Game", "Children's Game"]),
        ('["Card Game", "Pok\\u00e9mon"]', ["Card Game", "Pokémon"]),
        ("['It\\'s']", ["It's"]),
        ("[Action, don't]", ["Action", " don't"]),
        ("[1, 2.5]", ["1", "2.5"]),
        ("[{'id': 16, 'name': 'Animation'}, {'id': 1}]", ["Animation"]),
        (" [] ", []),
        ("[" * 5000 + "]" * 5000, None),
        (None, None),
    ],
    ids=lambda value: str(value)[:30],
)
def test_lists_are_read_as_python_or_json_write_them(written: str | None, expected: list[str] | None) -> None:
    found = written_list(written)
    assert found == expected if expected is not None or written is None else found is not None


def test_a_column_of_written_lists_is_a_list() -> None:
    frame = pl.DataFrame({"id": ["1", "2", "3"], "genres": ["['A', 'B']", "[]", None]})
    genres = read_catalog(frame, ["1", "2", "3"], ItemColumns(), "items").catalog.attributes["genres"]
    assert [genres.value(row) for row in range(3)] == [["A", "B"], [], []]


def test_a_column_without_a_name_numbers_the_rows_and_says_nothing() -> None:
    frame = pl.DataFrame({"": ["0", "1"], "id": ["1", "2"], "year": ["1980", "1990"]})
    assert list(read_catalog(frame, ["1", "2"], ItemColumns(), "items").catalog.attributes) == ["year"]


def test_text_of_several_lines_is_no_list_whatever_its_commas() -> None:
    texts = [f"A long, long story,\nof game {number % 3}" for number in range(12)]
    frame = pl.DataFrame({"id": [str(number) for number in range(12)], "plot": texts})
    assert not read_catalog(frame, ["1", "2"], ItemColumns(), "items").catalog.attributes


def test_more_attributes_than_can_be_served_are_said_before_training() -> None:
    frame = pl.DataFrame({"id": ["1", "2"], **{f"number {place}": [1.0, 2.0] for place in range(201)}})
    with pytest.raises(ConfigurationError, match="201 attributes; up to 200 can be served"):
        read_catalog(frame, ["1", "2"], ItemColumns(), "items")
