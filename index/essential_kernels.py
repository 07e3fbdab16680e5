"""Exact search that reads a part of the posting lists: the essential ones. Arrays in, arrays out, no checks.

MaxScore (Turtle and Flood 1995) for signed codes, over blocks of rows (index/block_kernels.py): the lists of the dims
with the largest |z| are read; of a dim the one whose sign agrees with z's, because the other can only lower a score.
Where the sum over them lies further under the n-th best score than the other lists can add (index/bound_kernels.py), no
item of the block is one of the n best; the items of the other blocks are scored by their own codes.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.block_kernels import BlockPostings, Sums, add_lists
from index.bound_kernels import (
    LARGEST_SUM,
    Active,
    Answerable,
    Query,
    Searchable,
    begin,
    chosen,
    least_sum,
    parts_of,
    query_of,
)
from index.compiled import compiled, fetch
from index.kernels import Floats, Rows, heapify, in_order, sift_down
from index.packed_kernels import score_one

_CHUNK = 64  # blocks, whose largest sum is looked at first
_WORD = 64  # rows of a word of an ItemSet
_FIRST_LISTS = 32  # read before the first threshold
_TAIL, _NEXT_TAIL = 0.75, 0.6  # of that threshold, that unread dims may add; of this, where more are worth reading
_ROW_COST = 30  # entries that are read in the time that an item takes to be scored
_AHEAD = 8  # blocks, that are fetched before they are scored


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


class Best(NamedTuple):
    """The best so far, of the blocks that were scored."""

    heap: Heap
    n_held: int
    n_scored: int
    blocks: NDArray[np.int64]


class Candidates(NamedTuple):
    blocks: NDArray[np.int64]  # ascending
    tail: float  # what can come on top of their sums


class Found(NamedTuple):
    """Made once and used again: to ask the system for the memory takes longer than to fill it."""

    sums: Sums  # (n_chunks * _CHUNK,) of what was read, one a block; those that are left over stay 0
    largest: Sums  # (n_chunks,) in each; whole chunks of them

    @classmethod
    def room(cls, n_blocks: int) -> "Found":
        n_chunks = -(-n_blocks // (_CHUNK * _CHUNK)) * _CHUNK
        return cls(np.zeros(n_chunks * _CHUNK, np.uint16), np.zeros(n_chunks, np.uint16))


class Results(NamedTuple):
    heap: Heap  # for the best
    found: Found


@compiled
def _read(postings: BlockPostings, query: Query, n_lists: int, level: float, found: Found) -> None:
    """The sums of the first lists, and the largest of them; of blocks with an item that may be answered."""
    sums, (never, only), size = found.sums, query.answerable, postings.rows
    begin(query, level, postings, sums)
    add_lists(postings, query.lists[:n_lists], parts_of(query, n_lists, level, postings.largest), sums)
    for i in range(never.shape[0] - size + 1):
        if never[i] % size == 0 and never[i + size - 1] == never[i] + size - 1:
            sums[never[i] // size] = 0
    if only.shape[0]:
        rows = np.uint64((1 << size) - 1)
        for block in range(postings.n_blocks):
            row = block * size
            if not (only[row // _WORD] >> np.uint64(row % _WORD)) & rows:
                sums[block] = 0
    _chunk_maxima(sums, found.largest)


@compiled
def _chunk_maxima(sums: Sums, largest: Sums) -> None:
    """The inner loop becomes vector instructions as it is written: with a length that is not known beforehand."""
    size = sums.shape[0] // largest.shape[0]
    for chunk in range(largest.shape[0]):
        most, within = np.uint16(0), sums[chunk * size : chunk * size + size]
        for j in range(size):
            value = within[j]
            most = value if value > most else most
        largest[chunk] = most


@compiled
def _n_reaching(values: Sums, least: int) -> int:
    """How many have at least this sum. `values` are whole chunks."""
    n, least_sum = 0, np.uint16(least)
    for chunk in range(values.shape[0] // _CHUNK):
        in_chunk = np.uint16(0)
        for place in range(chunk * _CHUNK, chunk * _CHUNK + _CHUNK):
            in_chunk += np.uint16(values[place] >= least_sum)
        n += int(in_chunk)
    return n


@compiled
def _reached(values: Sums, n: int) -> int:
    """A sum that at least n of `values` reach, if there are so many, and few more."""
    low, high = 0, LARGEST_SUM + 1  # n reach the one, fewer the other
    while high - low > 1:
        middle = (low + high) // 2
        n_reaching = _n_reaching(values, middle)
        if n_reaching < n:
            high = middle
        else:
            low = middle
            if n_reaching <= n + n // 8:
                break
    return low


@compiled
def _n_blocks_reaching(found: Found, least: int) -> int:
    """The same of sums, of chunks that can have any."""
    n, least_sum = 0, np.uint16(least)
    for chunk in range(found.largest.shape[0]):
        if found.largest[chunk] >= least_sum:
            n += _n_reaching(found.sums[chunk * _CHUNK : chunk * _CHUNK + _CHUNK], least)
    return n


@compiled
def _blocks_reaching(found: Found, n_blocks: int, least: int) -> NDArray[np.int64]:
    blocks, n, least_sum = np.empty(_n_blocks_reaching(found, least) + 1, np.int64), np.uint64(0), np.uint16(least)
    for chunk in range(found.largest.shape[0]):
        if found.largest[chunk] >= least_sum:
            for block in range(np.uint64(chunk * _CHUNK), np.uint64(min(chunk * _CHUNK + _CHUNK, n_blocks))):
                blocks[n] = block  # an index without a sign costs no check of it
                n += np.uint64(found.sums[block] >= least_sum)
    return blocks[:n]


@compiled
def offer(heap: Heap, size: int, score: float, row: int) -> int:
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
def _score_blocks(index: Searchable, query: Query, found: Found, best: Best, candidates: Candidates) -> Best:
    """Scores the items of the candidates without those that were scored before.

    As the worst score held rises, candidates can be passed over.
    """
    (heap, n_held, n_scored, before), (blocks, tail) = best, candidates
    rows, size = index.rows, index.postings.rows
    codes, (n_items, k) = rows.codes.ravel(), rows.codes.shape
    never, only = query.answerable
    per_line = 64 // codes.itemsize
    least = least_sum(heap.scores[0], tail, query.unit) if n_held == heap.scores.shape[0] else 0
    at_never, at_before = 0, 0
    for i in range(blocks.shape[0]):
        if i + _AHEAD < blocks.shape[0]:
            first = blocks[i + _AHEAD] * size
            fetch(rows.scales, first)
            for place in range(first * k, min(first + size, n_items) * k, per_line):
                fetch(codes, place)
        block = blocks[i]
        while at_before < before.shape[0] and before[at_before] < block:
            at_before += 1
        if found.sums[block] < least or (at_before < before.shape[0] and before[at_before] == block):
            continue
        for row in range(block * size, min(block * size + size, n_items)):
            if rows.scales[row] == 0.0:
                continue
            if only.shape[0] and not (only[row // _WORD] >> np.uint64(row % _WORD)) & np.uint64(1):
                continue
            score = score_one(rows, query.profile, row)
            n_scored += 1
            if n_held == heap.scores.shape[0] and score < heap.scores[0]:
                continue
            while at_never < never.shape[0] and never[at_never] < row:
                at_never += 1
            if at_never < never.shape[0] and never[at_never] == row:
                continue
            n_held = offer(heap, n_held, score, row)
            if n_held == heap.scores.shape[0]:
                least = least_sum(heap.scores[0], tail, query.unit)
    return Best(heap, n_held, n_scored, blocks)


@compiled
def fill(
    index: Searchable, profile: Floats, active: Active, answerable: Answerable, results: Results
) -> tuple[int, Work]:
    """Fills the heap with the best answerable items by score, ties by row, as if all were scored; none without a code.

    A block has no more than MOST_ENTRIES entries. Returns how many items were found.
    """
    (heap, found), postings = results, index.postings
    query, n, n_active = query_of(index, profile, active, answerable), heap.scores.shape[0], active.dims.shape[0]
    n_chunks = (postings.n_blocks + _CHUNK - 1) // _CHUNK
    best = Best(heap, 0, 0, np.empty(0, np.int64))

    n_read = min(n_active, _FIRST_LISTS) if active.by_size else n_active
    _read(postings, query, n_read, 0.0, found)
    few = n_chunks <= 8 * n  # so that some of the best would share a chunk
    least = _reached(found.sums if few else found.largest, n)
    best = _score_blocks(
        index, query, found, best, Candidates(_blocks_reaching(found, postings.n_blocks, least), np.inf)
    )
    first_scored, n_entries = best.n_scored, postings.lengths[query.lists[:n_read]].sum()
    threshold = heap.scores[0] if best.n_held == n else -np.inf

    tail, share = query.sizes[n_read] * postings.largest_l1, _TAIL
    least = least_sum(threshold, tail, query.unit)
    while n_read < n_active:
        n_chosen = chosen(index, query, share * threshold)
        n_more = postings.lengths[query.lists[:n_chosen]].sum()
        if n_more > _ROW_COST * postings.rows * _n_blocks_reaching(found, least):
            break
        _read(postings, query, n_chosen, query.sizes[n_chosen], found)  # once more those that were read, with less
        n_read, n_entries, tail, share = n_chosen, n_entries + n_more, 0.0, share * _NEXT_TAIL
        least = least_sum(threshold, tail, query.unit)
    candidates = Candidates(_blocks_reaching(found, postings.n_blocks, least), tail)
    best = _score_blocks(index, query, found, best, candidates)
    in_order(heap.scores, heap.rows, best.n_held)
    return best.n_held, Work(n_read, n_entries, first_scored, best.n_scored - first_scored)
