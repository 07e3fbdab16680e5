"""Search that reads a part of the posting lists answers as if all items had been scored, to the last bit."""

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import block_kernels, essential_kernels, packed_kernels
from index.bound_kernels import Active, Answerable, Searchable
from index.embedding import ItemEmbedding
from index.essential_kernels import Found, Heap, Results, Work
from index.item_set import ItemSet
from index.kernels import Rows
from index.packed import PackedEmbedding
from index.search import Mask, PackedSearch, Ranking, rank
from index.search_kernels import LISTS, SCAN
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


def essential(
    packed: PackedEmbedding, size: int, profile: NDArray[np.float64], n: int, mask: Mask
) -> tuple[Ranking, Work]:
    """By lists over blocks of `size` rows, the largest |profile| first."""
    postings = block_kernels.invert_blocks(packed.rows, packed.n_dims, size)
    dims = np.flatnonzero(profile)
    dims = dims[np.argsort(-np.abs(profile[dims]))]
    scores, rows = np.empty(n), np.empty(n, np.int32)
    answerable = Answerable(mask.never, ALL if mask.only is None else mask.only.words)
    results = Results(Heap(scores, rows), Found.room(postings.n_blocks))
    found, work = essential_kernels.fill(
        Searchable(packed.rows, postings), profile, Active(dims, True), answerable, results
    )
    return Ranking(rows[:found], scores[:found]), work


def same(found: tuple[Rows, NDArray[np.float64]], expected: Ranking) -> bool:
    return (found[0].tolist(), found[1].tolist()) == (expected.rows.tolist(), expected.scores.tolist())


