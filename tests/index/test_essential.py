"""Search that reads a part of the posting lists answers as if all items had been scored, to the last bit."""

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import essential_kernels, signed_kernels
from index.embedding import ItemEmbedding
from index.essential_kernels import Answerable
from index.item_set import ItemSet
from index.kernels import Rows
from index.packed import PackedEmbedding
from index.search import Mask, PackedSearch, Ranking, rank
from tests import oracle

ALL = np.empty(0, np.uint64)
NONE = np.empty(0, np.int32)


def adversarial(seed: int, n_items: int, n_dims: int, k: int) -> PackedEmbedding:
    """Equal rows, empty ones, short ones, one dim that most have, weights of a few sizes or of many."""
    rng = np.random.default_rng(seed)
    dense = rng.standard_t(2, size=(n_items, n_dims)) if seed % 2 else rng.choice([-1.0, 1.0, 2.0], (n_items, n_dims))
    dense *= rng.random((n_items, n_dims)) < rng.choice([0.05, 0.5, 1.0])
    if seed % 3 == 0:
        dense[:, 0] = rng.choice([-3.0, 3.0])
    dense[rng.random(n_items) < 0.1] = 0.0
    if n_items > 3:
        dense[rng.integers(0, n_items, n_items // 3)] = dense[0]
    return PackedEmbedding.pack(ItemEmbedding.from_dense(dense, k))


def profiles(seed: int, packed: PackedEmbedding) -> list[NDArray[np.float64]]:
    """Of a history, of an item, of noise, against every item, of one dim, of next to nothing, of nearly all."""
    rng = np.random.default_rng(seed)
    rows = np.unique(rng.integers(0, packed.n_items, 9)).astype(np.int32)
    one = np.zeros(packed.n_dims)
    one[rng.integers(packed.n_dims)] = -2.0
    return [
        packed.profile(rows, rng.choice([1.0, -1.0, 0.5], len(rows))),
        packed.profile(rows[:1], np.ones(1)),
        rng.normal(size=packed.n_dims),
        -np.abs(packed.to_dense()).sum(axis=0, dtype=np.float64),
        one,
        1e-12 * rng.normal(size=packed.n_dims),
        1e-300 * rng.normal(size=packed.n_dims),
        1e307 * rng.uniform(-1, 1, size=packed.n_dims),
    ]


def every_item_scored(search: PackedSearch, profile: NDArray[np.float64], n: int, mask: Mask) -> Ranking:
    scores = mask.apply(search.scores(profile))
    scores[search.rows.scales == 0] = -np.inf
    return rank(scores, n)


def same(found: tuple[Rows, NDArray[np.float64]], expected: Ranking) -> bool:
    return (found[0].tolist(), found[1].tolist()) == (expected.rows.tolist(), expected.scores.tolist())


@given(st.integers(0, 2**16), st.integers(1, 400), st.sampled_from([1, 7, 40, 5000]), st.integers(1, 500), st.data())
@example(3, 300, 40, 10, None)
def test_the_best_are_those_of_a_full_scan(
    seed: int, n_items: int, n_dims: int, n: int, data: st.DataObject | None
) -> None:
    k = data.draw(st.integers(1, min(n_dims, 12))) if data else 8
    packed = adversarial(seed, n_items, n_dims, k)
    search, rng = PackedSearch(packed), np.random.default_rng(seed)
    never = np.flatnonzero(rng.random(n_items) < rng.choice([0.0, 0.1, 0.9])).astype(np.int32)
    only = ItemSet.of_flags(rng.random(n_items) < rng.choice([0.02, 0.5]))
    for profile in profiles(seed, packed):
        if not profile.any():
            continue
        for mask, words in ((Mask(None, never), ALL), (Mask(only, never), only.words)):
            expected = every_item_scored(search, profile, n, mask)
            found = essential_kernels.best(search.index, profile, n, Answerable(never, words))
            assert same(found[:2], expected)
            assert same(search.best(profile, n, mask), expected)


@given(st.integers(0, 2**16), st.integers(1, 60), st.sampled_from([1, 7, 40, 5000]))
def test_scores_are_those_of_the_dense_product(seed: int, n_items: int, n_dims: int) -> None:
    packed = adversarial(seed, n_items, n_dims, min(n_dims, 6))
    search, A = PackedSearch(packed), packed.to_dense().astype(np.float64)
    some = np.random.default_rng(seed).integers(0, n_items, 10).astype(np.int32)
    for profile in profiles(seed, packed):
        scores = search.scores(profile)
        np.testing.assert_allclose(scores, A @ profile, atol=1e-5 * max(1.0, float(np.abs(profile).max())))
        assert (signed_kernels.score_some(search.rows, profile, some) == scores[some]).all()


def test_items_of_several_groups_of_rows_are_found() -> None:
    rng = np.random.default_rng(0)
    n_items = (2 << signed_kernels.GROUP_BITS) + 1000
    dims = np.sort(rng.permuted(np.tile(np.arange(24), (n_items, 1)), axis=1)[:, :6], axis=1)
    packed = PackedEmbedding.pack(ItemEmbedding.from_entries(dims, rng.normal(size=dims.shape), 24))
    search = PackedSearch(packed)
    for _ in range(10):
        history = np.unique(rng.integers(0, n_items, 5)).astype(np.int32)
        profile, mask = packed.profile(history, np.ones(len(history))), Mask.hiding(history)
        assert same(search.best(profile, 50, mask), every_item_scored(search, profile, 50, mask))


def test_equal_codes_get_equal_scores_and_go_by_row() -> None:
    packed = PackedEmbedding.pack(
        ItemEmbedding.from_dense(np.repeat(np.random.default_rng(0).normal(size=(300, 24)), 2, axis=0), 6)
    )
    found = PackedSearch(packed).best(np.random.default_rng(1).normal(size=24), 40, Mask.hiding(NONE))
    assert (found.scores[::2] == found.scores[1::2]).all()
    assert (found.rows[::2] + 1 == found.rows[1::2]).all()


def test_most_lists_stay_unread_where_few_items_are_asked_for() -> None:
    rng = np.random.default_rng(0)
    packed = PackedEmbedding.pack(ItemEmbedding.from_dense(rng.standard_t(2, size=(5000, 512)), 16))
    search = PackedSearch(packed)
    history = np.arange(40, dtype=np.int32)
    profile = packed.profile(history, np.ones(40))
    work = essential_kernels.best(search.index, profile, 10, Answerable(history, ALL))[2]
    dims, weights = packed.codes_of(np.arange(packed.n_items, dtype=np.int32))
    n_entries = int((profile[dims[weights != 0]] != 0).sum())
    assert work.lists < 0.8 * np.count_nonzero(profile)
    assert work.entries < 0.4 * n_entries
    assert work.last_scored < packed.n_items / 2


def test_real_histories_are_answered_as_by_the_dense_product(test_data: Path) -> None:
    folder = test_data / "published-weights"
    matrix = sp.csr_matrix(sp.load_npz(folder / "gb10_weights_2048_16nnz_sparse.npz"))
    matrix.sort_indices()
    packed = PackedEmbedding.pack(ItemEmbedding.from_rows(matrix.indptr, matrix.indices, matrix.data, 2048))
    users = sp.csr_matrix(sp.load_npz(folder / "gb10_test_users.npz"))
    search, A = PackedSearch(packed), packed.to_dense().astype(np.float64)
    for user in range(0, users.shape[0], 25):
        history = np.sort(users[user].indices).astype(np.int32)
        profile, mask = packed.profile(history, np.ones(len(history))), Mask.hiding(history)
        found = search.best(profile, 100, mask)
        assert same(found, every_item_scored(search, profile, 100, mask))
        expected = mask.apply(A @ (A[history].sum(axis=0)))
        assert oracle.same_order(
            found.rows.tolist(), expected, oracle.ranking(expected, 100, (expected > -np.inf).tolist()), 1e-5
        )
