"""What a score is the sum of: the parts add up, and say what cancelled."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.answers import DimPart, HistoryPart, RankedItem, RankedSegment, Why
from index.recommender import Recommender
from tests import oracle
from tests.worlds import by_hand, random_model


def adds_up(why: Why, score: float) -> bool:
    parts: list[HistoryPart | DimPart] = [*why.history, *why.dims]
    return (
        sum(one.part for one in why.history) + why.history_rest == pytest.approx(score, abs=1e-5)
        and sum(one.part for one in why.dims) + why.dims_rest == pytest.approx(score, abs=1e-5)
        and all(one.part == pytest.approx(one.plus + one.minus, abs=1e-9) for one in parts)
        and all(one.plus >= 0 >= one.minus for one in parts)
    )


@given(
    st.integers(0, 20),
    st.dictionaries(st.integers(0, 199), st.sampled_from([1.0, 0.5, -1.0, 20.0]), min_size=1, max_size=30),
)
def test_the_parts_of_every_score_add_up_to_it(seed: int, history: dict[int, float]) -> None:
    recommender = Recommender(random_model(seed, n_dims=16, k=6, packed=seed % 2 == 0), "v1")
    weights = {f"item-{row}": weight for row, weight in history.items()}
    answers: list[RankedItem | RankedSegment] = [*recommender.recommend(weights, 30, explain=True).items]
    answers += recommender.segments(weights, 8, explain=True).segments
    for answer in answers:
        if answer.source == "popularity":
            assert answer.why is None
        else:
            assert answer.why is not None
            assert adds_up(answer.why, answer.score)
            assert len(answer.why.history) <= 10
            assert {one.item_id for one in answer.why.history} <= weights.keys()


@given(st.integers(0, 20))
def test_the_largest_parts_come_first_and_are_those_of_the_dense_product(seed: int) -> None:
    model = random_model(seed, n_dims=16, k=6, packed=seed % 2 == 0)
    A, history = model.embedding.to_dense().astype(np.float64), [3, 8, 21, 40, 90]
    found = Recommender(model, "v1").recommend([f"item-{row}" for row in history], 1, explain=True).items[0]
    assert found.why is not None
    item = A[int(found.item_id[5:])]
    assert {one.item_id: one.part for one in found.why.history} == pytest.approx(
        {f"item-{row}": A[row] @ item for row in history if (A[row] * item).any()}, abs=1e-5
    )
    dims = {dim: A[history, dim].sum() * item[dim] for dim in np.flatnonzero(item) if A[history, dim].any()}
    assert {one.dim: one.part for one in found.why.dims} == pytest.approx(dims, abs=1e-5)
    assert all(one.sign == np.sign(item[one.dim]) for one in found.why.dims)
    for parts in (found.why.history, found.why.dims):
        gross = [max(one.plus, -one.minus) for one in parts]
        assert gross == sorted(gross, reverse=True)


def test_parts_that_cancel_are_shown_gross() -> None:
    """Three quarters of a less b have no comedy left, so that c scores nothing, and both are named."""
    found = Recommender(by_hand(packed=True), "v1").recommend({"a": 0.75, "b": -1.0}, 5, explain=True).items
    why = next(item.why for item in found if item.item_id == "c")
    assert why is not None
    assert {one.item_id: round(one.part, 6) for one in why.history} == {"a": 0.6, "b": -0.6}
    (dim,) = why.dims
    assert (dim.dim, dim.sign, dim.segments) == (0, 1, ["s1"])
    assert (dim.part, dim.plus, dim.minus) == pytest.approx((0.0, 0.6, -0.6), abs=1e-6)


def test_a_segment_is_explained_by_what_it_shares_with_the_history() -> None:
    found = Recommender(by_hand(), "v1").segments(["d", "c"], 3, explain=True).segments
    comedy = next(segment for segment in found if segment.segment_id == "s1")
    assert comedy.why is not None
    assert [(one.item_id, one.title) for one in comedy.why.history] == [("c", "Clerks")]
    assert [(one.dim, one.sign, one.segments) for one in comedy.why.dims] == [(0, 1, ["s1"])]


def test_nothing_is_explained_unasked() -> None:
    assert all(item.why is None for item in Recommender(by_hand(), "v1").recommend(["a"], 5).items)


@given(st.integers(0, 20), st.dictionaries(st.integers(0, 7), st.sampled_from([0.7, -0.4]), max_size=2))
def test_flows_are_what_each_adds_over_each_dim(seed: int, steer: dict[int, float]) -> None:
    model = random_model(seed, n_dims=16, k=6, packed=seed % 2 == 0)
    A, history = model.embedding.to_dense().astype(np.float64), {row: 1.0 - row / 40 for row in range(2, 60, 4)}
    B = oracle.segment_matrix([model.segments.signed_dims(row) for row in range(8)], 16)
    length = np.linalg.norm(oracle.profile(A, list(history), list(history.values()))) or 1.0
    recommender = Recommender(model, "v1")
    weights = {f"item-{row}": weight for row, weight in history.items()}
    wanted = {f"s{row}": strength for row, strength in steer.items()}
    found = recommender.recommend(weights, 3, steer=wanted, explain=True).items
    ranked = recommender.segments(weights, 3, steer=wanted, explain=True).segments
    answers = [(A[int(one.item_id[5:])], one.why) for one in found]
    answers += [(B[int(one.segment_id[1:])], one.why) for one in ranked]
    for own, why in answers:
        assert why is not None
        dims = [one.dim for one in why.dims]
        adding = [history[int(one.item_id[5:])] * A[int(one.item_id[5:])] for one in why.history]
        adding += [length * steer[int(one.segment_id[1:])] * B[int(one.segment_id[1:])] for one in why.steering]
        expected = np.array([(row * own)[dims] for row in adding]).reshape(len(adding), len(dims))
        np.testing.assert_allclose(np.array(why.flows).reshape(expected.shape), expected, atol=1e-4)
        assert len(why.flows) == len(why.history) + len(why.steering)


def test_what_a_row_of_flows_lacks_is_what_other_dims_add() -> None:
    """An item with twelve dims shows ten of them; a row sums up to its part less the other two."""
    model = random_model(1, n_dims=12, k=12)
    (found,) = Recommender(model, "v1").recommend(["item-3", "item-9"], 1, explain=True).items
    assert found.why is not None
    assert (len(found.why.history), len(found.why.dims)) == (2, 10)
    A = model.embedding.to_dense().astype(np.float64)
    others = np.setdiff1d(np.arange(12), [one.dim for one in found.why.dims])
    for one, row in zip(found.why.history, found.why.flows, strict=True):
        rest = A[int(one.item_id[5:]), others] @ A[int(found.item_id[5:]), others]
        assert sum(row) + rest == pytest.approx(one.part, abs=1e-5)


def test_hidden_items_have_no_row() -> None:
    found = Recommender(by_hand(), "v1").hiding(["a"]).recommend(["a", "c"], 1, explain=True).items
    why = found[0].why
    assert why is not None
    assert [one.item_id for one in why.history] == ["c"]
    assert why.flows == [[pytest.approx(0.6)]]
