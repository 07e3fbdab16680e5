"""Codes for items that no training knew: from the profiles of who just met them, and from what is known of them.

With all other codes fixed, an item's code `a` should give its users' profiles `z` the score 1 and others 0. That is a
least squares problem with the same matrix of second moments C for all items: (C + rho I) a = the mean profile of the
item's users. C is that of the users at hand, beside PRIOR_USERS of whom only the popularity of their items is known.
The code is supported where the solution is largest, solved for anew there, and mixed with PRIOR_WEIGHT users' worth of
the codes of items with the same attributes. docs/new-items.md has what each choice is worth.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.kernels import Rows
from trainer import host
from trainer.errors import ConfigurationError
from trainer.interactions import Csr
from trainer.segmentation.terms import terms_of
from trainer.steps import gram_kernels
from trainer.steps.threads import Threads

PRIOR_USERS = 100
PRIOR_WEIGHT = 5.0
CHOOSING, SOLVING = 3.0, 1.0  # rho over the mean of C's diagonal: where the code is, and what it is there
_LEAST_POPULARITY = 1 / 32  # of the mean one: rarer items of a profile count no more than such
_NUMBERS_AT_ONCE = 2**24

Dense = NDArray[np.float64]


class FirstUsers(NamedTuple):
    """Users of new items, by what of these and of the known ones they have."""

    known: Csr  # (n_users, n_items) ones
    new: Csr  # (n_users, n_new) ones


def from_first_users(
    embedding: ItemEmbedding, popularity: NDArray[np.float32], users: FirstUsers
) -> tuple[Dense, NDArray[np.int64]]:
    """(n_new, n_dims) codes of at most k non-zeros and length 1, 0 where nobody has a profile; (n_new,) how many have.

    Raises ConfigurationError for more dims than C has room for.
    """
    n_dims, k = embedding.n_dims, embedding.k
    profiles = _Profiles(embedding, popularity)
    found = np.zeros((users.new.shape[1], n_dims))
    C, has_profile = profiles.moments(users.known)
    counts = np.asarray(users.new[has_profile].sum(axis=0), np.int64).ravel()
    if not counts.any():
        return found, counts
    of_items = users.new.T.tocsr()
    mean_diagonal = np.trace(C) / n_dims
    choosing = cho_factor(C + CHOOSING * mean_diagonal * np.eye(n_dims))
    for rows in _parts(np.flatnonzero(counts), max(n_dims, k * k)):
        b = profiles.sums(users.known, of_items[rows]) / counts[rows, None]
        support = _largest(cho_solve(choosing, b.T).T, k)
        own = C[support[:, :, None], support[:, None, :]] + SOLVING * mean_diagonal * np.eye(k)
        values = np.linalg.solve(own, np.take_along_axis(b, support, axis=1)[..., None])[..., 0]
        codes = np.zeros((len(rows), n_dims))
        np.put_along_axis(codes, support, values, axis=1)
        found[rows] = _unit(codes)
    return found, counts


class _Profiles:
    """Users' profiles in which rare items count as much as popular ones: z = x W A / |x W|, W = 1 / root popularity."""

    def __init__(self, embedding: ItemEmbedding, popularity: NDArray[np.float32]) -> None:
        if embedding.n_dims**2 > 64 * _NUMBERS_AT_ONCE:
            raise ConfigurationError(f"{embedding.n_dims:,} dims are too many for codes of new items; fit with fewer")
        self.A = as_csr(embedding)
        p = popularity.astype(np.float64)
        weight = 1 / np.sqrt(np.maximum(p, p.mean() * _LEAST_POPULARITY)) if p.any() else np.ones(len(p))
        self.W = sp.diags(weight * embedding.coded)
        weights = self.W.diagonal()
        p = p if p.any() else np.full(len(p), 1 / len(p))
        mean = self.A.T @ (p * weights)
        spread = _squares(embedding, np.sqrt(p * (1 - p)) * weights)
        self.expected = (spread + np.outer(mean, mean)) / max(float((p * weights**2).sum()), 1e-30)

    def moments(self, known: Csr) -> tuple[Dense, NDArray[np.bool_]]:
        """C (n_dims, n_dims), and (n_users,) who has a profile."""
        total, has_profile = PRIOR_USERS * self.expected, np.zeros(known.shape[0], np.bool_)
        for rows in _parts(np.arange(known.shape[0]), self.A.shape[1]):
            z = self._of(known[rows]).astype(np.float32)
            total += z.T @ z
            has_profile[rows] = z.any(axis=1)
        return total / (PRIOR_USERS + has_profile.sum()), has_profile

    def sums(self, known: Csr, of_items: Csr) -> Dense:
        """(n_new, n_dims) the sum of the profiles of each item's users; of_items (n_new, n_users)."""
        total = np.zeros((of_items.shape[0], self.A.shape[1]))
        for rows in _parts(np.unique(of_items.indices), self.A.shape[1]):
            total += np.asarray(of_items[:, rows] @ self._of(known[rows]))
        return total

    def _of(self, known: Csr) -> Dense:
        weighted = known @ self.W
        length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)), dtype=np.float64)
        return np.asarray((weighted @ self.A).toarray() / np.maximum(length, 1e-30))


