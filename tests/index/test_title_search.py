"""Items by words of their titles, against a scan of them all."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.model import Model
from index.segments import Segments
from index.title_search import TitleSearch
from index.vocabulary import Strings, Vocabulary
from tests import oracle
from tests.worlds import random_model

NO_ROWS = np.empty(0, np.int32)
WORDS = st.sampled_from(
    ["the", "The", "thé", "then", "ten", "Größe", "grosse", "ﬁn", "K2", "10", "千と", "ŉ", "d'or", "-", "_"]
)
TITLES = st.lists(st.lists(WORDS, max_size=4).map(" ".join), min_size=1, max_size=12)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def world(titles: list[str], ids: list[str] | None = None, popularity: list[float] | None = None) -> Model:
    n = len(titles)
    nothing: Segments = random_model(0, n_items=2, n_segments=1).segments
    return Model(
        embedding=ItemEmbedding.from_dense(np.zeros((n, 1)), 1),
        popularity=np.array(popularity or [0.5] * n, np.float32),
        vocabulary=Vocabulary.of(ids or [f"i{row}" for row in range(n)]),
        catalog=Catalog(Strings.pack(titles)),
        segments=nothing,
    )


def titles_found(titles: list[str], query: str, **known: list[float]) -> list[str]:
    found = TitleSearch(world(titles, **known)).find(query, 100, NO_ROWS)  # type: ignore[arg-type]
    return [titles[row] for row in found.rows]


@settings(max_examples=40)
@given(TITLES, st.lists(WORDS, max_size=3).map(" ".join), st.integers(1, 5), st.data())
def test_it_finds_what_a_scan_of_all_titles_finds(titles: list[str], query: str, n: int, data: st.DataObject) -> None:
    popularity = data.draw(st.lists(st.sampled_from([0.0, 0.25, 0.5]), min_size=len(titles), max_size=len(titles)))
    ids = [f"{'ten' if row % 2 else 'x'} {row}" for row in range(len(titles))]
    query = data.draw(st.sampled_from([query, query[:-1], ids[-1]]))
    expected = oracle.title_search(query, ids, titles, popularity)
    found = TitleSearch(world(titles, ids, popularity)).find(query, n, NO_ROWS)
    assert found.rows.tolist() == expected[:n]
    assert found.n_matching == len(expected)


@settings(max_examples=40)
@given(st.lists(ANY_TEXT, min_size=1, max_size=6), ANY_TEXT)
def test_any_text_may_be_a_title_and_a_query(titles: list[str], query: str) -> None:
    ids = [f"i{row}" for row in range(len(titles))]
    search = TitleSearch(world(titles))
    for asked in (query, *titles):
        expected = oracle.title_search(asked, ids, titles, [0.5] * len(titles))
        assert search.find(asked, 10, NO_ROWS).rows.tolist() == expected


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Amélie (Le Fabuleux destin)", "amelie"),
        ("Schindler's List", "schindlers li"),
        ("Schindler’s List", "SCHINDLER'S"),
        ("The Good, the Bad", "bad good"),
        ("千と千尋の神隠し", "神隠し"),
        ("Straße", "strasse"),
        ("Spider-Man", "man spider"),
    ],
)
def test_people_find_what_they_mean(title: str, query: str) -> None:
    assert titles_found(["Another", title], query) == [title]


def test_words_begin_words_and_are_not_looked_for_within_them() -> None:
    assert titles_found(["Alien", "Italien"], "lien") == []


def test_equal_titles_come_first_then_beginnings_then_popularity() -> None:
    titles = ["Return of the Alien", "Alien Nation", "Aliens", "Alien", "The Alien"]
    known = [0.9, 0.2, 0.3, 0.1, 0.95]
    assert titles_found(titles, "alien", popularity=known) == [
        "Alien", "Aliens", "Alien Nation", "The Alien", "Return of the Alien",
    ]  # fmt: skip


def test_an_item_of_that_very_id_comes_before_all_titles() -> None:
    model = world(["50 First Dates", "Star Wars"], ids=["1", "50"])
    assert TitleSearch(model).find("50", 5, NO_ROWS).rows.tolist() == [1, 0]


def test_an_item_without_a_title_is_found_by_its_id() -> None:
    model = world(["", "Cups"], ids=["tea-cup-7", "b"])
    assert TitleSearch(model).find("cup", 5, NO_ROWS).rows.tolist() == [1, 0]


def test_rows_that_must_not_come_back_are_neither_found_nor_counted() -> None:
    search = TitleSearch(world(["Cup", "Cups", "Cupboard"]))
    found = search.find("cup", 5, np.array([1], np.int32))
    assert (found.rows.tolist(), found.n_matching) == ([0, 2], 2)
    assert search.find("i1", 5, np.array([1], np.int32)).n_matching == 0


def test_what_has_no_word_finds_nothing_but_an_id() -> None:
    model = world(["!!", "Cup"], ids=["!", "?"])
    assert TitleSearch(model).find("!", 5, NO_ROWS).rows.tolist() == [0]
    assert not len(TitleSearch(model).find("...", 5, NO_ROWS).rows)
