"""Lists whose items differ, against maximal marginal relevance written out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.recommender import Recommender
from tests import oracle
from tests.worlds import random_model

HISTORY = ["item-3", "item-9", "item-27"]


def written_out(A: oracle.Matrix, pool: list[int], scores: list[float], n: int, diversity: float) -> list[int]:
    """MMR over rows and their scores, one pair at a time."""
    chosen: list[int] = []
    largest = max(abs(score) for score in scores)
    while len(chosen) < min(n, len(pool)):
        worth = {
            row: (1 - diversity) * score / largest
            - diversity * max((float(A[row] @ A[one]) for one in chosen), default=0)
            for row, score in zip(pool, scores, strict=True)
            if row not in chosen
        }
        best = max(worth.values())
        chosen.append(next(row for row in pool if row in worth and worth[row] > best - 1e-9))
    return chosen


@given(st.integers(0, 30), st.sampled_from([0.1, 0.3, 0.7, 1.0]), st.integers(1, 15))
def test_diverse_lists_are_those_of_mmr_written_out(seed: int, diversity: float, n: int) -> None:
    model = random_model(seed, packed=seed % 2 == 0)
    recommender, A = Recommender(model, "v1"), model.embedding.to_dense().astype(np.float64)
    pool = recommender.recommend(HISTORY, 100).items
    rows = [int(item.item_id[5:]) for item in pool]
    expected = written_out(A, rows, [item.score for item in pool], n, diversity)
    found = [int(item.item_id[5:]) for item in recommender.recommend(HISTORY, n, diversity=diversity).items]
    assert found == expected


@pytest.mark.parametrize("seed", range(4))
def test_no_diversity_is_the_plain_ranking(seed: int) -> None:
    recommender = Recommender(random_model(seed, packed=True), "v1")
    assert recommender.recommend(HISTORY, 30, diversity=0.0) == recommender.recommend(HISTORY, 30)


def test_items_without_a_code_come_last_however_different_they_are() -> None:
    recommender = Recommender(random_model(2, n_items=40), "v1")
    sources = [item.source for item in recommender.recommend(HISTORY, 40, diversity=0.9).items]
    assert sources == sorted(sources, reverse=True)
    assert set(sources) == {"profile", "popularity"}


def test_more_diversity_is_less_alike_and_keeps_scores() -> None:
    model = random_model(1, n_items=2000, packed=True)
    recommender, A = Recommender(model, "v1"), model.embedding.to_dense()
    alike = []
    for diversity in (0.0, 0.3, 0.7):
        items = recommender.recommend(HISTORY, 20, diversity=diversity).items
        rows = A[[int(item.item_id[5:]) for item in items]]
        alike.append(float((rows @ rows.T)[np.triu_indices(20, 1)].mean()))
        assert [item.rank for item in items] == list(range(1, 21))
    assert alike[0] > alike[1] > alike[2]


@given(st.integers(0, 20), st.integers(1, 4), st.integers(1, 40))
def test_no_segment_has_more_items_than_it_may(seed: int, most: int, n: int) -> None:
    model = random_model(seed, packed=seed % 2 == 0)
    recommender, membership = Recommender(model, "v1"), model.segments.membership
    found = recommender.recommend(HISTORY, n, max_per_segment=most)
    expected: list[str] = []
    for item in recommender.recommend(HISTORY, 200).items:
        segment = membership[int(item.item_id[5:])]
        before = sum(membership[int(one[5:])] == segment for one in expected)
        if len(expected) < n and (segment < 0 or before < most):
            expected.append(item.item_id)
    assert [item.item_id for item in found.items] == expected
    assert (found.shortfall is not None) == (len(expected) < n)
    if found.shortfall:
        assert "max_per_segment" in found.shortfall
