"""The two rectangles and their invariants."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.embedding import ItemEmbedding
from tests.worlds import BY_HAND


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 20), st.data())
def test_from_dense_keeps_the_largest_weights_at_length_one(
    seed: int, n_items: int, n_dims: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, n_dims))
    dense = rng.normal(size=(n_items, n_dims)) * (rng.random((n_items, n_dims)) < 0.7)
    embedding = ItemEmbedding.from_dense(dense, k)
    assert embedding.violation() is None
    for row, kept in zip(dense, embedding.to_dense(), strict=True):
        strongest = np.argsort(-np.abs(row), kind="stable")[:k]
        expected = np.zeros(n_dims)
        expected[strongest] = row[strongest]
        length = np.linalg.norm(expected)
        np.testing.assert_allclose(kept, expected / length if length else expected, atol=1e-6)


def test_a_shorter_row_ends_in_weight_zero_at_dims_it_does_not_use() -> None:
    embedding = ItemEmbedding.from_dense(np.array([[0.0, 0.0, 0.0, 2.0]]), 3)
    assert embedding.weights.tolist() == [[1.0, 0.0, 0.0]]
    assert embedding.dims[0, 0] == 3
    assert len(set(embedding.dims[0].tolist())) == 3


def test_an_item_never_trained_has_a_zero_row() -> None:
    embedding = ItemEmbedding.from_dense(BY_HAND, 2)
    assert embedding.coded.tolist() == [True] * 5 + [False]


def test_dims_take_two_bytes_up_to_65536_and_four_beyond() -> None:
    assert ItemEmbedding.from_entries(np.array([[65_535]]), np.ones((1, 1)), 65_536).dims.dtype == np.uint16
    assert ItemEmbedding.from_entries(np.array([[65_536]]), np.ones((1, 1)), 65_537).dims.dtype == np.uint32


@pytest.mark.parametrize("k", [0, 5])
def test_k_must_fit_the_dims(k: int) -> None:
    with pytest.raises(ValueError, match="between 1 and the 4 dims"):
        ItemEmbedding.from_dense(BY_HAND, k)


def broken(dims: object, weights: object, n_dims: int = 4) -> str | None:
    return ItemEmbedding(np.array(dims, np.uint16), np.array(weights, np.float32), n_dims).violation()


@pytest.mark.parametrize(
    ("dims", "weights", "words"),
    [
        ([[0, 9]], [[0.6, 0.8]], "out of range"),
        ([[1, 0]], [[0.6, 0.8]], "do not ascend"),
        ([[1, 1]], [[0.6, 0.8]], "do not ascend"),
        ([[1, 1]], [[1.0, 0.0]], "names a dim twice"),
        ([[0, 1]], [[0.0, 1.0]], "behind a zero"),
        ([[0, 1]], [[0.6, 0.6]], "has length"),
        ([[0, 1]], [[np.nan, 1.0]], "not a finite number"),
        ([[0, 1]], [[1.0]], "equal rectangles"),
        (np.empty((0, 2)), np.empty((0, 2)), "no items"),
    ],
)
def test_a_broken_invariant_is_named(dims: object, weights: object, words: str) -> None:
    assert words in str(broken(dims, weights))


def test_rows_of_different_lengths_become_rectangles() -> None:
    starts, dims = np.array([0, 3, 3, 4, 6]), np.array([4, 0, 2, 1, 3, 1])
    found = ItemEmbedding.from_rows(starts, dims, np.array([2.0, -1, 2, -5, 3, 4]), 5)
    assert found.violation() is None
    expected = np.array([[-1 / 3, 0, 2 / 3, 0, 2 / 3], [0, 0, 0, 0, 0], [0, -1, 0, 0, 0], [0, 0.8, 0, 0.6, 0]])
    np.testing.assert_allclose(found.to_dense(), expected, atol=1e-6)
    assert found.k == 3


def test_rows_without_any_weight_have_no_rectangle() -> None:
    with pytest.raises(ValueError, match="no row has a weight"):
        ItemEmbedding.from_rows(np.zeros(4, np.int64), np.array([], np.int64), np.array([]), 5)
