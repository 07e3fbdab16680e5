"""Held-out users: how many, who, and what is hidden of them."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.worlds import interactions_of, random_matrix
from trainer.errors import DataError
from trainer.interactions import Csr, Interactions
from trainer.split import Holdout, Split, split


def badged(n_users: int, n_shared: int = 20, seed: int = 0) -> Interactions:
    """Users with some shared items, and one each that nobody else has: item `user` tells who a row belongs to."""
    dense = np.hstack([np.eye(n_users, dtype=np.float32), random_matrix(seed, n_users, n_shared).toarray()])
    return interactions_of(sp.csr_matrix(dense))


def halves(parts: Split) -> tuple[Holdout, Holdout]:
    assert parts.validation is not None
    assert parts.test is not None
    return parts.validation, parts.test


def items_of(matrix: Csr) -> list[set[int]]:
    return [set(np.flatnonzero(row).tolist()) for row in matrix.toarray()]


@pytest.mark.parametrize(
    ("n_users", "held_out"),
    [
        (5, 1),
        (14, 2),
        (100, 20),
        (400, 80),
        (499, 99),
        (500, 100),
        (1_000, 100),
        (1_200, 120),
        (5_004, 500),
        (100_000, 10_000),
        (150_000, 10_000),
    ],
)
def test_a_tenth_is_held_out_from_100_to_10000_and_a_fifth_at_most(n_users: int, held_out: int) -> None:
    two_each = np.arange(2 * n_users, dtype=np.int32) % 7
    matrix = sp.csr_matrix((np.ones(2 * n_users, np.float32), two_each, np.arange(n_users + 1) * 2), shape=(n_users, 7))
    parts = split(interactions_of(matrix), seed=1)
    validation, test = halves(parts)
    assert (validation.n_users, test.n_users) == (held_out, held_out)
    assert parts.train.shape == (n_users - 2 * held_out, 7)


@pytest.mark.parametrize("n_users", [1, 4])
def test_too_few_users_are_refused_and_can_train_without_measuring(n_users: int) -> None:
    few = interactions_of(random_matrix(0, n_users, 6))
    with pytest.raises(DataError, match=f"{n_users} users.*--no-holdout"):
        split(few, seed=1)
    parts = split(few, seed=1, holdout=False)
    assert parts.validation is parts.test is None
    assert np.array_equal(parts.train.toarray(), few.matrix.toarray())


@given(st.integers(5, 40), st.integers(0, 2**32))
def test_every_user_is_in_one_part_and_every_item_of_theirs_is_shown_or_hidden(n_users: int, seed: int) -> None:
    ours = badged(n_users, seed=seed)
    expected = items_of(ours.matrix)
    parts = split(ours, seed=seed)
    seen = []
    for items in items_of(parts.train):
        (user,) = {item for item in items if item < n_users}
        assert items == expected[user]
        seen.append(user)
    for holdout in halves(parts):
        for shown, hidden in zip(items_of(holdout.history), items_of(holdout.targets), strict=True):
            (user,) = {item for item in shown | hidden if item < n_users}
            assert not shown & hidden
            assert shown | hidden == expected[user]
            assert len(hidden) == max(1, round(len(expected[user]) * 0.2))
            seen.append(user)
    assert sorted(seen) == list(range(n_users))


def test_all_values_are_ones_and_rows_ascend() -> None:
    for holdout in halves(split(badged(60), seed=1)):
        for matrix in (holdout.history, holdout.targets):
            assert set(matrix.data.tolist()) == {1.0}
            assert matrix.dtype == np.float32
            for user in range(matrix.shape[0]):
                assert (np.diff(matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]]) > 0).all()


def test_a_user_with_one_item_has_it_hidden() -> None:
    parts = split(interactions_of(sp.csr_matrix(np.eye(10, dtype=np.float32))), seed=1)
    for holdout in halves(parts):
        assert holdout.targets.getnnz(axis=1).tolist() == [1, 1]
        assert holdout.history.getnnz() == 0


def dense(parts: Split) -> list[list[list[float]]]:
    matrices = [parts.train, *(part for holdout in halves(parts) for part in (holdout.history, holdout.targets))]
    return [matrix.toarray().tolist() for matrix in matrices]


def test_the_same_seed_splits_the_same_and_another_does_not() -> None:
    ours = badged(200)
    assert dense(split(ours, seed=3)) == dense(split(ours, seed=3))
    assert dense(split(ours, seed=3)) != dense(split(ours, seed=4))