@settings(max_examples=40)
@given(st.integers(0, 2**16), st.integers(1, 400), st.sampled_from([1, 7, 40, 5000]), st.integers(1, 500), st.data())
@example(3, 300, 40, 10, None)
def test_the_best_are_those_of_a_full_scan(
    seed: int, n_items: int, n_dims: int, n: int, data: st.DataObject | None
) -> None:
    k = data.draw(st.integers(1, min(n_dims, 12))) if data else 8
    packed = adversarial(seed, n_items, n_dims, k)
    search, rng = PackedSearch(packed), np.random.default_rng(seed)
    size = (1, 2, 4)[seed // 6 % 3]
    never = np.flatnonzero(rng.random(n_items) < rng.choice([0.0, 0.1, 0.9])).astype(np.int32)
    only = ItemSet.of_flags(rng.random(n_items) < rng.choice([0.02, 0.5]))
    for profile in profiles(seed, packed):
        if not profile.any():
            continue
        for mask in (Mask(None, never), Mask(only, never)):
            expected = every_item_scored(search, profile, n, mask)
            assert same(essential(packed, size, profile, n, mask)[0], expected)
            for way in (LISTS, SCAN):
                assert same(search.search(profile, n, mask, way)[0], expected)
            assert same(search.best(profile, n, mask), expected)


@given(st.integers(0, 2**16), st.integers(1, 60), st.sampled_from([1, 7, 40, 5000]))
def test_scores_are_those_of_the_dense_product(seed: int, n_items: int, n_dims: int) -> None:
    packed = adversarial(seed, n_items, n_dims, min(n_dims, 6))
    search, A = PackedSearch(packed), packed.to_dense().astype(np.float64)
    some = np.random.default_rng(seed).integers(0, n_items, 10).astype(np.int32)
    for profile in profiles(seed, packed):
        scores = search.scores(profile)
        np.testing.assert_allclose(scores, A @ profile, atol=1e-5 * max(1.0, float(np.abs(profile).max())))
        assert (packed_kernels.score_some(packed.fields, profile, some) == scores[some]).all()


def alike_neighbours(rng: np.random.Generator, n_items: int) -> PackedEmbedding:
    """Of 40 rows each, that have half of their dims in common."""
    dims = np.argsort(rng.random((n_items // 40 + 1, 1024)), axis=1)[np.arange(n_items) // 40, :24]
    dims = np.take_along_axis(dims, np.argsort(rng.random(dims.shape), axis=1)[:, :16], axis=1)
    signs = np.where(dims % 3 == 0, -1.0, 1.0)
    return PackedEmbedding.pack(
        ItemEmbedding.from_entries(dims, signs * np.exp(0.3 * rng.normal(size=dims.shape)), 1024)
    )


@pytest.mark.parametrize("size", [1, 2, 4])
def test_items_of_several_groups_of_blocks_are_found(size: int) -> None:
    """Neighbours are alike, so that few blocks are scored; a bound that is too low would lose some of the best."""
    rng = np.random.default_rng(0)
    n_items = size * (2 << block_kernels.GROUP_BITS) + 1001
    packed = alike_neighbours(rng, n_items)
    search = PackedSearch(packed)
    for n in (1, 10, 100):
        for _ in range(5):
            history = np.unique(rng.integers(0, n_items, 9)).astype(np.int32)
            profile, mask = packed.profile(history, np.ones(len(history))), Mask.hiding(history)
            found, work = essential(packed, size, profile, n, mask)
            assert same(found, every_item_scored(search, profile, n, mask))
            assert work.first_scored + work.last_scored < n_items / 4


def test_large_catalogues_of_alike_neighbours_have_blocks_of_several_rows() -> None:
    rng, n_items = np.random.default_rng(0), 2**17
    alike = np.repeat(rng.permuted(np.tile(np.arange(64), (n_items // 4, 1)), axis=1)[:, :4], 4, axis=0)
    for dims, size in ((np.sort(alike, axis=1), 4), (np.sort(rng.permuted(alike, axis=0), axis=1), 1)):
        packed = PackedEmbedding.pack(ItemEmbedding.from_entries(dims, np.ones(dims.shape), 4096))
        assert PackedSearch(packed).index.postings.rows == size
    assert PackedSearch(adversarial(1, 300, 64, 8)).index.postings.rows == 1


def test_a_profile_may_have_more_active_dims_than_two_bytes_can_count() -> None:
    rng, (n_items, k, n_dims) = np.random.default_rng(0), (5_000, 64, 100_000)
    dims = np.sort(rng.permuted(np.tile(np.arange(n_dims // 50), (n_items, 1)), axis=1)[:, :k] * 50, axis=1)
    dims += rng.integers(0, 50, dims.shape)
    packed = PackedEmbedding.pack(ItemEmbedding.from_entries(dims, rng.random(dims.shape) + 0.1, n_dims))
    search, profile = PackedSearch(packed), rng.random(n_dims) + 0.1  # no sign hides what is lost
    mask = Mask.hiding(NONE)
    assert same(search.search(profile, 20, mask, LISTS)[0], every_item_scored(search, profile, 20, mask))


def test_equal_codes_get_equal_scores_and_go_by_row() -> None:
    packed = PackedEmbedding.pack(
        ItemEmbedding.from_dense(np.repeat(np.random.default_rng(0).normal(size=(300, 24)), 2, axis=0), 6)
    )
    found = PackedSearch(packed).best(np.random.default_rng(1).normal(size=24), 40, Mask.hiding(NONE))
    assert (found.scores[::2] == found.scores[1::2]).all()
    assert (found.rows[::2] + 1 == found.rows[1::2]).all()


def test_most_entries_stay_unread_where_few_items_are_asked_for() -> None:
    packed = alike_neighbours(np.random.default_rng(0), 20_000)
    history = np.arange(0, 20_000, 500, dtype=np.int32)
    profile = packed.profile(history, np.ones(len(history)))
    work = essential(packed, 1, profile, 10, Mask.hiding(history))[1]
    dims, weights = packed.codes_of(np.arange(packed.n_items, dtype=np.int32))
    n_entries = int((profile[dims[weights != 0]] != 0).sum())
    assert work.lists < 0.5 * np.count_nonzero(profile)
    assert work.entries < 0.6 * n_entries
    assert work.first_scored + work.last_scored < packed.n_items / 20


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
        assert same(essential(packed, 1, profile, 100, mask)[0], found)
        expected = mask.apply(A @ (A[history].sum(axis=0)))
        assert oracle.same_order(
            found.rows.tolist(), expected, oracle.ranking(expected, 100, (expected > -np.inf).tolist()), 1e-5
        )
