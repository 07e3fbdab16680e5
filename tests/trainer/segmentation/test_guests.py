"""Soft membership, against a dense and slow version of its rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.embedding import ItemEmbedding
from trainer.segmentation.guests import MOST_SEGMENTS, TYPICAL, guests


@pytest.mark.parametrize("cells", [1, 30, 10_000])
@given(st.integers(0, 2**32), st.integers(1, 9))
def test_a_guest_is_as_close_to_the_mean_code_as_a_quarter_of_the_members_are_at_most(
    cells: int, seed: int, n_segments: int
) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(60, 8))
    dense[::13] = 0
    embedding = ItemEmbedding.from_dense(dense, 3)
    membership = rng.integers(0, n_segments, 60).astype(np.int32)
    membership[~embedding.coded] = -1
    attention = rng.random(60) + 0.1
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(guests.__globals__, "_CELLS", cells)
        found = guests(embedding, membership, n_segments, attention)
    assert found.violation(membership, n_segments) is None
    A = embedding.to_dense().astype(np.float64)
    centres = np.stack([(A * (attention * (membership == row))[:, None]).sum(axis=0) for row in range(n_segments)])
    centres /= np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-12)
    cosines = A @ centres.T
    for item in range(60):
        visited = {row for row in range(n_segments) if item in found.rows[found.starts[row] : found.starts[row + 1]]}
        if membership[item] < 0:
            assert not visited
            continue
        close = [
            (-cosines[item, row], row)
            for row in range(n_segments)
            if row != membership[item]
            and (membership == row).any()
            and cosines[item, row] > 0
            and cosines[item, row] >= np.quantile(cosines[membership == row, row], TYPICAL) - 1e-6
        ]
        assert len(visited) == min(len(close), MOST_SEGMENTS)
        assert all(-cosines[item, row] <= sorted(close)[:MOST_SEGMENTS][-1][0] + 1e-6 for row in visited)


def test_where_every_item_is_alone_nobody_visits_but_who_is_the_same() -> None:
    A = np.zeros((4, 3))
    A[[0, 1, 2], [0, 1, 2]] = 1
    A[3] = A[0]
    found = guests(ItemEmbedding.from_dense(A, 1), np.array([0, 1, 2, 3], np.int32), 4, np.ones(4))
    assert [found.rows[found.starts[row] : found.starts[row + 1]].tolist() for row in range(4)] == [[3], [], [], [0]]


def test_without_segments_there_are_no_guests() -> None:
    found = guests(ItemEmbedding.from_dense(np.zeros((3, 2)), 1), np.full(3, -1, np.int32), 0, np.ones(3))
    assert (len(found.starts), len(found.rows)) == (1, 0)
