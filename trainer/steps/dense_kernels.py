"""The compiled loops of a step whose large products are dense (trainer/steps/dense.py)."""

import math
from typing import Any

import numpy as np

from index.compiled import compiled_for_speed, part_of_kernels
from trainer.steps.kernels import (
    LEAST_LENGTH,
    Batch,
    F,
    Places,
    Rates,
    State,
    Values,
    add_row,
    gather_row,
    nadam,
    put,
    put_row,
    scatter_row,
    widened,
)


@compiled_for_speed
def fold_in(begin: int, end: int, batch: Batch, A: Any, z: Any) -> None:
    """The profiles z = x A: of each user the sum of the items' rows."""
    total = np.empty(A.shape[1], np.float32)
    for user in range(begin, end):
        total[:] = 0
        for p in range(batch.starts[user], batch.starts[user + 1]):
            add_row(total, A[batch.columns[p]])
        put_row(z[user], total, F(1))


@part_of_kernels
def _predicted(row: Any, items: Places, relu: bool, p: Values) -> F:
    """P = x A Aᵀ - x of one user, or its positive part; returns its length."""
    for j in range(p.shape[0]):
        p[j] = widened(row[j])
    for item in items:
        p[item] -= F(1)
    if relu:
        for j in range(p.shape[0]):
            p[j] = max(p[j], F(0))
    total = F(0)
    for j in range(p.shape[0]):
        total += p[j] * p[j]
    return max(F(math.sqrt(total)), F(LEAST_LENGTH))


@compiled_for_speed
def errors(begin: int, end: int, batch: Batch, relu: bool, P: Any, losses: Values) -> None:
    """Predictions x A Aᵀ in P become the loss's gradient by them; `losses` gets 2 - 2 cos of each user.

    With c the cosine, the gradient by the error p is 2 (c p / |p| - x / |x|) / |p| over the number of users.
    """
    n_users, p = batch.n_together, np.empty(P.shape[1], np.float32)
    for user in range(begin, end):
        items = batch.columns[batch.starts[user] : batch.starts[user + 1]]
        length = _predicted(P[user], items, relu, p)
        size = max(F(math.sqrt(F(len(items)))), F(LEAST_LENGTH))
        product = F(0)
        for item in items:
            product += p[item]
        cosine = product / (length * size)
        losses[user] = F(2) - F(2) * cosine
        scale = F(2) / (F(n_users) * length)
        put_row(P[user], p, scale * cosine / length)
        for item in items:
            if not relu or p[item] > F(0):
                put(P[user], item, scale * (cosine * p[item] / length - F(1) / size))


@part_of_kernels
def _move(i: int, g: Values, state: State, A: Any, rates: Rates) -> None:
    inverse = nadam(state.w[i], state.m[i], state.v[i], g, rates)
    if state.dims.shape[0]:
        scatter_row(A[i], state.dims[i], state.w[i], inverse)
    else:
        put_row(A[i], state.w[i], inverse)


@part_of_kernels
def _gradient(j: int, g: Any, batch: Batch, zE: Any, row: Values) -> None:
    """Of item j by A: the row g of Eᵀ z, and xᵀ (E A), which is the sum of `zE` over the users who have it."""
    row[:] = 0
    add_row(row, g)
    for p in range(batch.item_starts[j], batch.item_starts[j + 1]):
        add_row(row, zE[batch.users[p]])


@compiled_for_speed
def update(begin: int, end: int, first: int, batch: Batch, G: Any, zE: Any, state: State, A: Any, rates: Rates) -> None:
    """Moves the items from `first` + `begin` on, of which G has the rows, and writes their rows of A."""
    row, support = np.empty(A.shape[1], np.float32), np.empty(state.w.shape[1], np.float32)
    for j in range(begin, end):
        i = first + j
        _gradient(i, G[j], batch, zE, row)
        if state.dims.shape[0]:
            gather_row(row, state.dims[i], support)
            _move(i, support, state, A, rates)
        else:
            _move(i, row, state, A, rates)


@compiled_for_speed
def gather(begin: int, end: int, first: int, batch: Batch, G: Any, zE: Any, dims: Places, total: Values) -> None:
    """The gradients of the items from `first` + `begin` on, on their support, into the rows of `total` (n_items, k)."""
    row = np.empty(G.shape[1], np.float32)
    for j in range(begin, end):
        i = first + j
        _gradient(i, G[j], batch, zE, row)
        if dims.shape[0]:
            gather_row(row, dims[i], total[i])
        else:
            total[i, :] = row


@compiled_for_speed
def move(begin: int, end: int, G: Values, state: State, A: Any, rates: Rates) -> None:
    """Moves the items `begin:end` by their gradients on the support, and writes their rows of A."""
    for i in range(begin, end):
        _move(i, G[i], state, A, rates)


@compiled_for_speed
def add_of_users(begin: int, end: int, first: int, batch: Batch, q: Values, total: Values) -> None:
    """Adds xᵀ q of the items from `first` + `begin` on to the rows of `total` from `begin` on."""
    for j in range(begin, end):
        for p in range(batch.item_starts[first + j], batch.item_starts[first + j + 1]):
            add_row(total[j], q[batch.users[p]])


@compiled_for_speed
def add_gradients(begin: int, end: int, first: int, batch: Batch, G: Any, zE: Any, total: Values) -> None:
    """Adds to `total` (n_items, n_dims) the gradients by A, of all dims, times the users of the batch."""
    row, n_users = np.empty(total.shape[1], np.float32), F(batch.n_together)
    for j in range(begin, end):
        i = first + j
        _gradient(i, G[j], batch, zE, row)
        for dim in range(row.shape[0]):
            total[i, dim] += n_users * row[dim]
