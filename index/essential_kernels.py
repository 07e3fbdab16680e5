"""Exact search that reads a part of the posting lists: the essential ones. Arrays in, arrays out, no checks.

MaxScore (Turtle and Flood 1995) for signed codes of length 1. Take the dims of a profile z by |z|, largest first, and
read the first m. What the other dims can still add to an item is at most |z_tail|, the length of the k largest of the
rest: an item has at most k of them, and its code has length 1 (Cauchy and Schwarz). Of a dim only the list whose sign
agrees with z's is read, because the other one can only lower a score. So an item whose sum over the lists read lies
|z_tail| under the n-th best score is none of the n best; the others are scored by their own codes.

Sums over lists are 16-bit integers, rounded so that no sum can overflow; what rounding can hide is added to the bound.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled
from index.kernels import Floats, Rows, heapify, in_order, sift_down
from index.packed_kernels import PackedRows
from index.signed_kernels import GROUP_BITS, SignedPostings, score_one

Words = NDArray[np.uint64]
BLOCK = 64  # rows whose largest sum is looked at first: a word of an ItemSet
MOST_K = 4096  # sums of more would leave too few bits
_LARGEST, _NOTHING = 32_700.0, -32768  # sums
_LEAST_SIZE = 1e-250  # of a profile: below it numbers have fewer digits
_FIRST_SHARE = 0.1  # of the dims: read before the first threshold
_TAIL = 0.6  # of that threshold, that the unread dims may add


class Answerable(NamedTuple):
    """Which items may be answered."""

    never: Rows  # ascending
    only: Words  # (n_blocks,) a bit a row (index/item_set.py), or empty where all may


class Heap(NamedTuple):
    """The best so far; the root is the one to go first."""

    scores: Floats  # (n,)
    rows: Rows


class Work(NamedTuple):
    """What a search did, for whoever measures it."""

    lists: int
    entries: int
    first_scored: int  # items, for the first threshold
    last_scored: int


class Searchable(NamedTuple):
    """What is searched."""

    rows: PackedRows
    postings: SignedPostings
    least_scale: float  # of rows.scales, of items that have a code
    largest_scale: float


class Query(NamedTuple):
    """A profile as posting lists to read, those of the largest |z| first."""

    profile: Floats  # (n_dims,)
    answerable: Answerable
    lists: NDArray[np.int64]  # (n_active,) signed dims
    parts: NDArray[np.int16]  # (n_active, n_levels) z times level, in units
    tails: Floats  # (n_active + 1,) what the lists from m on can add to a score
    unit: float
    slack: float  # units by which a sum of parts may be too small


class Sums(NamedTuple):
    """Of the parts that were read."""

    rows: NDArray[np.int16]  # (n_blocks * BLOCK,)
    largest: NDArray[np.int16]  # (n_blocks,) of the rows that may be answered


@compiled
def _may(answerable: Answerable, row: int) -> bool:
    if answerable.only.shape[0]:
        word = answerable.only[row // BLOCK]
        if not (word >> np.uint64(row % BLOCK)) & np.uint64(1):
            return False
    never = answerable.never
    low, high = 0, never.shape[0]
    while low < high:
        middle = (low + high) // 2
        if never[middle] < row:
            low = middle + 1
        else:
            high = middle
    return not (low < never.shape[0] and never[low] == row)


@compiled
def _query(index: Searchable, profile: Floats, answerable: Answerable) -> Query:
    rows = index.rows
    k, n_levels = rows.codes.shape[1], rows.levels.shape[0]
    dims = np.flatnonzero(profile)
    dims = dims[np.argsort(-np.abs(profile[dims]))]
    n_active, size = dims.shape[0], abs(profile[dims[0]])
    squares = np.zeros(n_active + 1, np.float64)
    squares[1:] = np.cumsum((profile[dims] / size) ** 2)
    tails = np.empty(n_active + 1, np.float64)
    for m in range(n_active):
        rest = squares[min(m + k, n_active)] - squares[m]
        tails[m] = size * math.sqrt(max(rest, 0.0) + 1e-12 * squares[n_active])  # more than the difference can lose
    tails[n_active] = 0.0
    slack = 0.5 * k + 1.0
    unit = tails[0] / index.least_scale / (_LARGEST - slack)  # |parts of a row| <= |z| |levels| <= tails[0] / its scale
    if size < _LEAST_SIZE:
        unit = np.inf  # all parts are 0, and every item can reach the threshold
    lists = np.empty(n_active, np.int64)
    parts = np.zeros((n_active, n_levels), np.int16)
    for i in range(n_active):
        z = profile[dims[i]]
        lists[i] = 2 * dims[i] + (1 if z > 0.0 else 0)
        for level in range(n_levels):
            if z * rows.levels[level] > 0.0:
                parts[i, level] = np.int16(math.floor(z * rows.levels[level] / unit + 0.5))
    return Query(profile, answerable, lists, parts, tails, unit, slack)


@compiled
def _block_maxima(values: NDArray[np.int16], largest: NDArray[np.int16]) -> None:
    """A loop that becomes vector instructions as it is written here, and not over a slice."""
    for block in range(largest.shape[0]):
        found = np.int16(_NOTHING)
        for row in range(block * BLOCK, block * BLOCK + BLOCK):
            found = max(found, values[row])
        largest[block] = found


@compiled
def _block_maxima_of(values: NDArray[np.int16], only: Words, largest: NDArray[np.int16]) -> None:
    for block in range(largest.shape[0]):
        found, word = np.int16(_NOTHING), only[block]
        for bit in range(BLOCK if word else 0):
            if (word >> np.uint64(bit)) & np.uint64(1):
                found = max(found, values[block * BLOCK + bit])
        largest[block] = found


@compiled
def _read(index: Searchable, query: Query, begin: int, end: int, sums: Sums) -> None:
    """Adds the parts of lists `begin:end` to the sums of their rows, group by group; then finds the largest."""
    bits, postings = index.rows.bits, index.postings
    shift, mask = np.uint32(bits), np.uint32((1 << bits) - 1)
    for group in range(postings.n_groups):
        first = group << GROUP_BITS
        held = sums.rows[first : first + (1 << GROUP_BITS)]
        for i in range(begin, end):
            place = query.lists[i] * postings.n_groups + group
            parts = query.parts[i]
            for p in range(postings.starts[place], postings.starts[place + 1]):
                entry = postings.entries[p]
                row = np.uint64(entry >> shift)
                held[row] = np.int16(held[row] + parts[np.uint64(entry & mask)])
    if query.answerable.only.shape[0]:
        _block_maxima_of(sums.rows, query.answerable.only, sums.largest)
    else:
        _block_maxima(sums.rows, sums.largest)


@compiled
def _reached(values: NDArray[np.int16], n: int) -> int:
    """A value that at least n of `values` reach, if there are so many, and few more."""
    counts = np.zeros(4096, np.int64)
    for value in values:
        counts[(np.int64(value) + 32768) >> 4] += 1
    place = 4095
    while place > 0 and counts[place] < n:
        n -= counts[place]
        place -= 1
    return (place << 4) + _NOTHING


@compiled
def _offer(heap: Heap, size: int, score: float, row: int) -> int:
    """Takes a row into a heap of `size`, if it is one of the best; returns how many it then holds."""
    scores, rows = heap
    if size < scores.shape[0]:
        scores[size], rows[size] = score, row
        size += 1
        if size == scores.shape[0]:
            heapify(scores, rows, size)
    elif score > scores[0] or (score == scores[0] and row < rows[0]):
        scores[0], rows[0] = score, row
        sift_down(scores, rows, 0, size)
    return size


@compiled
def _first_threshold(index: Searchable, query: Query, sums: Sums, heap: Heap) -> tuple[float, int]:
    """The n-th best score of the items with the largest sums so far, -inf where there are fewer; and how many."""
    n_items, n_blocks = index.rows.codes.shape[0], sums.largest.shape[0]
    wanted = 2 * (heap.scores.shape[0] + query.answerable.never.shape[0])
    reached = _reached(sums.largest, wanted) if n_blocks > 8 * wanted else _reached(sums.rows[:n_items], wanted)
    size, n_scored = 0, 0
    for block in range(n_blocks):
        if sums.largest[block] >= reached:
            for row in range(block * BLOCK, min(block * BLOCK + BLOCK, n_items)):
                if sums.rows[row] >= reached and index.rows.scales[row] > 0.0 and _may(query.answerable, row):
                    size = _offer(heap, size, score_one(index.rows, query.profile, row), row)
                    n_scored += 1
    return (heap.scores[0] if size == heap.scores.shape[0] else -np.inf), n_scored


@compiled
def _least_sum(threshold: float, tail: float, unit: float, slack: float) -> int:
    """The least sum that an item can have whose score reaches the threshold."""
    if not threshold > tail:
        return _NOTHING
    return int(min(32767.0, math.floor((threshold - tail) / unit - slack)))


@compiled
def _collect(index: Searchable, query: Query, sums: Sums, heap: Heap, bound: tuple[float, float]) -> tuple[int, int]:
    """Scores every item that can reach the threshold; how many the heap holds, and how many were scored.

    `bound` is the threshold, and what the lists that were not read can add.
    """
    n_items, n = index.rows.codes.shape[0], heap.scores.shape[0]
    threshold, tail = bound
    size, n_scored = 0, 0
    least = _least_sum(threshold, tail, query.unit * index.largest_scale, query.slack)
    for block in range(sums.largest.shape[0]):
        if sums.largest[block] < least:
            continue
        for row in range(block * BLOCK, min(block * BLOCK + BLOCK, n_items)):
            if sums.rows[row] < least:
                continue
            scale = index.rows.scales[row]
            if scale == 0.0 or scale * query.unit * (sums.rows[row] + query.slack) + tail < threshold:
                continue
            if _may(query.answerable, row):
                n_scored += 1
                size = _offer(heap, size, score_one(index.rows, query.profile, row), row)
                if size == n and heap.scores[0] > threshold:
                    threshold = heap.scores[0]
                    least = _least_sum(threshold, tail, query.unit * index.largest_scale, query.slack)
    return size, n_scored


@compiled
def best(index: Searchable, profile: Floats, n: int, answerable: Answerable) -> tuple[Rows, Floats, Work]:
    """The n best answerable items by score, ties by row, as if all were scored; none without a code. k <= MOST_K."""
    query = _query(index, profile, answerable)
    n_active = query.lists.shape[0]
    n_blocks = (index.rows.codes.shape[0] + BLOCK - 1) // BLOCK
    sums = Sums(np.zeros(n_blocks * BLOCK, np.int16), np.empty(n_blocks, np.int16))
    heap = Heap(np.empty(n, np.float64), np.empty(n, np.int32))
    n_first = min(n_active, max(1, int(_FIRST_SHARE * n_active)))
    _read(index, query, 0, n_first, sums)
    threshold, first_scored = _first_threshold(index, query, sums, heap)
    n_read = n_first
    while n_read < n_active and not query.tails[n_read] <= _TAIL * threshold:
        n_read += 1
    _read(index, query, n_first, n_read, sums)
    size, last_scored = _collect(index, query, sums, heap, (threshold, query.tails[n_read]))
    in_order(heap.scores, heap.rows, size)
    n_entries = 0
    for i in range(n_read):
        first = query.lists[i] * index.postings.n_groups
        n_entries += index.postings.starts[first + index.postings.n_groups] - index.postings.starts[first]
    return heap.rows[:size], heap.scores[:size], Work(n_read, n_entries, first_scored, last_scored)
