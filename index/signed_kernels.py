"""Posting lists of signed dims, and exact scores from them or from an item's own codes: arrays in and out, no checks.

Rows come in groups, so that the sums that a loop adds to stay in a core's cache.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled
from index.kernels import Floats, Rows
from index.packed_kernels import PackedRows

GROUP_BITS = 16  # of a row's number within its group: 128 KiB of 16-bit sums


class SignedPostings(NamedTuple):
    """An item's rows by signed dim and group of rows: list `(2 * dim + positive) * n_groups + group`."""

    starts: NDArray[np.int64]  # (2 * n_dims * n_groups + 1,)
    entries: NDArray[np.uint32]  # (n_nonzeros,) row within its group * 2**bits + level, ascending within a list
    n_groups: int


@compiled
def invert_signed(rows: PackedRows, n_dims: int) -> SignedPostings:
    """Counting sort of packed codes by signed dim. O(n_nonzeros + n_dims n_groups)."""
    n_items, k = rows.codes.shape
    mask = (1 << rows.bits) - 1
    n_groups = (n_items + (1 << GROUP_BITS) - 1) >> GROUP_BITS
    starts = np.zeros(2 * n_dims * n_groups + 1, np.int64)
    for item in range(n_items):
        for j in range(k):
            code = np.int64(rows.codes[item, j])
            if code & mask:
                positive = 1 if rows.levels[code & mask] > 0.0 else 0
                starts[(2 * (code >> rows.bits) + positive) * n_groups + (item >> GROUP_BITS) + 1] += 1
    for place in range(starts.shape[0] - 1):
        starts[place + 1] += starts[place]
    fill = starts[:-1].copy()
    entries = np.empty(starts[-1], np.uint32)
    within = (1 << GROUP_BITS) - 1
    for item in range(n_items):
        for j in range(k):
            code = np.int64(rows.codes[item, j])
            if code & mask:
                positive = 1 if rows.levels[code & mask] > 0.0 else 0
                place = (2 * (code >> rows.bits) + positive) * n_groups + (item >> GROUP_BITS)
                entries[fill[place]] = ((item & within) << rows.bits) | (code & mask)
                fill[place] += 1
    return SignedPostings(starts, entries, n_groups)


@compiled
def score_all(rows: PackedRows, postings: SignedPostings, profile: Floats) -> Floats:
    """The scores z Aᵀ of all items. Writes (n_items,). O(postings of active dims + n_items)."""
    n_items = rows.codes.shape[0]
    bits, mask = np.uint32(rows.bits), np.uint32((1 << rows.bits) - 1)
    scores, parts = np.zeros(n_items, np.float64), np.empty(rows.levels.shape[0], np.float64)
    for group in range(postings.n_groups):
        first = group << GROUP_BITS
        sums = scores[first : first + (1 << GROUP_BITS)]
        for dim in range(profile.shape[0]):
            if profile[dim] != 0.0:
                for level in range(parts.shape[0]):
                    parts[level] = profile[dim] * rows.levels[level]
                for signed in (2 * dim, 2 * dim + 1):
                    place = signed * postings.n_groups + group
                    for p in range(postings.starts[place], postings.starts[place + 1]):
                        entry = postings.entries[p]
                        sums[np.uint64(entry >> bits)] += parts[np.uint64(entry & mask)]
    for item in range(n_items):
        scores[item] *= rows.scales[item]
    return scores


@compiled
def score_one(rows: PackedRows, profile: Floats, item: int) -> float:
    mask = (1 << rows.bits) - 1
    total = 0.0
    for j in range(rows.codes.shape[1]):
        code = rows.codes[item, j]
        total += profile[code >> rows.bits] * rows.levels[code & mask]
    score: float = total * rows.scales[item]
    return score


@compiled
def score_some(rows: PackedRows, profile: Floats, items: Rows) -> Floats:
    """The same scores, to the last bit, of some items. Writes (len(items),). O(len(items) k)."""
    scores = np.empty(items.shape[0], np.float64)
    for i in range(items.shape[0]):
        scores[i] = score_one(rows, profile, items[i])
    return scores
