"""B and the membership of items."""

import dataclasses

import numpy as np
import pytest

from tests import oracle
from tests.worlds import by_hand, random_model


def test_the_rows_of_b_have_length_one() -> None:
    segments = random_model(0).segments
    squares = np.add.reduceat(segments.weights.astype(np.float64) ** 2, segments.starts[:-1])
    np.testing.assert_allclose(squares, 1.0, atol=1e-6)


def test_segment_scores_are_the_product_with_b() -> None:
    model = random_model(1)
    profile = np.random.default_rng(0).normal(size=model.embedding.n_dims)
    B = oracle.segment_matrix([model.segments.signed_dims(row) for row in range(8)], model.embedding.n_dims)
    np.testing.assert_allclose(model.segments.scores(profile), profile @ B.T, atol=1e-6)


def test_members_are_the_items_of_the_membership() -> None:
    segments = random_model(2).segments
    for row in range(len(segments)):
        assert segments.members(row).tolist() == np.flatnonzero(segments.membership == row).tolist()
    assert segments.sizes.sum() == (segments.membership >= 0).sum()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"signs": np.array([1, 0, -1], np.int8)}, "neither"),
        ({"dims": np.array([0, 1, 9], np.uint16)}, "out of range"),
        ({"starts": np.array([0, 1, 1, 3], np.int64)}, "row pointers"),
        ({"starts": np.array([0, 1, 3], np.int64), "dims": np.array([0, 3, 1], np.uint16)}, "do not ascend"),
        ({"membership": np.array([0, 0, 0, 0, 0, 3], np.int32)}, "does not exist"),
        ({"membership": np.array([0], np.int32)}, "membership names 1 items"),
        ({"labels": ["one"]}, "labels"),
        ({"ids": ["s1", "s1", "s2"]}, "one id"),
    ],
)
def test_a_broken_invariant_is_named(change: dict[str, object], words: str) -> None:
    segments = dataclasses.replace(by_hand().segments, **change)  # type: ignore[arg-type]
    assert words in str(segments.violation(6))


def test_no_segments_at_all_are_fine() -> None:
    empty = dataclasses.replace(
        by_hand().segments,
        starts=np.zeros(1, np.int64),
        dims=np.empty(0, np.uint16),
        signs=np.empty(0, np.int8),
        membership=np.full(6, -1, np.int32),
        ids=[],
        labels=[],
    )
    assert empty.violation(6) is None
    assert empty.scores(np.ones(4)).tolist() == []


def test_items_in_another_order_keep_their_segments_and_visits() -> None:
    segments = random_model(3).segments
    rows = np.random.default_rng(0).permutation(200).astype(np.int32)
    moved = segments.take(rows)
    assert moved.violation(200) is None
    for row in range(len(segments)):
        assert set(rows[moved.members(row)].tolist()) == set(segments.members(row).tolist())
        assert set(rows[moved.shelf_items(row)].tolist()) == set(segments.shelf_items(row).tolist())


def test_an_item_knows_on_which_shelves_it_may_stand() -> None:
    segments = random_model(3).segments
    starts, hosts = segments.shelves_of
    for item in range(200):
        found = hosts[starts[item] : starts[item + 1]].tolist()
        assert found == [row for row in range(len(segments)) if item in segments.shelf_items(row)]
    assert segments.shelf_sizes.tolist() == [len(segments.shelf_items(row)) for row in range(len(segments))]
