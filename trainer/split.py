"""Held-out users (strong generalisation): who they are, what is hidden of them, what they may be answered."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.kernels import Floats, Rows
from index.search import Mask, rank
from trainer.errors import DataError
from trainer.interactions import Csr, Interactions

HELD_OUT_BY, BY_ID = "held_out_by", "user_id"  # in the options of a manifest, where it was not drawn
SHARE, LEAST, MOST = 0.1, 100, 10_000  # of the users, for validation and again for test
LARGEST_SHARE = 0.2  # of the users of a table too small for LEAST
HIDDEN = 0.2  # of a held-out user's items


@dataclass(frozen=True)
class Holdout:
    """Users whose hidden items are to be found from the rest of their history."""

    history: Csr  # (n_held_out, n_items) what is shown
    targets: Csr  # (n_held_out, n_items) what is hidden; at least one each
    users: NDArray[np.int64]  # (n_held_out,) their rows in Interactions; the paper's protocol has each user five times
    known: NDArray[np.bool_]  # (n_items,) items that a training user has; the others are not ranked

    @property
    def n_users(self) -> int:
        return int(self.history.shape[0])

    def shown(self, user: int) -> Rows:
        """The history as rows."""
        return _items(self.history, user)

    def every(self, step: int, first: int) -> "Holdout":
        """Every `step`th of the users, from `first` on."""
        part = slice(first, None, step)
        return Holdout(self.history[part], self.targets[part], self.users[part], self.known)

    def ranking(self, user: int, scores: Floats, depth: int) -> Rows:
        """At most `depth` rows, best first, ties by row: never what the user has already. scores (n_items,)."""
        masked = Mask.hiding(self.shown(user)).apply(scores)
        masked[~self.known] = -np.inf
        return rank(masked, depth).rows


@dataclass(frozen=True)
class Split:
    train: Csr  # (n_train_users, n_items)
    validation: Holdout | None
    test: Holdout | None
    full_train: "Csr | None" = None
    """Train and validation users, where what is tested learns from both; None: what was validated is tested."""


def split(interactions: Interactions, *, seed: int, holdout: bool = True, by_id: bool = False) -> Split:
    """A tenth of the users for validation and a tenth for test (100 to 10,000 each); all train without `holdout`.

    Who they are is drawn, or with `by_id` decided by a digest of each one's id: about as many, of whom none has trained
    when there were fewer users. Raises DataError where there are too few users to hold any out.
    """
    if not holdout:
        return Split(interactions.matrix, None, None)
    n_users = interactions.n_users
    size = held_out_size(n_users)
    if size < 1:
        raise DataError(
            f"{n_users} users with enough items are too few to hold some out for measuring; "
            "give more data, or --no-holdout to train without measuring"
        )
    rng = np.random.default_rng(seed)
    if by_id:
        places, share = _places(interactions.user_ids, seed), _share(n_users)
        held_out = [np.flatnonzero((places >= low) & (places < low + share)) for low in (share, 0)]
        training = np.flatnonzero(places >= 2 * share)
        if not all(len(users) for users in (*held_out, training)):
            raise DataError(
                f"{n_users} users are too few to hold some out by their ids; give more data, or --no-holdout"
            )
    else:
        users = rng.permutation(n_users)
        held_out = [np.sort(users[:size]), np.sort(users[size : 2 * size])]
        training = np.sort(users[2 * size :])
    train = interactions.matrix[training]
    known = train.getnnz(axis=0) > 0
    validation, test = (hide(interactions.matrix, users, known, rng) for users in held_out)
    return Split(train, validation, test)


def _places(user_ids: Sequence[str], seed: int) -> NDArray[np.float64]:
    """(n_users,) a number from 0 to below 1 for each, the same in every table."""
    digests = b"".join(hashlib.sha256(f"{seed} {user_id}".encode()).digest()[:8] for user_id in user_ids)
    return np.asarray(np.frombuffer(digests, "<u8") / 2.0**64)


def held_out_size(n_users: int) -> int:
    """Of the validation users, and of the test users."""
    return min(max(round(n_users * SHARE), LEAST), MOST, int(n_users * LARGEST_SHARE))


def _share(n_users: int) -> float:
    """The same of the users, never more where there are more of them."""
    return min(max(SHARE, LEAST / n_users), MOST / n_users, LARGEST_SHARE)


def hide(matrix: Csr, users: NDArray[np.int64], known: NDArray[np.bool_], rng: np.random.Generator) -> Holdout:
    """A fifth of the items of each of these `users` of a matrix, at least one, as what is to be found."""
    shown: list[NDArray[np.int32]] = []
    hidden: list[NDArray[np.int32]] = []
    for user in users:
        items = rng.permutation(_items(matrix, user))
        n_hidden = max(1, round(len(items) * HIDDEN))
        hidden.append(np.sort(items[:n_hidden]))
        shown.append(np.sort(items[n_hidden:]))
    return Holdout(as_matrix(shown, matrix.shape[1]), as_matrix(hidden, matrix.shape[1]), users, known)


def _items(matrix: Csr, user: int) -> Rows:
    return np.asarray(matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]], np.int32)


def as_matrix(rows: list[NDArray[np.int32]], n_items: int) -> Csr:
    """Ones at the items of each row, which ascend."""
    starts = np.cumsum([0] + [len(row) for row in rows])
    indices = np.concatenate(rows)
    return sp.csr_matrix((np.ones(len(indices), np.float32), indices, starts), shape=(len(rows), n_items))
