"""Item-kNN against a dense oracle that goes pair by pair."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.trainer.worlds import random_matrix
from trainer.baselines import item_knn
from trainer.baselines.item_knn import ItemKnn
from trainer.baselines.system import Context, System

CONTEXT = Context(seed=1, dims=16)


def similarities(X: NDArray[np.float64], shrinkage: float) -> NDArray[np.float64]:
    """Shrunk cosine of every pair of columns, none of an item with itself."""
    n_items = X.shape[1]
    S = np.zeros((n_items, n_items))
    for i in range(n_items):
        for j in range(n_items):
            common = float(X[:, i] @ X[:, j])
            if i != j and common > 0:
                S[i, j] = common / (np.sqrt(X[:, i].sum() * X[:, j].sum()) + shrinkage)
    return S


def nearest_only(S: NDArray[np.float64], neighbours: int) -> NDArray[np.float64]:
    """Each column's largest entries, of equal ones the first rows."""
    kept = np.zeros_like(S)
    for j in range(S.shape[1]):
        for i in sorted(range(S.shape[0]), key=lambda i: (-S[i, j], i))[:neighbours]:
            kept[i, j] = S[i, j]
    return kept


@given(
    st.integers(0, 2**32), st.integers(1, 30), st.integers(1, 14), st.integers(1, 16), st.sampled_from([0.0, 0.5, 20.0])
)
def test_every_item_keeps_its_nearest_by_shrunk_cosine(
    seed: int, n_users: int, n_items: int, neighbours: int, shrinkage: float
) -> None:
    train = random_matrix(seed, n_users, n_items)
    expected = nearest_only(similarities(train.toarray().astype(np.float64), shrinkage), neighbours)
    found = item_knn.fit(train, neighbours, shrinkage)
    np.testing.assert_allclose(found.toarray(), expected, rtol=1e-6)
    assert (found.data > 0).all()
    assert not found.diagonal().any()
    assert np.bincount(found.indices, minlength=n_items).max() <= neighbours


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_chunks_do_not_change_the_result(seed: int, entries: int) -> None:
    train = random_matrix(seed, 30, 12)
    whole = item_knn.fit(train, 4, 1.0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(item_knn, "_CHUNK_ENTRIES", entries)
        chunked = item_knn.fit(train, 4, 1.0)
    assert np.array_equal(chunked.toarray(), whole.toarray())


def test_of_equally_similar_items_the_first_rows_are_kept() -> None:
    same = sp.csr_matrix(np.ones((5, 6), np.float32))
    found = item_knn.fit(same, 2, 0.0).toarray()
    assert [np.flatnonzero(column).tolist() for column in found.T] == [[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 1]]


def test_an_item_that_nobody_has_is_near_nothing() -> None:
    dense = random_matrix(3, 20, 6).toarray()
    dense[:, 2] = 0
    train = sp.csr_matrix(dense)
    found = item_knn.fit(train, 6, 0.0).toarray()
    assert np.isfinite(found).all()
    assert not found[2].any()
    assert not found[:, 2].any()


def test_a_candidate_is_scored_by_its_nearest_in_the_history() -> None:
    train = random_matrix(1, 40, 10)
    S = nearest_only(similarities(train.toarray().astype(np.float64), 2.0), 3)
    learned = ItemKnn(CONTEXT).fit(train, None, {"neighbours": 3, "shrinkage": 2.0}, None)
    expected = [sum(S[i, j] for i in train[user].indices) for user in range(5) for j in range(10)]
    np.testing.assert_allclose(learned.scores(train[:5]).ravel(), expected, rtol=1e-5)


def test_item_knn_is_a_system_with_one_model_for_every_budget() -> None:
    system: System = ItemKnn(CONTEXT)
    assert not system.sized
    assert len(system.settings) == 4
    learned = system.fit(random_matrix(1, 40, 10), None, {"neighbours": 3, "shrinkage": 2.0}, None)
    assert learned.paper_bytes == 8 * 3
    assert learned.stored_bytes == (4 + 2) * 3
    assert learned.setting == {"neighbours": 3, "shrinkage": 2.0}


def test_memory_grows_with_the_kept_neighbours_and_not_with_the_square_of_the_items() -> None:
    system = ItemKnn(CONTEXT)
    assert system.bytes_needed(10**6, 10**6, None) < 8 * 10**6 * 10**6 / 100
    assert system.bytes_needed(10**6, 10**6, None) > 12 * 10**6 * max(s["neighbours"] for s in system.settings)