def _squares(embedding: ItemEmbedding, scales: Dense) -> NDArray[np.float32]:
    """AᵀA (n_dims, n_dims) with each row of A times its scale, without what sparse products allocate."""
    dims = embedding.dims.astype(np.int32)
    codes = (embedding.weights * scales[:, None]).astype(np.float32)
    found = np.empty((embedding.n_dims, embedding.n_dims), np.float32)
    entries = gram_kernels.by_dim(dims, embedding.n_dims)
    Threads(host.cores()).ranges(gram_kernels.gram, embedding.n_dims, *entries, dims, codes, found)
    return found


def from_attributes(embedding: ItemEmbedding, counts: NDArray[np.float64] | None, catalog: Catalog, new: Rows) -> Dense:
    """(n_new, n_dims) of length 1: what items with the same terms have in common, 0 where there are none.

    `catalog` describes the embedding's items first and, among others, the `new` ones after them; `counts` (n_items,)
    how many users each known item has. A term says more the rarer it is, and of its items less popular ones count more:
    a new item is no bestseller yet.
    """
    n_items = embedding.n_items
    _, weights, has = terms_of(catalog)
    own = has[new]
    terms = np.unique(own.indices)
    known = has[:n_items][:, terms]
    df = np.asarray(known[embedding.coded].sum(axis=0)).ravel()
    say = weights[terms] * np.log((embedding.coded.sum() + 1) / (df + 1)) * (df > 0)
    attention = embedding.coded / np.sqrt(1 + counts) if counts is not None else embedding.coded.astype(np.float64)
    share = sp.diags(1 / np.maximum(np.asarray(known.T @ attention), 1e-30)) @ known.T @ sp.diags(attention)
    per_term = share @ as_csr(embedding)  # (n_terms, n_dims) mean codes
    found = np.zeros((len(new), embedding.n_dims))
    for rows in _parts(np.arange(len(new)), embedding.n_dims):
        found[rows] = _unit(np.asarray((own[rows][:, terms] @ sp.diags(say) @ per_term).toarray()))
    return found


def mixed(of_users: Dense, counts: NDArray[np.int64], of_attributes: Dense, k: int) -> ItemEmbedding:
    """The codes (n_new, k): users count as many as they are, attributes as PRIOR_WEIGHT of them."""
    return ItemEmbedding.from_dense(counts[:, None] * of_users + PRIOR_WEIGHT * of_attributes, k)


def as_csr(embedding: ItemEmbedding) -> "sp.csr_matrix[np.float64]":
    """A, without its zeros."""
    starts = np.arange(embedding.n_items + 1, dtype=np.int64) * embedding.k
    entries = embedding.weights.ravel().astype(np.float64), embedding.dims.ravel().astype(np.int64), starts
    A = sp.csr_matrix(entries, shape=(embedding.n_items, embedding.n_dims))
    A.eliminate_zeros()
    return A


def _largest(values: Dense, k: int) -> NDArray[np.int64]:
    """(n, k) where a row's k largest |values| are, ascending."""
    if k == values.shape[1]:
        return np.tile(np.arange(k), (len(values), 1))
    return np.sort(np.argpartition(-np.abs(values), k - 1, axis=1)[:, :k], axis=1)


def _unit(rows: Dense) -> Dense:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30))


def _parts(rows: NDArray[np.int64], width: int) -> Iterator[NDArray[np.int64]]:
    """Some of them at a time, of `width` numbers each."""
    at_once = max(_NUMBERS_AT_ONCE // width, 1)
    for first in range(0, len(rows), at_once):
        yield rows[first : first + at_once]
