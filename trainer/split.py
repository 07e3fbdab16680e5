"""Held-out users (strong generalisation): who they are, and which fifth of their items is hidden."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.interactions import Csr, Interactions

SHARE, LEAST, MOST = 0.1, 100, 10_000  # of the users, for validation and again for test
LARGEST_SHARE = 0.2  # of the users of a table too small for LEAST
HIDDEN = 0.2  # of a held-out user's items


@dataclass(frozen=True)
class Holdout:
    """Users whose hidden items are to be found from the rest of their history."""

    history: Csr  # (n_held_out, n_items) what is shown
    targets: Csr  # (n_held_out, n_items) what is hidden; at least one each

    @property
    def n_users(self) -> int:
        return int(self.history.shape[0])


@dataclass(frozen=True)
class Split:
    train: Csr  # (n_train_users, n_items)
    validation: Holdout | None
    test: Holdout | None


def split(interactions: Interactions, *, seed: int, holdout: bool = True) -> Split:
    """A tenth of the users for validation and a tenth for test (100 to 10,000 each); all train without `holdout`.

    Raises DataError where there are too few users to hold any out.
    """
    if not holdout:
        return Split(interactions.matrix, None, None)
    n_users = interactions.n_users
    size = min(max(round(n_users * SHARE), LEAST), MOST, int(n_users * LARGEST_SHARE))
    if size < 1:
        raise DataError(
            f"{n_users} users with enough items are too few to hold some out for measuring; "
            "give more data, or --no-holdout to train without measuring"
        )
    rng = np.random.default_rng(seed)
    users = rng.permutation(n_users)
    validation = _hide(interactions.matrix, np.sort(users[:size]), rng)
    test = _hide(interactions.matrix, np.sort(users[size : 2 * size]), rng)
    return Split(interactions.matrix[np.sort(users[2 * size :])], validation, test)


def _hide(matrix: Csr, users: NDArray[np.int64], rng: np.random.Generator) -> Holdout:
    shown: list[NDArray[np.int32]] = []
    hidden: list[NDArray[np.int32]] = []
    for user in users:
        items = rng.permutation(matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]])
        n_hidden = max(1, round(len(items) * HIDDEN))
        hidden.append(np.sort(items[:n_hidden]))
        shown.append(np.sort(items[n_hidden:]))
    return Holdout(_rows(shown, matrix.shape[1]), _rows(hidden, matrix.shape[1]))


def _rows(rows: list[NDArray[np.int32]], n_items: int) -> Csr:
    starts = np.cumsum([0] + [len(row) for row in rows])
    indices = np.concatenate(rows)
    return sp.csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(len(rows), n_items))
