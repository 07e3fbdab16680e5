"""Packed codes: what is kept of a matrix, and that every way to read it reads the same."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding, fitted_levels
from tests import oracle
from tests.worlds import BY_HAND


def some_rows(seed: int, n_items: int, n_dims: int, k: int) -> ItemEmbedding:
    """Of every length, some empty, heavy tails, more positive weights than negative ones."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_t(4, size=(n_items, n_dims)) + 0.2
    dense *= rng.random((n_items, n_dims)) < rng.choice([0.0, 0.3, 1.0], (n_items, 1), p=[0.1, 0.4, 0.5])
    return ItemEmbedding.from_dense(dense, k)


@given(st.integers(0, 2**32), st.integers(1, 30), st.sampled_from([1, 5, 24, 4096, 4097]), st.data())
def test_a_packed_matrix_keeps_the_form_and_reads_the_same_everywhere(
    seed: int, n_items: int, n_dims: int, data: st.DataObject
) -> None:
    embedding = some_rows(seed, n_items, n_dims, data.draw(st.integers(1, min(n_dims, 12))))
    packed = PackedEmbedding.pack(embedding)
    assert packed.violation() is None
    assert (packed.n_items, packed.n_dims, packed.k) == (n_items, n_dims, embedding.k)
    assert packed.bytes_per_item == embedding.k * (2 if n_dims <= 4096 else 4)
    assert (packed.coded == embedding.coded).all()
    A = packed.to_dense().astype(np.float64)
    assert ((A != 0) == (embedding.to_dense() != 0)).all()
    assert (np.sign(A) == np.sign(embedding.to_dense())).all()
    np.testing.assert_allclose(np.linalg.norm(A, axis=1), packed.coded, atol=1e-6)
    dims, weights = packed.codes_of(np.arange(n_items, dtype=np.int32))
    assert (dims[weights != 0] == embedding.dims[weights != 0]).all()
    np.testing.assert_allclose(weights, np.take_along_axis(A, embedding.dims.astype(np.int64), axis=1), atol=1e-6)
    rows = np.array(data.draw(st.lists(st.integers(0, n_items - 1), max_size=6)), np.int32)
    history = np.array(data.draw(st.lists(st.floats(-5, 5), min_size=len(rows), max_size=len(rows))), np.float64)
    profile = packed.profile(rows, history)
    np.testing.assert_allclose(profile, oracle.profile(A, rows.tolist(), history.tolist()), atol=1e-5)


@pytest.mark.parametrize(("n_dims", "most"), [(64, 1e-4), (2048, 3e-4), (4096, 1e-3), (5000, 1e-4)])
def test_what_is_lost_is_a_small_angle(n_dims: int, most: float) -> None:
    embedding = some_rows(0, 2000, n_dims, 16)
    kept = (PackedEmbedding.pack(embedding).to_dense() * embedding.to_dense()).sum(axis=1)[embedding.coded]
    assert (1 - kept).mean() < most


def test_a_row_is_packed_with_the_factor_that_suits_it() -> None:
    """A row's length is free, so it may be stretched to lie on the levels: that is worth a third of the angle."""
    embedding = some_rows(0, 2000, 4096, 16)
    order = np.argsort(-np.abs(embedding.weights), axis=1, kind="stable")
    weights = np.take_along_axis(embedding.weights, order, axis=1)
    levels, _ = fitted_levels(weights, 15, (1, 1))  # of 16 bands, as there are places
    weights = weights[embedding.coded]
    nearest = np.stack([own[1:][np.abs(weights[:, j, None] - own[1:]).argmin(axis=1)] for j, own in enumerate(levels)])
    nearest = nearest.T * (weights != 0)
    plain = (nearest * weights).sum(axis=1) / np.linalg.norm(nearest, axis=1)
    kept = (PackedEmbedding.pack(embedding).to_dense() * embedding.to_dense()).sum(axis=1)[embedding.coded]
    assert (1 - kept).mean() < 0.75 * (1 - plain).mean()


def test_few_distinct_weights_are_kept_as_they_are() -> None:
    embedding = ItemEmbedding.from_dense(BY_HAND, 2)
    np.testing.assert_allclose(PackedEmbedding.pack(embedding).to_dense(), embedding.to_dense(), atol=1e-7)


@pytest.mark.parametrize("sign", [1, -1])
def test_weights_of_one_sign_have_all_levels(sign: int) -> None:
    embedding = ItemEmbedding.from_dense(sign * np.abs(np.random.default_rng(0).normal(size=(500, 40))), 8)
    packed = PackedEmbedding.pack(embedding)
    assert packed.levels.shape == (8, 64)
    assert (np.sign(packed.levels[:, 1:]) == sign).all()
    assert all(len(np.unique(band)) == 64 for band in packed.levels)
    assert packed.violation() is None


def test_equal_rows_are_packed_alike_and_a_second_packing_changes_nothing() -> None:
    embedding = ItemEmbedding.from_dense(np.repeat(np.random.default_rng(0).normal(size=(50, 24)), 2, axis=0), 6)
    packed = PackedEmbedding.pack(embedding)
    assert (packed.codes[::2] == packed.codes[1::2]).all()
    assert (PackedEmbedding.pack(embedding).codes == packed.codes).all()


def test_a_matrix_without_any_weight_is_packed() -> None:
    packed = PackedEmbedding.pack(ItemEmbedding.from_dense(np.zeros((3, 8)), 2))
    assert packed.violation() is None
    assert not packed.coded.any()
    assert not packed.codes.any()
