"""The two sides of a dim, against the dense matrix."""

from dataclasses import replace

import numpy as np
import pytest

from index.directory import Directory
from index.embedding import ItemEmbedding
from index.errors import UnknownDimError
from index.model import Model
from index.packed import PackedEmbedding
from index.search import search_of
from tests.worlds import by_hand, random_model


def directory_of(model: Model) -> Directory:
    return Directory(model, search_of(model.embedding))


@pytest.mark.parametrize(("n_dims", "packed"), [(16, False), (16, True), (1500, True), (5000, True)])
def test_the_strongest_items_of_either_side_come_first(n_dims: int, packed: bool) -> None:
    model = random_model(n_dims, n_dims=n_dims, k=6, packed=packed)
    coarse = model.popularity.round(1)  # so that some tie in both, as the equal rows of this model do in weight
    model = replace(model, popularity=coarse)
    A, directory = model.embedding.to_dense(), directory_of(model)
    never = np.array([0, 3, 18, 52, 103], np.int32)
    for dim in [*range(16), n_dims - 1]:
        for side, sign in zip(directory.sides(dim, 7, never), (1, -1), strict=True):
            rows = [row for row in np.flatnonzero(A[:, dim] * sign > 0).tolist() if row not in never]
            rows.sort(key=lambda row: (-abs(A[row, dim]), -coarse[row], row))
            assert [item.item_id for item in side.items] == [f"item-{row}" for row in rows[:7]]
            np.testing.assert_allclose([item.weight for item in side.items], A[rows[:7], dim], atol=1e-6)
            assert (side.sign, side.n_items) == (sign, len(rows))
            having = [f"s{row}" for row in range(8) if (dim, sign) in model.segments.signed_dims(row)]
            assert [one.segment_id for one in side.segments] == having


def test_items_of_all_pieces_of_a_large_catalogue_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("index.packed._ROWS_SCANNED", 7)
    embedding = random_model(1, packed=True).embedding
    A = embedding.to_dense()
    for dim in range(32):
        rows, weights = embedding.having(dim)
        assert rows.tolist() == np.flatnonzero(A[:, dim]).tolist()
        np.testing.assert_array_equal(weights, A[rows, dim])


def test_the_last_dim_and_level_that_a_code_can_name_are_found() -> None:
    """2^12 dims and 15 levels fill 16 bits to the last one, behind which 0 comes again: a place without a code."""
    dense = np.zeros((40, 4096))
    dense[np.arange(40), 4095] = 1.0
    dense[np.arange(40), 0] = np.linspace(-1, 1, 40)
    dense[7] = 0.0
    embedding = PackedEmbedding.pack(ItemEmbedding.from_dense(dense, 2))
    assert int(embedding.codes.max()) > 2**16 - 16
    for dim in (0, 4095):
        assert embedding.having(dim)[0].tolist() == np.flatnonzero(embedding.to_dense()[:, dim]).tolist()
    assert embedding.having(4094)[0].tolist() == embedding.having(1)[0].tolist() == []


@pytest.mark.parametrize("dim", [-1, 4, 2**70])
def test_a_dim_that_the_model_has_not_is_an_error(dim: int) -> None:
    with pytest.raises(UnknownDimError, match="it has 0 to 3"):
        directory_of(by_hand(packed=True)).sides(dim, 1)
