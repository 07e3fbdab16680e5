"""The paper's protocol: its draws, its leaks, and the published figures that come out of it."""

from math import ceil
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import artifact
from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding
from tests.trainer.worlds import interactions_of, random_matrix
from trainer.__main__ import main
from trainer.errors import ConfigurationError, DataError
from trainer.evaluate import quality, rank_embedding, rank_scores
from trainer.paper_split import FOLDS, PaperHoldout, paper_holdout, paper_split
from trainer.split import Split


def halves(parts: Split) -> tuple[PaperHoldout, PaperHoldout]:
    assert isinstance(parts.validation, PaperHoldout)
    assert isinstance(parts.test, PaperHoldout)
    return parts.validation, parts.test


@given(st.integers(0, 2**32 - 1), st.integers(5, 40), st.integers(1, 2))
def test_users_are_those_of_the_legacy_generator_and_validation_ones_come_of_the_rest(
    seed: int, n_users: int, size: int
) -> None:
    matrix = random_matrix(3, n_users, 12)
    parts = paper_split(interactions_of(matrix), seed=seed, n_held_out=size)
    validation, test = halves(parts)
    expected_test = sorted(np.random.RandomState(seed).permutation(n_users)[:size].tolist())
    others = [user for user in range(n_users) if user not in expected_test]
    places = np.random.RandomState(seed).permutation(len(others))[:size]
    expected_validation = sorted(others[place] for place in places)
    assert test.users.tolist() == expected_test * FOLDS
    assert validation.users.tolist() == expected_validation
    assert parts.full_train is not None
    dense = matrix.toarray()
    assert np.array_equal(parts.full_train.toarray(), dense[others])
    train = [user for user in others if user not in expected_validation]
    assert np.array_equal(parts.train.toarray(), dense[train])


def test_a_fifth_is_drawn_with_replacement_anew_in_every_fold_by_one_stream_of_draws() -> None:
    matrix = random_matrix(5, 7, 40, 0.5)
    found = paper_holdout(matrix, np.ones(40, np.bool_), seed=11, users=np.arange(7))
    random = np.random.RandomState(11)
    rows = iter(range(7 * FOLDS))
    for _ in range(FOLDS):
        for user in range(7):
            items = np.flatnonzero(matrix.toarray()[user])
            hidden = set(random.choice(items, ceil(0.2 * len(items))).tolist())
            row = next(rows)
            assert set(np.flatnonzero(found.targets.toarray()[row]).tolist()) == hidden
            assert set(np.flatnonzero(found.history.toarray()[row]).tolist()) == set(items.tolist()) - hidden


def test_about_18_of_100_items_are_hidden_and_never_all() -> None:
    matrix = random_matrix(1, 60, 400, 0.5)
    found = paper_holdout(matrix, np.ones(400, np.bool_), seed=1, users=np.arange(60))
    share = found.targets.nnz / (found.targets.nnz + found.history.nnz)
    assert 0.17 < share < 0.19
    assert found.history.getnnz(axis=1).min() > 0


def ranked(scores: list[float], history: list[int], known: list[bool], hidden: list[int], depth: int) -> list[int]:
    """The protocol in a slow loop."""
    changed = [0.0 if item in history else score for item, score in enumerate(scores)]
    order = sorted((item for item in range(len(scores)) if known[item]), key=lambda item: (-changed[item], item))
    return [item for item in order[:depth] if item in hidden]


@given(st.integers(0, 2**32), st.integers(1, 12))
def test_seen_items_score_zero_unknown_ones_are_left_out_and_only_hidden_ones_count(seed: int, depth: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = random_matrix(seed, 6, 10, 0.6)
    known = rng.random(10) < 0.8
    holdout = paper_holdout(matrix, known, seed=seed % 2**32, users=np.arange(6))
    hidden = np.flatnonzero(holdout.targets.toarray().any(axis=0)).tolist()
    scores = np.round(rng.normal(size=10), 1)
    for user in range(holdout.n_users):
        history = np.flatnonzero(holdout.history.toarray()[user]).tolist()
        expected = ranked(scores.tolist(), history, known.tolist(), hidden, depth)
        assert holdout.ranking(user, scores, depth).tolist() == expected


def test_a_target_that_training_never_saw_still_counts_against_the_model() -> None:
    dense = np.ones((4, 6), np.float32)
    known = np.array([True, True, True, True, True, False])
    holdout = paper_holdout(sp.csr_matrix(dense), known, seed=0, users=np.arange(4))
    assert holdout.targets[:, [5]].nnz
    rankings = rank_scores(lambda histories: np.tile(np.arange(6.0), (histories.shape[0], 1)), holdout)
    values = quality(rankings, holdout.targets)
    missing = holdout.targets.toarray()[:, 5] > 0
    assert (values.recall_20[missing] < 1).all()


@pytest.mark.parametrize(("n_users", "size"), [(2, 1), (10, 5), (10, 0)])
def test_too_few_users_are_refused(n_users: int, size: int) -> None:
    with pytest.raises(DataError, match="too few"):
        paper_split(interactions_of(random_matrix(0, n_users, 6)), seed=1, n_held_out=size)


def test_a_seed_that_the_legacy_generator_has_not_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="seeds"):
        paper_split(interactions_of(random_matrix(0, 20, 6)), seed=2**32, n_held_out=1)


def test_the_published_weights_give_the_published_figures(test_data: Path, tmp_path: Path) -> None:
    """Recall@20 0.3218, recall@50 0.4622, nDCG@100 0.4609 with seed 42, of 9,636 items that are anybody's target.

    Packed into 2 bytes a non-zero they lose less than .001 of any.
    """
    folder = test_data / "published-weights"
    order = tmp_path / "order.txt"
    order.write_text("\n".join(sorted(str(number) for number in range(1, 10_001))) + "\n")
    options = [
        "--matrix",
        str(folder / "gb10_weights_2048_16nnz_sparse.npz"),
        "--item-ids",
        str(order),
        "--codes",
        "float32",
    ]
    assert main(["import", *options, "--out", str(tmp_path / "artifacts"), "--quiet"]) == 0
    embedding = artifact.open_current(tmp_path / "artifacts").model.embedding
    holdout = paper_holdout(published_users(folder), np.ones(10_000, np.bool_), seed=42, users=np.arange(2_500))
    assert holdout.n_users == 12_500
    assert holdout.hidden_of_anybody.sum() == 9_636
    means = quality(rank_embedding(embedding, holdout), holdout.targets).means()
    names = ("recall@20", "recall@50", "ndcg@100")
    assert [round(means[name], 4) for name in names] == [0.3218, 0.4622, 0.4609]
    assert isinstance(embedding, ItemEmbedding)
    packed = quality(rank_embedding(PackedEmbedding.pack(embedding), holdout), holdout.targets).means()
    assert [packed[name] for name in names] == pytest.approx([means[name] for name in names], abs=0.001)


def published_users(folder: Path) -> "sp.csr_matrix[np.float32]":
    users = sp.csr_matrix(sp.load_npz(folder / "gb10_test_users.npz"), dtype=np.float32)
    users.sort_indices()
    return users


def test_scores_are_not_changed_by_ranking_them() -> None:
    holdout = paper_holdout(random_matrix(0, 3, 8), np.ones(8, np.bool_), seed=0, users=np.arange(3))
    scores: NDArray[np.float64] = np.arange(8.0)
    holdout.ranking(0, scores, 5)
    assert scores.tolist() == list(range(8))
