"""Compiled loops over packed codes: a dim above `bits` bits of a level. Arrays in, arrays out, no checks.

Sums are float64 in ascending order of dims, as in index/kernels.py, and every way to an item's score adds the same
numbers in the same order: a scan of posting lists and a pass over the item's own code agree to the last bit.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled
from index.kernels import Floats, Rows

Codes = NDArray[np.uint16] | NDArray[np.uint32]
SOUND, DIM_TOO_LARGE, BEHIND_A_ZERO, NOT_ASCENDING = 0, 1, 2, 3


class PackedRows(NamedTuple):
    """An item's non-zeros: `levels[code % 2**bits] * scales[item]` at dim `code // 2**bits`; level 0 is none."""

    codes: Codes  # (n_items, k)
    bits: int
    levels: Floats  # (2**bits,), the first is 0
    scales: NDArray[np.float32]  # (n_items,) 1 / length of the row of levels, 0 for an item without any


@compiled
def nearest_levels(weights: NDArray[np.float32], levels: Floats, n_negative: int, factors: Floats) -> Codes:
    """Of each weight (n_items, k) the level that is nearest once the row is multiplied by the best of `factors`.

    The best has the largest cosine between the row and its levels. Level 0 stands for weight 0 only; levels
    1 to n_negative are negative, the rest positive, both ascending.
    """
    n_items, k = weights.shape
    found = np.zeros((n_items, k), np.uint16)
    row = np.empty(k, np.uint16)
    for item in range(n_items):
        best = -np.inf
        for factor in factors:
            product, square = 0.0, 0.0
            for j in range(k):
                weight = float(weights[item, j])
                row[j] = 0
                if weight == 0.0:
                    continue
                low, high = (1, n_negative) if weight < 0.0 else (n_negative + 1, levels.shape[0] - 1)
                if high < low:  # no level of this sign
                    low, high = 1, levels.shape[0] - 1
                while low < high:
                    middle = (low + high) // 2
                    if weight * factor > 0.5 * (levels[middle] + levels[middle + 1]):
                        low = middle + 1
                    else:
                        high = middle
                row[j] = low
                product += weight * levels[low]
                square += levels[low] * levels[low]
            cosine = product / np.sqrt(square) if square > 0.0 else 0.0
            if cosine > best:
                best = cosine
                found[item] = row
    return found


@compiled
def first_unsound(codes: Codes, bits: int, n_dims: int) -> tuple[int, int]:
    """The first row that breaks an invariant, and which; (-1, SOUND) where none does."""
    mask = (1 << bits) - 1
    for item in range(codes.shape[0]):
        last, living = np.int64(-1), True
        for j in range(codes.shape[1]):
            code = np.int64(codes[item, j])
            if code & mask == 0:
                if code != 0:
                    return item, BEHIND_A_ZERO
                living = False
            elif not living:
                return item, BEHIND_A_ZERO
            elif code >> bits >= n_dims:
                return item, DIM_TOO_LARGE
            elif code >> bits <= last:
                return item, NOT_ASCENDING
            else:
                last = code >> bits
    return -1, SOUND


@compiled
def row_scales(codes: Codes, bits: int, levels: Floats) -> NDArray[np.float32]:
    """(n_items,) what makes each row one of length 1; 0 for an empty one."""
    mask = (1 << bits) - 1
    scales = np.zeros(codes.shape[0], np.float32)
    for item in range(codes.shape[0]):
        square = 0.0
        for j in range(codes.shape[1]):
            level = levels[codes[item, j] & mask]
            square += level * level
        if square > 0.0:
            scales[item] = 1.0 / np.sqrt(square)
    return scales


@compiled
def fold_in_packed(rows: PackedRows, history: Rows, weights: Floats, n_dims: int) -> Floats:
    """The profile z = x A of the `history` rows with one weight each. Writes (n_dims,). O(len(history) k)."""
    mask = (1 << rows.bits) - 1
    profile = np.zeros(n_dims, np.float64)
    for i in range(history.shape[0]):
        item = history[i]
        weight = weights[i] * rows.scales[item]
        for j in range(rows.codes.shape[1]):
            code = rows.codes[item, j]
            profile[code >> rows.bits] += weight * rows.levels[code & mask]
    return profile
