"""Posting lists of signed dims over blocks of rows, for upper bounds: arrays in, arrays out, no checks.

A block is 1, 2 or 4 rows that lie together. A list has an entry for each block in which a row has the dim with the
list's sign: the largest of these weights, rounded up to a step. Blocks come in groups, so that what a loop adds to
stays in a core's second cache; the lists of a group lie together, and what comes next is fetched ahead.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled, fetch
from index.packed_kernels import PackedRows

GROUP_BITS = 16  # of a block's number within its group: 128 KiB of 16-bit sums, in a core's second cache
_STEP_BITS = 6
STEPS = 1 << _STEP_BITS  # of weight: step s is at most (s + 1) / STEPS of the largest
_FIELD, _STEP = np.uint32(_STEP_BITS), np.uint32(STEPS - 1)
_LINE = 16  # entries of a cache line
_AHEAD = 6  # lists
_MOST_LINES = 16  # of a list, that are fetched ahead; the rest the processor foresees

Sums = NDArray[np.uint16]


class BlockPostings(NamedTuple):
    """List `2 * dim + positive` of group g holds the entries from `starts[g * n_lists + list]` to the next start."""

    starts: NDArray[np.int64]  # (n_groups * n_lists + 1,)
    entries: NDArray[np.uint32]  # block within its group * STEPS + step, by block
    lengths: NDArray[np.int64]  # (n_lists,) over all groups
    rows: int  # of a block
    n_blocks: int
    largest: float  # weight
    l1: NDArray[np.uint8]  # (n_blocks,) the largest sum of an item's |weights|, rounded up to a part of 255 of:
    largest_l1: float


@compiled
def n_block_entries(rows: PackedRows, n_dims: int, size: int, every: int) -> tuple[int, int]:
    """How many entries blocks of `size` rows have, and how many non-zeros; of one block in `every`."""
    n_items, k = rows.codes.shape
    mask = (1 << rows.bits) - 1
    seen = np.full(2 * n_dims, -1, np.int64)
    n_entries, n_nonzeros = 0, 0
    for first in range(0, n_items, size * every):
        for item in range(first, min(first + size, n_items)):
            for j in range(k):
                code = np.int64(rows.codes[item, j])
                if code & mask:
                    place = 2 * (code >> rows.bits) + (1 if rows.levels[rows.offsets[j] + (code & mask)] > 0.0 else 0)
                    n_nonzeros += 1
                    if seen[place] != first:
                        seen[place] = first
                        n_entries += 1
    return n_entries, n_nonzeros


def invert_blocks(rows: PackedRows, n_dims: int, size: int) -> BlockPostings:
    """The lists of blocks of `size` rows. O(non-zeros + n_dims n_groups).

    numpy asks for large pages where an array is large, numba does not: they are worth a fifth of what an entry costs.
    """
    n_blocks, n_lists = -(-len(rows.codes) // size), 2 * n_dims
    n_groups = -(-n_blocks // (1 << GROUP_BITS))
    starts, lengths = np.zeros(n_groups * n_lists + 1, np.int64), np.zeros(n_lists, np.int64)
    l1 = np.zeros(n_blocks)
    largest = _count(rows, size, starts, lengths, l1)
    entries = np.empty(starts[-1], np.uint32)
    _fill(rows, size, starts, entries, (n_lists, largest))
    largest_l1 = float(l1.max(initial=0.0)) * (1 + 1e-12)
    parts = np.ceil(l1 / largest_l1 * 255).astype(np.uint8) if largest_l1 else l1.astype(np.uint8)
    return BlockPostings(starts, entries, lengths, size, n_blocks, largest, parts, largest_l1)


@compiled
def _count(
    rows: PackedRows, size: int, starts: NDArray[np.int64], lengths: NDArray[np.int64], l1: NDArray[np.float64]
) -> float:
    """Writes where lists start, how long they are, and `l1` of blocks; returns the largest weight."""
    mask, n_lists = (1 << rows.bits) - 1, lengths.shape[0]
    last_block = np.full(n_lists, -1, np.int64)
    largest = 0.0
    for item in range(rows.codes.shape[0]):
        block, total = item // size, 0.0
        for j in range(rows.codes.shape[1]):
            code = np.int64(rows.codes[item, j])
            if code & mask:
                level = rows.levels[rows.offsets[j] + (code & mask)]
                total += abs(level) * rows.scales[item]
                largest = max(largest, abs(level) * rows.scales[item])
                found = 2 * (code >> rows.bits) + (1 if level > 0.0 else 0)
                if last_block[found] != block:
                    last_block[found] = block
                    lengths[found] += 1
                    starts[(block >> GROUP_BITS) * n_lists + found + 1] += 1
        l1[block] = max(l1[block], total)
    for place in range(starts.shape[0] - 1):
        starts[place + 1] += starts[place]
    return largest


@compiled
def _fill(
    rows: PackedRows, size: int, starts: NDArray[np.int64], entries: NDArray[np.uint32], lists: tuple[int, float]
) -> None:
    """`lists` is how many there are, and the largest weight."""
    (n_lists, largest), mask = lists, (1 << rows.bits) - 1
    fill, last_block = starts[:-1].copy(), np.full(n_lists, -1, np.int64)
    within = (1 << GROUP_BITS) - 1
    for item in range(rows.codes.shape[0]):
        block = item // size
        for j in range(rows.codes.shape[1]):
            code = np.int64(rows.codes[item, j])
            if code & mask:
                level = rows.levels[rows.offsets[j] + (code & mask)]
                found = 2 * (code >> rows.bits) + (1 if level > 0.0 else 0)
                share = abs(level) * rows.scales[item] / largest
                step = max(0, min(STEPS, int(np.ceil(share * STEPS * (1.0 + 1e-12)))) - 1)
                place = (block >> GROUP_BITS) * n_lists + found
                if last_block[found] != block:
                    last_block[found] = block
                    entries[fill[place]] = (block & within) << _FIELD | step
                    fill[place] += 1
                else:
                    entry = entries[fill[place] - 1]
                    entries[fill[place] - 1] = max(entry, (entry >> _FIELD) << _FIELD | np.uint32(step))


@compiled
def add_lists(postings: BlockPostings, lists: NDArray[np.int64], parts: Sums, sums: Sums) -> None:
    """Adds to each block of list `lists[i]` the part (n, STEPS) of its step. `sums` is (n_blocks,). O(entries)."""
    n_lists, n_wanted = postings.lengths.shape[0], lists.shape[0]
    starts, entries = postings.starts, postings.entries
    for first in range(0, sums.shape[0], 1 << GROUP_BITS):
        held = sums[first : first + (1 << GROUP_BITS)]
        base = (first >> GROUP_BITS) * n_lists
        for i in range(n_wanted):
            if i + 2 * _AHEAD < n_wanted:
                fetch(starts, base + lists[i + 2 * _AHEAD])
            if i + _AHEAD < n_wanted:
                place = base + lists[i + _AHEAD]
                begin = starts[place]
                for line in range(begin, min(starts[place + 1], begin + _MOST_LINES * _LINE), _LINE):
                    fetch(entries, line)
            part, place = parts[i], base + lists[i]
            for p in range(np.uint64(starts[place]), np.uint64(starts[place + 1])):
                entry = entries[p]
                held[np.uint64(entry >> _FIELD)] += part[np.uint64(entry & _STEP)]
