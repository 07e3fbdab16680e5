"""The compiled loops of a step on the CPU: arrays in, arrays changed, no checks.

Everything that is not a product of large matrices: a row's gradient, its NAdam step and its new length are one pass
while the row is in the cache, where torch takes a pass over n_items x n_dims for each operation. A kernel works on the
rows or users `begin:end`, each on its own, so that threads share the work and change nothing about the result.
bfloat16 comes as uint16: the upper half of a float32.
"""

import math
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from index.compiled import compiled_for_speed, part_of_kernels

Values = NDArray[np.float32]
Halves = NDArray[np.uint16]  # bfloat16
Places = NDArray[np.int32]
Starts = NDArray[np.int64]
F = np.float32

LANES = 64  # users side by side: a slab of n_dims x LANES float32 stays in a core's cache
LEAST_LENGTH = 1e-8  # of a prediction, as torch's cosine_similarity has it
_LEAST_NORM = 1e-12  # of a row, as torch's normalize has it


class Rates(NamedTuple):
    """What NAdam does at one step, as float32 (trainer/steps/nadam.py)."""

    beta1: F
    beta2: F
    rest1: F  # 1 - beta1
    rest2: F
    gradient: F  # learning rates of the gradient and of the momentum
    momentum: F
    correction: F  # of the second moment
    epsilon: F


class Batch(NamedTuple):
    """The users of one step: what they have, by user and by item (trainer/steps/batch.py)."""

    starts: Starts  # (n_users + 1,)
    columns: Places  # (n_interactions,) items, a user's from starts[user]
    item_starts: Starts  # (n_items + 1,)
    users: Places  # (n_interactions,) an item's users from item_starts[item], ascending
    n_together: int  # users of the step on all ranks, over which the loss is a mean

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1

    @property
    def n_items(self) -> int:
        return len(self.item_starts) - 1


class State(NamedTuple):
    """The weights and what NAdam remembers of them (trainer/weights.py)."""

    w: Values  # (n_items, k)
    m: Values
    v: Values
    dims: Places  # (n_items, k), or empty where nothing is pruned


def widened(x: Any) -> F:
    """A float32 of a bfloat16 or a float32."""
    raise NotImplementedError


@overload(widened)
def _widened(x: Any) -> Any:
    def shifted(x: Any) -> Any:
        return np.uint32(np.uint32(x) << np.uint32(16)).view(np.float32)

    def as_it_is(x: Any) -> Any:
        return x

    return shifted if x == types.uint16 else as_it_is


def put(row: Any, j: int, x: F) -> None:
    """row[j] = x, rounded to the nearest bfloat16 where the row is one."""
    raise NotImplementedError


@overload(put)
def _put(row: Any, j: int, x: F) -> Any:
    def rounded(row: Any, j: int, x: F) -> None:
        bits = np.float32(x).view(np.uint32)
        row[j] = np.uint16((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16))

    def as_it_is(row: Any, j: int, x: F) -> None:
        row[j] = x

    return rounded if row.dtype == types.uint16 else as_it_is


# ------------------------------------------------------------ rows


@part_of_kernels
def inverse_length(w: Values) -> F:
    total = F(0)
    for j in range(w.shape[0]):
        total += w[j] * w[j]
    return F(1) / max(F(math.sqrt(total)), F(_LEAST_NORM))


@part_of_kernels
def nadam(w: Values, m: Values, v: Values, g: Values, rates: Rates) -> F:
    """Moves a row against its gradient; returns 1 / its new length.

    g is the gradient of a = w / |w|; that of w is (g - (g a) a) / |w|.
    """
    inverse = inverse_length(w)
    along = F(0)
    for j in range(w.shape[0]):
        along += w[j] * g[j]
    along *= inverse * inverse
    total = F(0)
    for j in range(w.shape[0]):
        gradient = (g[j] - along * w[j]) * inverse
        m[j] = rates.beta1 * m[j] + rates.rest1 * gradient
        v[j] = rates.beta2 * v[j] + rates.rest2 * gradient * gradient
        size = F(math.sqrt(v[j] * rates.correction)) + rates.epsilon
        w[j] -= (rates.gradient * gradient + rates.momentum * m[j]) / size
        total += w[j] * w[j]
    return F(1) / max(F(math.sqrt(total)), F(_LEAST_NORM))


@part_of_kernels
def add_row(total: Values, row: Any) -> None:
    for j in range(total.shape[0]):
        total[j] += widened(row[j])


@part_of_kernels
def put_row(row: Any, w: Values, scale: F) -> None:
    for j in range(w.shape[0]):
        put(row, j, w[j] * scale)


@part_of_kernels
def scatter_row(row: Any, dims: Places, w: Values, scale: F) -> None:
    for j in range(w.shape[0]):
        put(row, dims[j], w[j] * scale)


@part_of_kernels
def gather_row(row: Values, dims: Places, found: Values) -> None:
    for j in range(found.shape[0]):
        found[j] = row[dims[j]]


@compiled_for_speed
def write_rows(begin: int, end: int, w: Values, dims: Places, A: Any) -> None:
    """The rows of A from weights (n, k) on a support, or from all weights where `dims` is empty."""
    for i in range(begin, end):
        inverse = inverse_length(w[i])
        if dims.shape[0]:
            A[i, :] = 0
            scatter_row(A[i], dims[i], w[i], inverse)
        else:
            put_row(A[i], w[i], inverse)


@compiled_for_speed
def write_codes(begin: int, end: int, w: Values, codes: Values) -> None:
    """A's values on the support."""
    for i in range(begin, end):
        put_row(codes[i], w[i], inverse_length(w[i]))


# ------------------------------------------------------------ batches


@compiled_for_speed
def by_item(starts: Starts, columns: Places, n_items: int) -> tuple[Starts, Places]:
    """Who has an item: of the users' items the transpose, users ascending."""
    item_starts = np.zeros(n_items + 1, np.int64)
    for p in range(columns.shape[0]):
        item_starts[columns[p] + 1] += 1
    for j in range(n_items):
        item_starts[j + 1] += item_starts[j]
    fill = item_starts[:-1].copy()
    users = np.empty(columns.shape[0], np.int32)
    for user in range(starts.shape[0] - 1):
        for p in range(starts[user], starts[user + 1]):
            users[fill[columns[p]]] = user
            fill[columns[p]] += 1
    return item_starts, users
