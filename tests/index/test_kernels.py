"""Every kernel against the oracle, and with what a kernel must survive."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from index import kernels
from index.embedding import ItemEmbedding
from tests import oracle

KERNELS: tuple[Any, ...] = (kernels.invert, kernels.fold_in, kernels.accumulate, kernels.top_n)


def test_every_kernel_is_compiled() -> None:
    assert all(hasattr(kernel, "py_func") for kernel in KERNELS)


def test_no_kernel_runs_in_parallel_or_holds_the_interpreter() -> None:
    for kernel in KERNELS:
        assert not kernel.targetoptions.get("parallel", False)
        assert kernel.targetoptions["nogil"]


@given(
    arrays(np.float64, st.integers(0, 60), elements=st.sampled_from([-np.inf, -2.0, -0.5, 0.0, 0.5, 0.5, 3.0])),
    st.integers(0, 70),
)
def test_top_n_is_the_sorted_head_with_ties_by_row(scores: oracle.Matrix, n: int) -> None:
    rows, values = kernels.top_n(scores, n)
    expected = oracle.ranking(scores, n, [score != -np.inf for score in scores])
    assert rows.tolist() == expected
    assert values.tolist() == [scores[row] for row in expected]


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(1, 12), st.data())
def test_posting_lists_score_as_the_dense_product_does(
    seed: int, n_items: int, n_dims: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, n_dims))
    dense = rng.normal(size=(n_items, n_dims)) * (rng.random((n_items, n_dims)) < 0.6)
    embedding = ItemEmbedding.from_dense(dense, k)
    A = embedding.to_dense().astype(np.float64)
    rows = data.draw(st.lists(st.integers(0, n_items - 1), max_size=8))
    weights = data.draw(st.lists(st.floats(-5, 5), min_size=len(rows), max_size=len(rows)))
    profile = kernels.fold_in(
        embedding.dims, embedding.weights, np.array(rows, np.int32), np.array(weights, np.float64), n_dims
    )
    scores = kernels.accumulate(embedding.invert(), profile, n_items)
    np.testing.assert_allclose(profile, oracle.profile(A, rows, weights), atol=1e-5)
    np.testing.assert_allclose(scores, oracle.scores(A, rows, weights), atol=1e-5)


def test_equal_codes_get_equal_scores_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    dense = np.repeat(rng.normal(size=(50, 24)), 2, axis=0)
    embedding = ItemEmbedding.from_dense(dense, 6)
    scores = kernels.accumulate(embedding.invert(), rng.normal(size=24), 100)
    assert (scores[::2] == scores[1::2]).all()


def test_inversion_keeps_every_nonzero_once_and_rows_ascend_within_a_dim() -> None:
    embedding = ItemEmbedding.from_dense(np.random.default_rng(1).normal(size=(30, 7)), 3)
    postings = embedding.invert()
    rebuilt = np.zeros((30, 7), np.float32)
    for dim in range(7):
        rows = postings.rows[postings.starts[dim] : postings.starts[dim + 1]]
        assert (np.diff(rows) > 0).all()
        rebuilt[rows, dim] = postings.weights[postings.starts[dim] : postings.starts[dim + 1]]
    assert (rebuilt == embedding.to_dense()).all()


@pytest.mark.parametrize("n", [0, 1, 5])
def test_nothing_is_ranked_where_everything_is_masked(n: int) -> None:
    rows, values = kernels.top_n(np.full(4, -np.inf), n)
    assert len(rows) == len(values) == 0
