"""Filters: what is understood, what is refused, and that they select what a loop over the items does."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.catalog import Catalog, NumberColumn
from index.errors import FilterError
from index.filters import parsed, selected
from index.item_set import ItemSet
from index.recommender import Recommender
from tests.filtered import FILTERS, N_ITEMS, catalog, holds
from tests.worlds import by_hand, random_model


@given(FILTERS, st.integers(0, 5))
def test_a_filter_selects_what_a_loop_over_the_items_does(document: Any, seed: int) -> None:
    items = catalog(seed)
    expected = [
        row
        for row in range(N_ITEMS)
        if holds(document, {name: column.value(row) for name, column in items.attributes.items()})
    ]
    found = selected(parsed(json.loads(json.dumps(document))), items)
    assert found.rows.tolist() == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("year", "filter: an object with one key was expected"),
        ({}, "filter: an object with one key"),
        ({"eq": {"a": 1}, "in": {"a": [1]}}, "filter: an object with one key"),
        ({"like": {"a": 1}}, "filter.like: the kinds are eq, in, range"),
        ({"eq": "country"}, "filter.eq: an object with one key was expected: an attribute"),
        ({"eq": {"country": None}}, "filter.eq: a text or a number was expected"),
        ({"eq": {"country": True}}, "filter.eq: a text or a number"),
        ({"eq": {"country": ["US"]}}, "filter.eq: a text or a number"),
        ({"in": {"country": "US"}}, "filter.in: a list was expected"),
        ({"range": {"year": 1980}}, "filter.range: an object with from, to or both"),
        ({"range": {"year": {}}}, "filter.range: an object with from, to or both"),
        ({"range": {"year": {"from": "1980"}}}, "filter.range: a text or a number was expected"),
        ({"range": {"year": {"since": 1980}}}, "filter.range: an object with from, to or both"),
        ({"range": {"year": {"from": float("nan")}}}, "filter.range: a text or a number"),
        ({"exists": 3}, "filter.exists: the name of an attribute"),
        ({"not": []}, "filter.not: an object with one key"),
        ({"and": {"exists": "year"}}, "filter.and: a list was expected"),
        ({"or": [{"exists": "year"}, {"and": [7]}]}, "filter.or[1].and[0]: an object with one key"),
        ({"and": [{"exists": "year"}] * 100}, "a filter may have 100 terms"),
        ({"in": {"country": ["US"] * 1001}}, "a filter may name 1,000 values"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(document: Any, words: str) -> None:
    with pytest.raises(FilterError) as refused:
        parsed(document)
    assert words in str(refused.value)


def test_a_filter_without_end_is_refused() -> None:
    document: Any = {"exists": "year"}
    for _ in range(5000):
        document = {"not": document}
    with pytest.raises(FilterError, match="16 deep"):
        parsed(document)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"eq": {"colour": "red"}}, "there is no attribute 'colour'; the model has year, country, genres, poster"),
        ({"exists": "x" * 500}, "there is no attribute 'xxx"),
        ({"eq": {"country": 1}}, "'country' is a category: its values are texts"),
        ({"in": {"year": [1980, "1981"]}}, "'year' is a number: its values are numbers"),
        ({"range": {"genres": {"from": 1}}}, "'genres' is a list: it has no range"),
        ({"eq": {"poster": "x"}}, "'poster' is a link: of it only exists can be asked"),
    ],
)
def test_a_filter_that_the_attributes_do_not_fit_is_refused(document: Any, words: str) -> None:
    with pytest.raises(FilterError) as refused:
        selected(parsed(document), catalog())
    assert words in str(refused.value)
    assert len(str(refused.value)) < 300


@given(st.integers(0, 2**16), st.integers(1, 200))
def test_sets_of_items_are_sets(seed: int, n_items: int) -> None:
    rng = np.random.default_rng(seed)
    one, two = (set(np.flatnonzero(rng.random(n_items) < 0.4).tolist()) for _ in range(2))
    a, b = (ItemSet.of_rows(np.array(sorted(rows), np.int32), n_items) for rows in (one, two))
    assert set((a & b).rows.tolist()) == one & two
    assert set((a | b).rows.tolist()) == one | two
    assert set((~a).rows.tolist()) == set(range(n_items)) - one
    assert len(~a) == n_items - len(one)
    assert a.rows.tolist() == sorted(one)
    assert np.flatnonzero(a.flags).tolist() == sorted(one)


def test_recommendations_and_pages_hold_only_what_the_filter_is_true_of() -> None:
    recommender = Recommender(by_hand(packed=True), "v1")
    where = parsed({"and": [{"eq": {"country": "US"}}, {"not": {"eq": {"genres": "Sci-Fi"}}}]})
    found = recommender.recommend(["b"], 5, where=where)
    assert [item.item_id for item in found.items] == ["c", "a", "f"]
    assert found.shortfall == "3 of 5: filter, the history leave no more of the 6 items"
    page = recommender.homepage(["b"], min_items=1, where=where)
    assert [[item.item_id for item in shelf.items] for shelf in page.shelves] == [["c", "a"]]
    assert [item.item_id for item in recommender.recommend([], 5, where=where).items] == ["a", "c", "f"]


def test_a_filter_of_any_size_gives_what_a_full_scan_gives() -> None:
    model = random_model(4, n_items=3000, n_dims=64, k=8, packed=True)
    years = np.random.default_rng(0).random(3000)
    catalogue = Catalog(model.catalog.titles, {"year": NumberColumn(years)})
    recommender = Recommender(replace(model, catalog=catalogue), "v1")
    everything = [item.item_id for item in recommender.recommend(["item-1", "item-2"], 3000).items]
    for most in (0.0005, 0.02, 0.3, 0.9, 1.0):
        found = recommender.recommend(["item-1", "item-2"], 20, where=parsed({"range": {"year": {"to": most}}}))
        expected = [item_id for item_id in everything if years[int(item_id[5:])] <= most]
        assert [item.item_id for item in found.items] == expected[:20]
