"""Steering a profile by segments, and muting them: against the dense product."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.errors import UnknownSegmentError
from index.recommender import Recommender
from tests import oracle
from tests.worlds import by_hand, random_model

HISTORY = [3, 9, 27]
IDS = [f"item-{row}" for row in HISTORY]
STEERING = st.dictionaries(st.integers(0, 7), st.sampled_from([-2.0, -0.5, 0.0, 0.3, 1.0]), max_size=3)


@given(st.integers(0, 30), STEERING, st.sampled_from([[], HISTORY]))
def test_a_steered_profile_is_the_sum_in_lengths_of_the_profile(
    seed: int, steer: dict[int, float], history: list[int]
) -> None:
    model = random_model(seed, packed=seed % 2 == 0)
    A = model.embedding.to_dense().astype(np.float64)
    B = oracle.segment_matrix([model.segments.signed_dims(row) for row in range(8)], model.embedding.n_dims)
    profile = oracle.profile(A, history, [1.0] * len(history))
    profile = profile + (np.linalg.norm(profile) or 1.0) * sum(
        (strength * B[row] for row, strength in steer.items()), np.zeros_like(profile)
    )
    wanted = {f"s{row}": strength for row, strength in steer.items()}
    recommender, ids = Recommender(model, "v1"), [f"item-{row}" for row in history]
    found = recommender.recommend(ids, 20, steer=wanted, explain=True).items
    if not np.abs(profile).max() > 1e-9:
        assert all(item.source == "popularity" for item in found)
        return
    values, coded = A @ profile, (A != 0).any(axis=1)
    allowed = [bool(coded[row]) and row not in history for row in range(len(A))]
    rows = [int(item.item_id[5:]) for item in found]
    assert oracle.same_order(rows, values, oracle.ranking(values, 20, allowed), 1e-6)
    for item in found:
        assert item.why is not None
        steering = sum(one.part for one in item.why.steering)
        by_history = sum(one.part for one in item.why.history) + item.why.history_rest
        assert by_history + steering == pytest.approx(item.score, abs=1e-5)
        assert sum(one.part for one in item.why.dims) + item.why.dims_rest == pytest.approx(item.score, abs=1e-5)
    segments = recommender.segments(ids, 8, steer=wanted).segments
    np.testing.assert_allclose([one.score for one in segments], np.sort(B @ profile)[::-1], atol=1e-5)


@given(st.integers(0, 20), st.sets(st.integers(0, 7)))
def test_muted_segments_and_their_items_do_not_come_back(seed: int, muted: set[int]) -> None:
    model = random_model(seed, packed=seed % 2 == 0)
    recommender, named = Recommender(model, "v1"), [f"s{row}" for row in muted]
    everything = [item.item_id for item in recommender.recommend(IDS, 200).items]
    found = recommender.recommend(IDS, 200, mute=named)
    kept = [item_id for item_id in everything if model.segments.membership[int(item_id[5:])] not in muted]
    assert [item.item_id for item in found.items] == kept
    assert not muted or "mute" in str(found.shortfall)
    segments = [one.segment_id for one in recommender.segments(IDS, 8).segments]
    assert [one.segment_id for one in recommender.segments(IDS, 8, mute=named).segments] == [
        segment_id for segment_id in segments if segment_id not in named
    ]


def test_steering_alone_is_a_profile_of_its_own() -> None:
    found = Recommender(by_hand(), "v1").recommend([], 2, steer={"s2": 0.1}, explain=True).items
    assert [(item.item_id, item.source) for item in found] == [("e", "profile"), ("d", "profile")]
    assert found[0].why is not None
    assert [(one.segment_id, one.label) for one in found[0].why.steering] == [("s2", "War")]
    assert found[0].why.history == []


def test_a_segment_that_is_not_there_is_named_with_the_argument() -> None:
    recommender = Recommender(by_hand(), "v1")
    with pytest.raises(UnknownSegmentError) as refused:
        recommender.recommend(["a"], steer={"s9": 1.0})
    assert (refused.value.segment_id, refused.value.named_in) == ("s9", "steer")
    with pytest.raises(UnknownSegmentError) as refused:
        recommender.segments(["a"], mute=["s9"])
    assert (refused.value.segment_id, refused.value.named_in) == ("s9", "mute")
