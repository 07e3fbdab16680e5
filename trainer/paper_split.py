"""The protocol of the paper's authors, leaks and all, so that their numbers can be reproduced.

Where it differs from `trainer.split`: what is tested learns from the validation users too; every test user appears
five times, each time with another fifth of the items hidden, drawn with replacement; seen items score 0 instead of
being hidden; and a ranking is restricted to the items that are hidden of anybody. Draws are those of NumPy's legacy
generator, over users and items in the order of their ids as text.
"""

from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from index.kernels import Floats, Rows
from index.search import rank
from trainer.errors import ConfigurationError, DataError
from trainer.interactions import Csr, Interactions
from trainer.split import HIDDEN, Holdout, Split, as_matrix, held_out_size

FOLDS = 5
LARGEST_SEED = 2**32 - 1


class PaperHoldout(Holdout):
    @cached_property
    def hidden_of_anybody(self) -> NDArray[np.bool_]:
        """(n_items,) the items that a ranking is restricted to."""
        return np.asarray(self.targets.getnnz(axis=0) > 0)

    def ranking(self, user: int, scores: Floats, depth: int) -> Rows:
        """The `depth` best with seen items at 0, and of these the ones hidden of anybody: often fewer than `depth`."""
        changed = scores.copy()
        changed[self.shown(user)] = 0.0
        changed[~self.known] = -np.inf
        rows = rank(changed, depth).rows
        return rows[self.hidden_of_anybody[rows]]


def paper_split(interactions: Interactions, *, seed: int, n_held_out: int | None = None) -> Split:
    """`n_held_out` test users, then as many validation users of the rest (None: as many as `trainer.split` takes).

    Raises DataError where there are too few users, ConfigurationError for a seed that NumPy's legacy generator has not.
    """
    if not 0 <= seed <= LARGEST_SEED:
        raise ConfigurationError(f"the paper's protocol takes seeds from 0 to {LARGEST_SEED}, got {seed}")
    matrix = interactions.matrix
    size = held_out_size(interactions.n_users) if n_held_out is None else n_held_out
    if size < 1 or interactions.n_users - 2 * size < 1:
        raise DataError(f"{interactions.n_users} users with enough items are too few to hold {size} out twice")
    test, others = _drawn(np.arange(interactions.n_users), size, seed)
    validation, train = _drawn(others, size, seed)
    full_train = matrix[others]
    return Split(
        matrix[train],
        paper_holdout(matrix[validation], matrix[train].getnnz(axis=0) > 0, seed=seed, users=validation, folds=1),
        paper_holdout(matrix[test], full_train.getnnz(axis=0) > 0, seed=seed, users=test),
        full_train,
    )


def _drawn(users: NDArray[np.int64], size: int, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`size` of the users and the others, both in their order: what pandas' sample draws with this seed."""
    drawn = np.zeros(len(users), np.bool_)
    drawn[np.random.RandomState(seed).permutation(len(users))[:size]] = True
    return users[drawn], users[~drawn]


def paper_holdout(
    matrix: Csr, known: NDArray[np.bool_], *, seed: int, users: NDArray[np.int64], folds: int = FOLDS
) -> PaperHoldout:
    """All users of `matrix` (n_users, n_items), `folds` times over, one fold after the other.

    Of n items of a user ceil(n / 5) are drawn with replacement and hidden, so about 18 of 100.
    """
    random = np.random.RandomState(seed)
    shown: list[NDArray[np.int32]] = []
    hidden: list[NDArray[np.int32]] = []
    for _ in range(folds):
        for user in range(matrix.shape[0]):
            items = matrix.indices[matrix.indptr[user] : matrix.indptr[user + 1]]
            drawn = np.unique(random.choice(items, ceil(HIDDEN * len(items))))
            hidden.append(drawn)
            shown.append(np.setdiff1d(items, drawn, assume_unique=True))
    n_items = matrix.shape[1]
    return PaperHoldout(as_matrix(shown, n_items), as_matrix(hidden, n_items), np.tile(users, folds), known)
