"""Rows in an order in which neighbours are alike: other rows, the same answers."""

from dataclasses import replace

import numpy as np

from index.answers import Recommendation
from index.catalog import CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding
from index.model import Model
from index.recommender import Recommender
from index.samples import Samples
from index.vocabulary import Strings
from tests.worlds import random_model
from trainer.row_order import ordered, row_order


def test_neighbours_are_alike() -> None:
    rng = np.random.default_rng(0)
    kinds = rng.normal(size=(60, 64)) * (rng.random((60, 64)) < 0.2)
    kind = rng.integers(0, 60, 3000)
    codes = ItemEmbedding.from_dense(kinds[kind] + 0.05 * rng.normal(size=(3000, 64)), 8)
    order = row_order(codes)
    assert np.sort(order).tolist() == list(range(3000))
    assert (np.diff(kind[order]) == 0).mean() > 0.8
    assert np.array_equal(row_order(codes), order)


def test_an_ordered_model_answers_as_before() -> None:
    rng, n = np.random.default_rng(1), 400
    starts = np.concatenate([[0], np.cumsum(rng.integers(0, 4, n))]).astype(np.int64)
    names = Strings.pack(["a", "b", "c"])
    columns: dict[str, Column] = {
        "price": NumberColumn(rng.random(n)),
        "kind": CategoryColumn(rng.integers(-1, 3, n).astype(np.int32), names),
        "tags": ListColumn(starts, rng.integers(0, 3, starts[-1]).astype(np.int32), names),
        "page": LinkColumn(Strings.pack(f"https://example.org/{row}" if row % 3 else "" for row in range(n))),
    }
    model = random_model(5, n_items=n)
    samples = Samples(np.array([0, 3, 5], np.int64), np.array([7, 8, 300, 0, 399], np.int32))
    model = replace(model, catalog=replace(model.catalog, attributes=columns), samples=samples)
    assert isinstance(model.embedding, ItemEmbedding)
    assert ordered(model, model.embedding) is model
    other = ordered(model, model.embedding, least=n)
    assert other.violation() is None
    item_ids = [model.vocabulary.item_id(row) for row in range(n)]
    assert [other.vocabulary.item_id(row) for row in range(n)] != item_ids
    for row, item_id in enumerate(item_ids):
        new = other.vocabulary.row(item_id)
        assert new is not None
        assert known(other, new) == known(model, row)
    assert sampled(other) == sampled(model) == [{"item-7", "item-8", "item-300"}, {"item-0", "item-399"}]
    before, after = Recommender(model, "a"), Recommender(other, "a")
    for start in range(0, n, 40):
        history = item_ids[start : start + 7]
        assert certain(before.recommend(history, 10)) == certain(after.recommend(history, 10))
        assert before.segments(history, 5) == after.segments(history, 5)


def known(model: Model, row: int) -> list[object]:
    values = [column.value(row) for column in model.catalog.attributes.values()]
    return [model.catalog.title(row), model.popularity[row], model.segments.membership[row], *values]


def sampled(model: Model) -> list[set[str]]:
    assert model.samples is not None
    histories = [model.samples.history(place) for place in range(len(model.samples))]
    return [{model.vocabulary.item_id(row) for row in history} for history in histories]


def certain(answer: Recommendation) -> dict[str, float]:
    """Without the last ones, where equal scores go by row."""
    worst = answer.items[-1].score
    return {item.item_id: item.score for item in answer.items if item.score > worst}
