"""ids in, ids out: against the oracle on random models, and by hand where the right answer is known."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import UnknownItemError, UnknownSegmentError
from index.model import Model
from index.recommender import Recommender
from index.taste import History
from tests import oracle
from tests.worlds import BY_HAND, by_hand, random_model

HISTORIES = st.dictionaries(st.integers(0, 219), st.sampled_from([1.0, 1.0, 0.5, -1.0, 2.0]), max_size=12)
SUBSETS = st.none() | st.sets(st.integers(0, 219), max_size=40)


def answered(model: Model) -> Recommender:
    assert model.violation() is None
    return Recommender(model, "v1")


def dense(model: Model) -> oracle.Matrix:
    return model.embedding.to_dense().astype(np.float64)


def rows_of(model: Model, item_ids: list[str]) -> list[int]:
    found = [model.vocabulary.row(item_id) for item_id in item_ids]
    assert None not in found
    return [row for row in found if row is not None]


@given(
    st.integers(0, 30), HISTORIES, st.sets(st.integers(0, 219), max_size=30), SUBSETS,
    st.none() | st.sets(st.integers(0, 7), max_size=4), st.integers(1, 250),
)  # fmt: skip
def test_recommendations_equal_the_dense_product(
    seed: int,
    history: dict[int, float],
    exclude: set[int],
    candidates: set[int] | None,
    segments: set[int] | None,
    n: int,
) -> None:
    model = random_model(seed, packed=seed % 2 == 1)
    found = answered(model).recommend(
        {f"item-{row}": weight for row, weight in history.items()},
        n,
        exclude=[f"item-{row}" for row in exclude],
        candidates=None if candidates is None else [f"item-{row}" for row in candidates],
        segments=None if segments is None else [f"s{row}" for row in segments],
    )
    known = {row: weight for row, weight in history.items() if row < 200}
    values = oracle.scores(dense(model), list(known), list(known.values()))
    profile = oracle.profile(dense(model), list(known), list(known.values()))
    allowed = [
        row not in known
        and row not in exclude
        and (candidates is None or row in candidates)
        and (segments is None or model.segments.membership[row] in segments)
        for row in range(200)
    ]
    popular = model.popularity.astype(np.float64)
    if np.abs(profile).max() < 1e-12:
        expected = oracle.ranking(popular, n, allowed)
        values = popular
    else:
        coded = (dense(model) != 0).any(axis=1)
        expected = oracle.ranking(values, n, [a and bool(c) for a, c in zip(allowed, coded, strict=True)])
        expected += oracle.ranking(
            popular, n - len(expected), [a and not c for a, c in zip(allowed, coded, strict=True)]
        )
    rows = rows_of(model, [item.item_id for item in found.items])
    assert oracle.same_order(rows, values, expected)
    np.testing.assert_allclose([item.score for item in found.items], values[rows], atol=1e-5)
    assert [item.rank for item in found.items] == list(range(1, len(rows) + 1))
    assert set(found.unknown_items) == {f"item-{row}" for row in history if row >= 200}
    assert (found.shortfall is None) == (len(rows) == n)


@given(st.integers(0, 30), HISTORIES.filter(bool), st.integers(1, 8))
def test_items_of_the_best_segments_are_those_of_the_segments_that_come_first(
    seed: int, history: dict[int, float], n: int
) -> None:
    recommender = answered(random_model(seed, packed=seed % 2 == 1))
    weights = {f"item-{row}": weight for row, weight in history.items()}
    first = [segment.segment_id for segment in recommender.segments(weights, n).segments]
    found = recommender.recommend(weights, 50, best_segments=n)
    assert found.items == recommender.recommend(weights, 50, segments=first).items
    assert found.shortfall is None or "best_segments" in found.shortfall


@given(st.integers(0, 30), HISTORIES.filter(bool), st.integers(1, 10))
def test_segments_equal_the_dense_product_with_b(seed: int, history: dict[int, float], n: int) -> None:
    model = random_model(seed, packed=seed % 2 == 1)
    known = {row: weight for row, weight in history.items() if row < 200}
    profile = oracle.profile(dense(model), list(known), list(known.values()))
    found = answered(model).segments({f"item-{row}": weight for row, weight in history.items()}, n).segments
    if np.abs(profile).max() < 1e-12:
        assert all(segment.source == "popularity" for segment in found)
        return
    signed_dims = [model.segments.signed_dims(row) for row in range(len(model.segments))]
    values = profile @ oracle.segment_matrix(signed_dims, model.embedding.n_dims).T
    rows = [int(segment.segment_id[1:]) for segment in found]
    assert oracle.same_order(rows, values, oracle.ranking(values, n, [True] * len(values)))
    np.testing.assert_allclose([segment.score for segment in found], values[rows], atol=1e-5)


@given(st.integers(0, 30), HISTORIES, st.randoms())
def test_the_order_of_a_history_changes_nothing(seed: int, history: dict[int, float], random: object) -> None:
    recommender = answered(random_model(seed, packed=seed % 2 == 1))
    entries = [(f"item-{row}", weight) for row, weight in history.items()]
    assert recommender.recommend(dict(entries), 50) == dataclasses.replace(
        recommender.recommend(dict(reversed(entries)), 50),
        unknown_items=recommender.recommend(dict(entries), 50).unknown_items,
    )


def test_by_hand_a_comedy_fan_gets_comedy() -> None:
    found = answered(by_hand()).recommend(["a"], 5)
    assert [(item.item_id, item.title) for item in found.items] == [
        ("c", "Clerks"), ("b", "Brazil"), ("d", "Das Boot"), ("e", None), ("f", "Fog"),
    ]  # fmt: skip
    assert [item.score for item in found.items] == pytest.approx([0.8, 0.48, 0.36, 0.0, 0.0])
    assert [item.source for item in found.items] == ["profile"] * 4 + ["popularity"]


def test_a_negative_weight_leads_away() -> None:
    assert answered(by_hand()).recommend({"a": 1.0, "d": -2.0}, 2).items[0].item_id == "c"
    assert answered(by_hand()).recommend({"a": -1.0}, 4).items[0].item_id == "e"


def test_negative_scores_outrank_what_is_masked() -> None:
    found = answered(by_hand()).recommend({"a": -1.0}, 10, exclude=["e"])
    assert [item.item_id for item in found.items] == ["d", "b", "c", "f"]


@pytest.mark.parametrize("history", [[], ["nobody", "knows"], ["f"]])
def test_without_a_profile_popularity_answers_and_says_so(history: list[str]) -> None:
    found = answered(by_hand()).recommend(history, 3)
    assert [item.item_id for item in found.items] == ["a", "b", "c"]
    assert {item.source for item in found.items} == {"popularity"}
    assert [item.score for item in found.items] == pytest.approx([0.5, 0.4, 0.3])
    assert found.unknown_items == [name for name in history if name != "f"]


def test_a_shortfall_says_what_left_nothing() -> None:
    found = answered(by_hand()).recommend(["a"], 3, candidates=["b", "nobody"], exclude=["c"])
    assert [item.item_id for item in found.items] == ["b"]
    assert found.shortfall == "1 of 3: candidates, exclude, the history leave no more of the 6 items"


def test_no_candidates_means_no_items_and_not_all() -> None:
    assert answered(by_hand()).recommend(["a"], 3, candidates=[]).items == []
    assert answered(by_hand()).recommend(["a"], 3, segments=[]).items == []


def test_an_unknown_segment_or_item_is_refused_by_name() -> None:
    with pytest.raises(UnknownSegmentError, match="'s9'"):
        answered(by_hand()).recommend(["a"], 3, segments=["s9"])
    with pytest.raises(UnknownItemError, match="'zz'"):
        answered(by_hand()).similar("zz")


def test_similar_items_are_ranked_by_cosine_without_the_item_itself() -> None:
    found = answered(by_hand()).similar("c", 3)
    assert [item.item_id for item in found] == ["a", "b", "d"]
    assert [item.score for item in found] == pytest.approx([0.8, 0.6, 0.0])


def test_the_hand_made_world_is_stored_as_written() -> None:
    np.testing.assert_allclose(by_hand().embedding.to_dense(), BY_HAND, atol=1e-7)


def test_the_public_face_is_what_the_documentation_names() -> None:
    methods = {name for name in vars(Recommender) if not name.startswith("_")}
    asked = {"recommend", "segments", "profile", "homepage", "similar", "segment_row", "rank_items", "rank_segments"}
    assert methods == {"open", "warm_up", "hiding"} | asked


@pytest.mark.parametrize("packed", [True, False])
def test_ranked_rows_are_what_is_recommended(packed: bool) -> None:
    for model, n_items in ((by_hand(packed=packed), 6), (random_model(5, packed=packed), 200)):
        names = [model.vocabulary.item_id(row) for row in range(n_items)]
        recommender = answered(model)
        histories: list[History] = [[names[4], "nowhere", names[0]], [], {names[3]: -1.0}, {names[1]: 0.0}, names[:5]]
        for n in (1, 5, 300):
            for history, ranked in zip(histories, recommender.rank_items(histories, n), strict=True):
                recommended = recommender.recommend(history, n)
                assert [item.item_id for item in recommended.items] == [names[row] for row in ranked.ranking.rows]
                assert [item.score for item in recommended.items] == ranked.ranking.scores.tolist()
                assert [item.source for item in recommended.items] == ranked.sources
                assert recommended.unknown_items == ranked.unknown_items
        for history, ranked in zip(histories, recommender.rank_segments(histories, 2), strict=True):
            segments = recommender.segments(history, 2).segments
            assert [model.segments.ids[row] for row in ranked.ranking.rows] == [one.segment_id for one in segments]
