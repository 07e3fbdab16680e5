"""Compiled loops over packed codes: a dim above `bits` bits of a level. Arrays in, arrays out, no checks."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled, fetch
from index.kernels import Floats, Rows

Codes = NDArray[np.uint16] | NDArray[np.uint32]
Fields = tuple[Any, ...]  # of a NamedTuple: numba takes them from Python in a tenth of the time
SOUND, DIM_TOO_LARGE, BEHIND_A_ZERO, DIM_TWICE = 0, 1, 2, 3
_AHEAD = 8  # rows of a history


class PackedRows(NamedTuple):
    """An item's non-zeros: place j has `levels[offsets[j] + code % 2**bits] * scales[item]` at dim `code // 2**bits`.

    A code of level 0 is none.
    """

    codes: Codes  # (n_items, k)
    bits: int
    levels: Floats  # (n_bands * 2**bits,), the first of a band is 0
    offsets: NDArray[np.int64]  # (k,) where a place's band begins
    scales: NDArray[np.float32]  # (n_items,) 1 / length of the row of levels, 0 for an item without any


@compiled
def nearest_levels(
    weights: NDArray[np.float32], levels: Floats, n_negative: NDArray[np.int64], factors: Floats
) -> Codes:
    """Of each weight (n_items, k) the level of its band that is nearest once its row is multiplied by the best factor.

    The best has the largest cosine between the row and its levels (n_bands, 2**bits). Level 0 stands for weight 0
    only; a band's levels 1 to n_negative are negative, the rest positive, both ascending, none of them empty.
    """
    n_items, k = weights.shape
    n_bands, last = levels.shape[0], levels.shape[1] - 1
    found = np.zeros((n_items, k), np.uint16)
    row = np.empty(k, np.uint16)
    for item in range(n_items):
        best = -np.inf
        for factor in factors:
            product, square = 0.0, 0.0
            for j in range(k):
                weight, band = float(weights[item, j]), j * n_bands // k
                row[j] = 0
                if weight == 0.0:
                    continue
                low, high = (1, n_negative[band]) if weight < 0.0 else (n_negative[band] + 1, last)
                while low < high:
                    middle = (low + high) // 2
                    if weight * factor > 0.5 * (levels[band, middle] + levels[band, middle + 1]):
                        low = middle + 1
                    else:
                        high = middle
                row[j] = low
                product += weight * levels[band, low]
                square += levels[band, low] * levels[band, low]
            cosine = product / np.sqrt(square) if square > 0.0 else 0.0
            if cosine > best:
                best = cosine
                found[item] = row
    return found


@compiled
def first_unsound(codes: Codes, bits: int, n_dims: int) -> tuple[int, int]:
    """The first row that breaks an invariant, and which; (-1, SOUND) where none does."""
    mask = (1 << bits) - 1
    last_item = np.full(n_dims, -1, np.int64)
    for item in range(codes.shape[0]):
        living = True
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
            elif last_item[code >> bits] == item:
                return item, DIM_TWICE
            else:
                last_item[code >> bits] = item
    return -1, SOUND


@compiled
def row_scales(codes: Codes, bits: int, levels: Floats, offsets: NDArray[np.int64]) -> NDArray[np.float32]:
    """(n_items,) what makes each row one of length 1; 0 for an empty one."""
    mask = (1 << bits) - 1
    scales = np.zeros(codes.shape[0], np.float32)
    for item in range(codes.shape[0]):
        square = 0.0
        for j in range(codes.shape[1]):
            level = levels[offsets[j] + (codes[item, j] & mask)]
            square += level * level
        if square > 0.0:
            scales[item] = 1.0 / np.sqrt(square)
    return scales


@compiled
def fold_in_packed(fields: Fields, history: Rows, weights: Floats, n_dims: int) -> Floats:
    """The profile z = x A of the `history` rows with one weight each. Writes (n_dims,). O(len(history) k).

    `fields` are those of PackedRows.
    """
    rows = PackedRows(*fields)
    mask, k = (1 << rows.bits) - 1, rows.codes.shape[1]
    flat, per_line = rows.codes.ravel(), 64 // rows.codes.itemsize
    profile = np.zeros(n_dims, np.float64)
    for i in range(history.shape[0]):
        if i + _AHEAD < history.shape[0]:
            fetch(rows.scales, history[i + _AHEAD])
            for place in range(history[i + _AHEAD] * k, history[i + _AHEAD] * k + k, per_line):
                fetch(flat, place)
        item = history[i]
        weight = weights[i] * rows.scales[item]
        for j in range(rows.codes.shape[1]):
            code = rows.codes[item, j]
            profile[code >> rows.bits] += weight * rows.levels[rows.offsets[j] + (code & mask)]
    return profile


@compiled
def score_one(rows: PackedRows, profile: Floats, item: int) -> float:
    bits, mask = np.uint64(rows.bits), np.uint64((1 << rows.bits) - 1)
    row, total = np.uint64(item), 0.0
    for j in range(np.uint64(0), np.uint64(rows.codes.shape[1])):  # an index without a sign costs no check of it
        code = np.uint64(rows.codes[row, j])
        total += profile[code >> bits] * rows.levels[np.uint64(rows.offsets[j]) + (code & mask)]
    score: float = total * rows.scales[row]
    return score


@compiled
def score_all(fields: Fields, profile: Floats) -> Floats:
    """The scores z Aᵀ of all items. Writes (n_items,). O(n_items k). `fields` are those of PackedRows."""
    rows = PackedRows(*fields)
    scores = np.empty(rows.codes.shape[0], np.float64)
    for item in range(scores.shape[0]):
        scores[item] = score_one(rows, profile, item)
    return scores


@compiled
def score_some(fields: Fields, profile: Floats, items: Rows) -> Floats:
    """The same scores, to the last bit, of some items. Writes (len(items),). O(len(items) k)."""
    rows = PackedRows(*fields)
    scores = np.empty(items.shape[0], np.float64)
    for i in range(items.shape[0]):
        scores[i] = score_one(rows, profile, items[i])
    return scores
