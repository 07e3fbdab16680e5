"""The compiled loops of a step through the Gram matrix AᵀA (trainer/steps/gram.py).

`entries` name the non-zeros of A by dim: of dim `j` they are `entries[starts[j]:starts[j + 1]]`, each item * k + place.
A dim's row of the Gram matrix stays in the cache while its items come and go, and rows are written by one thread each.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled_for_speed
from trainer.steps.kernels import LEAST_LENGTH, Batch, F, Places, Starts, Values, add_row, put_row, widened

Entries = NDArray[np.int64]


@compiled_for_speed
def by_dim(dims: Places, n_dims: int) -> tuple[Starts, Entries]:
    """Counting sort of a support's places by dim, items ascending."""
    k = dims.shape[1]
    starts = np.zeros(n_dims + 1, np.int64)
    for i in range(dims.shape[0]):
        for place in range(k):
            starts[dims[i, place] + 1] += 1
    for j in range(n_dims):
        starts[j + 1] += starts[j]
    fill, entries = starts[:-1].copy(), np.empty(dims.size, np.int64)
    for i in range(dims.shape[0]):
        for place in range(k):
            entries[fill[dims[i, place]]] = i * k + place
            fill[dims[i, place]] += 1
    return starts, entries


@compiled_for_speed
def gram(begin: int, end: int, starts: Starts, entries: Entries, dims: Places, codes: Values, G: Any) -> None:
    """The rows `begin:end` of AᵀA."""
    row, k = np.empty(G.shape[1], np.float32), dims.shape[1]
    for j in range(begin, end):
        row[:] = 0
        for p in range(starts[j], starts[j + 1]):
            i = entries[p] // k
            weight = codes[i, entries[p] - i * k]
            for other in range(k):
                row[dims[i, other]] += weight * codes[i, other]
        put_row(G[j], row, F(1))


@compiled_for_speed
def fold_in(begin: int, end: int, batch: Batch, dims: Places, codes: Values, z: Values) -> None:
    """The profiles z = x A, a row a user."""
    for user in range(begin, end):
        z[user, :] = 0
        for p in range(batch.starts[user], batch.starts[user + 1]):
            i = batch.columns[p]
            for place in range(dims.shape[1]):
                z[user, dims[i, place]] += codes[i, place]


@compiled_for_speed
def errors(begin: int, end: int, batch: Batch, z: Values, y: Any, left: Any, q: Values, losses: Values) -> None:
    """Of each user, from z and y = z AᵀA, the loss, and alpha z in `left`, alpha y - 2 (alpha + beta) z in q.

    With p = z Aᵀ - x: |p|² = z y - 2 |z|² + |x|² and x p = |z|² - |x|². The loss's gradient by p is alpha p - beta x
    (as in dense_kernels.errors), and so the one by A is A (alpha z)ᵀ z + xᵀ q.
    """
    n_users, values = batch.n_together, np.empty(z.shape[1], np.float32)
    for user in range(begin, end):
        values[:] = 0
        add_row(values, y[user])
        predicted, squares = F(0), F(0)
        for j in range(z.shape[1]):
            predicted += z[user, j] * values[j]
            squares += z[user, j] * z[user, j]
        count = F(batch.starts[user + 1] - batch.starts[user])
        length = max(F(math.sqrt(max(predicted - F(2) * squares + count, F(0)))), F(LEAST_LENGTH))
        size = max(F(math.sqrt(count)), F(LEAST_LENGTH))
        cosine = (squares - count) / (length * size)
        losses[user] = F(2) - F(2) * cosine
        scale = F(2) / (F(n_users) * length)
        alpha, beta = scale * cosine / length, scale / size
        put_row(left[user], z[user], alpha)
        for j in range(z.shape[1]):
            q[user, j] = alpha * values[j] - F(2) * (alpha + beta) * z[user, j]


@compiled_for_speed
def gradients(
    begin: int,
    end: int,
    starts: Starts,
    entries: Entries,
    dims: Places,
    codes: Values,
    M: Any,
    G: Values,
) -> None:
    """A M on the support in the dims `begin:end`, of symmetric M, into the rows of G (n_items, k)."""
    row, k = np.empty(M.shape[1], np.float32), dims.shape[1]
    for j in range(begin, end):
        for other in range(M.shape[1]):
            row[other] = widened(M[j, other])
        for p in range(starts[j], starts[j + 1]):
            i = entries[p] // k
            total = F(0)
            for other in range(k):
                total += codes[i, other] * row[dims[i, other]]
            G[i, entries[p] - i * k] = total


@compiled_for_speed
def add_of_users(begin: int, end: int, batch: Batch, dims: Places, q: Values, G: Values) -> None:
    """Adds xᵀ q on the support of the items `begin:end`."""
    for j in range(begin, end):
        support = dims[j]
        for p in range(batch.item_starts[j], batch.item_starts[j + 1]):
            for place in range(support.shape[0]):
                G[j, place] += q[batch.users[p], support[place]]
