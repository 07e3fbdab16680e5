"""The compiled loops of a step whose products touch non-zeros only (trainer/steps/sparse.py).

Users stand side by side in blocks of LANES, so that the inner loop of every product runs over users: z (blocks, n_dims,
LANES), predictions and errors (blocks, n_items, LANES). Each product costs batch x n_items x k, not x n_dims.
`codes` (n_items, k) are A's values on the support `dims`.
"""

import math

import numpy as np

from index.compiled import compiled_for_speed, part_of_kernels
from trainer.steps.kernels import LANES, LEAST_LENGTH, Batch, F, Places, Rates, State, Values, nadam, put_row

_UNROLLED = 4


@compiled_for_speed
def fold_in(block: int, batch: Batch, dims: Places, codes: Values, z: Values) -> None:
    """The profiles z = x A of a block's users."""
    z[:] = 0
    first = block * LANES
    for user in range(first, min(first + LANES, batch.starts.shape[0] - 1)):
        for p in range(batch.starts[user], batch.starts[user + 1]):
            i = batch.columns[p]
            for entry in range(dims.shape[1]):
                z[dims[i, entry], user - first] += codes[i, entry]


@compiled_for_speed
def predict(dims: Places, codes: Values, z: Values, P: Values) -> None:
    """The predictions z Aᵀ of a block."""
    total = np.empty(LANES, np.float32)
    k = dims.shape[1]
    whole = k - k % _UNROLLED
    for i in range(dims.shape[0]):
        total[:] = 0
        for entry in range(0, whole, _UNROLLED):
            d0, d1, d2, d3 = dims[i, entry], dims[i, entry + 1], dims[i, entry + 2], dims[i, entry + 3]
            a0, a1, a2, a3 = codes[i, entry], codes[i, entry + 1], codes[i, entry + 2], codes[i, entry + 3]
            for lane in range(LANES):
                total[lane] += a0 * z[d0, lane] + a1 * z[d1, lane] + a2 * z[d2, lane] + a3 * z[d3, lane]
        for entry in range(whole, k):
            d0, a0 = dims[i, entry], codes[i, entry]
            for lane in range(LANES):
                total[lane] += a0 * z[d0, lane]
        for lane in range(LANES):
            P[i, lane] = total[lane]


@part_of_kernels
def _squares(P: Values, relu: bool, totals: Values) -> None:
    """Sums of squares of each lane, of what is positive where that is asked for."""
    totals[:] = 0
    for j in range(P.shape[0]):
        if relu:
            for lane in range(LANES):
                P[j, lane] = max(P[j, lane], F(0))
        for lane in range(LANES):
            totals[lane] += P[j, lane] * P[j, lane]


@part_of_kernels
def _scale(P: Values, scales: Values) -> None:
    for j in range(P.shape[0]):
        for lane in range(LANES):
            P[j, lane] *= scales[lane]


@compiled_for_speed
def errors(block: int, batch: Batch, relu: bool, P: Values, losses: Values) -> None:
    """A block's predictions become the loss's gradient by them, as in dense_kernels.errors."""
    starts, columns = batch.starts, batch.columns
    n_users, first = batch.n_together, block * LANES
    last = min(first + LANES, starts.shape[0] - 1)
    for user in range(first, last):
        for p in range(starts[user], starts[user + 1]):
            P[columns[p], user - first] -= F(1)
    totals, scales, shares = np.empty(LANES, np.float32), np.zeros(LANES, np.float32), np.zeros(LANES, np.float32)
    _squares(P, relu, totals)
    for user in range(first, last):
        lane = user - first
        length = max(F(math.sqrt(totals[lane])), F(LEAST_LENGTH))
        size = max(F(math.sqrt(F(starts[user + 1] - starts[user]))), F(LEAST_LENGTH))
        product = F(0)
        for p in range(starts[user], starts[user + 1]):
            product += P[columns[p], lane]
        cosine = product / (length * size)
        losses[user] = F(2) - F(2) * cosine
        scale = F(2) / (F(n_users) * length)
        scales[lane], shares[lane] = scale * cosine / length, scale / size
    _scale(P, scales)
    for user in range(first, last):
        for p in range(starts[user], starts[user + 1]):
            if not relu or P[columns[p], user - first] > F(0):
                P[columns[p], user - first] -= shares[user - first]


@compiled_for_speed
def spread(dims: Places, codes: Values, E: Values, zE: Values) -> None:
    """E A of a block, from its errors E."""
    zE[:] = 0
    for i in range(dims.shape[0]):
        for entry in range(dims.shape[1]):
            d, a = dims[i, entry], codes[i, entry]
            for lane in range(LANES):
                zE[d, lane] += a * E[i, lane]


@part_of_kernels
def _add_products(support: Places, error: Values, z: Values, total: Values) -> None:
    for entry in range(total.shape[0]):
        d, product = support[entry], F(0)
        for lane in range(LANES):
            product += error[lane] * z[d, lane]
        total[entry] += product


@compiled_for_speed
def gradients(begin: int, end: int, batch: Batch, dims: Places, E: Values, z: Values, zE: Values, G: Values) -> None:
    """The gradient Eᵀ z + xᵀ (E A) of the items `begin:end`, on their support only, into G (n_items, k)."""
    for j in range(begin, end):
        G[j, :] = 0
    for block in range(E.shape[0]):  # outermost, so that one slab of z stays in the cache
        for j in range(begin, end):
            _add_products(dims[j], E[block, j], z[block], G[j])
    for j in range(begin, end):
        support = dims[j]
        for p in range(batch.item_starts[j], batch.item_starts[j + 1]):
            block, lane = batch.users[p] // LANES, batch.users[p] % LANES
            for entry in range(support.shape[0]):
                G[j, entry] += zE[block, support[entry], lane]


@compiled_for_speed
def update(begin: int, end: int, G: Values, state: State, codes: Values, rates: Rates) -> None:
    """Moves the items `begin:end` and writes their codes."""
    for i in range(begin, end):
        inverse = nadam(state.w[i], state.m[i], state.v[i], G[i], rates)
        put_row(codes[i], state.w[i], inverse)
