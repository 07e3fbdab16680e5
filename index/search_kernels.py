"""The best items of a profile the cheaper way, and of many histories. Arrays in, arrays out, no checks."""

import numpy as np
from numpy.typing import NDArray

from index.block_kernels import BlockPostings
from index.bound_kernels import MOST_ENTRIES, Active, Answerable, Searchable, active_dims
from index.compiled import compiled
from index.essential_kernels import Found, Heap, Results, Work, fill, offer
from index.kernels import Floats, in_order
from index.packed_kernels import Fields, PackedRows, fold_in_packed, score_one

CHEAPER, LISTS, SCAN = 0, 1, 2  # ways
_FEW_ENTRIES = 2**18  # of which all lists of active dims are read: to order dims takes as long
_ENTRY_COST = 1.7  # of a posting, in weights of a scan, which lie in a row (benchmarks.bench_search)
_MANY = 8  # where more than one in so many are asked for, all are scored
_WORD = 64  # rows of a word of an ItemSet


@compiled
def _by_size(profile: Floats, dims: NDArray[np.int64]) -> NDArray[np.int64]:
    """Dims by |z|, the largest first; of 2^20 of them, sizes that agree in 32 binary digits come in any order."""
    keys = np.abs(profile[dims]).view(np.uint64)  # as whole numbers such are in the same order
    place = np.uint64(1)
    while place < keys.shape[0]:
        place <<= np.uint64(1)
    place -= np.uint64(1)  # the lowest bits say where a key comes from
    for i in range(keys.shape[0]):
        keys[i] = (~keys[i] & ~place) | np.uint64(i)
    keys.sort()
    for i in range(keys.shape[0]):
        keys[i] &= place
    return dims[keys.view(np.int64)]


@compiled
def _scan(index: Searchable, profile: Floats, answerable: Answerable, heap: Heap) -> int:
    """Scores every item that may be answered."""
    rows, (never, only), n_held, at_never = index.rows, answerable, 0, 0
    for row in range(rows.codes.shape[0]):
        if at_never < never.shape[0] and never[at_never] == row:
            at_never += 1
            continue
        if rows.scales[row] == 0.0:
            continue
        if only.shape[0] and not (only[row // _WORD] >> np.uint64(row % _WORD)) & np.uint64(1):
            continue
        score = score_one(rows, profile, row)
        if n_held < heap.scores.shape[0] or score > heap.scores[0]:  # rows ascend: an equal one loses the tie
            n_held = offer(heap, n_held, score, row)
    in_order(heap.scores, heap.rows, n_held)
    return n_held


@compiled
def _best(index: Searchable, profile: Floats, answerable: Answerable, results: Results, way: int) -> tuple[int, Work]:
    """Fills the heap with the best answerable items by score, ties by row, none without a code; how many, and by what.

    Through lists (index/essential_kernels.py) where that touches less than scoring all, or the way that is asked for.
    """
    (n_items, k), postings = index.rows.codes.shape, index.postings
    dims, n_entries = active_dims(profile, postings.lengths)
    possible = dims.shape[0] > 0 and postings.rows * k <= MOST_ENTRIES
    cheap = results.heap.scores.shape[0] * _MANY <= n_items and _ENTRY_COST * n_entries <= n_items * k
    if possible and (way == LISTS or (way == CHEAPER and cheap)):
        by_size = postings.entries.shape[0] > _FEW_ENTRIES
        active = Active(_by_size(profile, dims) if by_size else dims, by_size)
        return fill(index, profile, active, answerable, results)
    return _scan(index, profile, answerable, results.heap), Work(0, 0, 0, n_items)


@compiled
def search(
    index: tuple[Fields, Fields], profile: Floats, answerable: Fields, results: tuple[Fields, Fields], way: int
) -> tuple[int, tuple[int, int, int, int]]:
    """`_best` for Python, with the fields of its arguments, and of what it returns."""
    searchable = Searchable(PackedRows(*index[0]), BlockPostings(*index[1]))
    places = Results(Heap(*results[0]), Found(*results[1]))
    n_held, work = _best(searchable, profile, Answerable(*answerable), places, way)
    return n_held, (work.lists, work.entries, work.first_scored, work.last_scored)


@compiled
def search_many(
    index: tuple[Fields, Fields],
    histories: Fields,
    n_dims: int,
    results: tuple[Fields, Fields],
    sizes: NDArray[np.int64],
) -> None:
    """The same of many: history `i` is `rows[starts[i]:starts[i + 1]]`, ascending, with a weight each.

    Writes row `i` of the scores and rows (n_users, n), and of `sizes` how many there are: -1 where the profile is 0.
    """
    searchable = Searchable(PackedRows(*index[0]), BlockPostings(*index[1]))
    (starts, rows, weights), (scores, best), found = histories, results[0], Found(*results[1])
    every = np.empty(0, np.uint64)
    for user in range(sizes.shape[0]):
        history = rows[starts[user] : starts[user + 1]]
        profile = fold_in_packed(index[0], history, weights[starts[user] : starts[user + 1]], n_dims)
        sizes[user] = -1
        if profile.any():
            places = Results(Heap(scores[user], best[user]), found)
            way = int(np.int64(CHEAPER))  # a constant would be a type of its own, and all of it compiled once more
            sizes[user] = _best(searchable, profile, Answerable(history, every), places, way)[0]
