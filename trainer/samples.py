"""Which histories come with a model: those of held-out people of different tastes, where they were asked for."""

import argparse
import logging

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from index.samples import MOST_ITEMS, MOST_SAMPLES, Samples
from trainer.interactions import Csr
from trainer.split import Holdout

logger = logging.getLogger(__name__)

LEAST_ITEMS = 5  # fewer say little of a taste
_CANDIDATES = 1000  # drawn of all test users; each is compared with each


def n_samples(text: str) -> int:
    """How many samples a model may have."""
    number = int(text)
    if not 0 <= number <= MOST_SAMPLES:
        raise argparse.ArgumentTypeError(f"must lie between 0 and {MOST_SAMPLES}")
    return number


def chosen(test: Holdout | None, codes: ItemEmbedding, n: int, *, seed: int) -> Samples | None:
    """`n` test users' histories, shown and hidden items together; None for none. No log names anything of them.

    Of a history longer than MOST_ITEMS as many are drawn. The first user is the most typical one, each next one is
    unlike those before, by the cosines of their profiles. The same test users, codes and seed give the same samples.
    """
    if test is None or not n:
        return None
    rng = np.random.default_rng(seed)
    whole = (test.history + test.targets).tocsr()
    enough = np.flatnonzero(whole.getnnz(axis=1) >= LEAST_ITEMS)
    if len(enough) < n:
        logger.warning(
            "%d of the %d test users have %d items or more: %d samples are stored and not %d",
            len(enough), test.n_users, LEAST_ITEMS, len(enough), n,
        )  # fmt: skip
    if not len(enough):
        return None
    histories = [_cut(whole, user, rng) for user in np.sort(rng.permutation(enough)[:_CANDIDATES])]
    picked = [histories[place] for place in _unlike(_cosines(histories, codes), n)]
    logger.info("histories of %d test users are stored as samples", len(picked))
    return Samples(np.cumsum([0] + [len(history) for history in picked]), np.concatenate(picked))


def _cut(whole: Csr, user: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """The user's rows, ascending; MOST_ITEMS of them where there are more."""
    rows = whole.indices[whole.indptr[user] : whole.indptr[user + 1]].astype(np.int32)
    return np.sort(rows if len(rows) <= MOST_ITEMS else rng.choice(rows, MOST_ITEMS, replace=False))


def _cosines(histories: list[NDArray[np.int32]], codes: ItemEmbedding) -> NDArray[np.float64]:
    """(n_histories, n_histories) of their profiles; 0 with one that is zero."""
    starts = np.cumsum([0] + [len(history) for history in histories])
    items = np.concatenate(histories)
    shape = len(histories), codes.n_items
    users = sp.csr_matrix((np.ones(len(items)), items, starts), shape)
    entries = np.arange(codes.n_items + 1, dtype=np.int64) * codes.k
    shape = codes.n_items, codes.n_dims
    profiles = users @ sp.csr_matrix((codes.weights.ravel(), codes.dims.ravel().astype(np.int32), entries), shape)
    lengths = np.sqrt(np.asarray(profiles.multiply(profiles).sum(axis=1)).ravel())
    units = sp.diags(np.divide(1.0, lengths, out=np.zeros_like(lengths), where=lengths > 0)) @ profiles
    found: NDArray[np.float64] = (units @ units.T).toarray()
    return found


def _unlike(cosines: NDArray[np.float64], n: int) -> list[int]:
    """Up to `n` places, none twice: who is closest to all, then always who is least close to everyone taken so far."""
    places = [int(cosines.sum(axis=0).argmax())]
    while len(places) < min(n, len(cosines)):
        closest = cosines[:, places].max(axis=1)
        closest[places] = np.inf
        places.append(int(closest.argmin()))
    return places
