"""Every compiled loop: arrays in, arrays out, no checks. The callers check.

Single-threaded and `nogil`: requests run side by side in threads, and a kernel with
`parallel=True` called from two threads aborts the process under numba's workqueue layer.
Scores are summed in float64 in ascending order of dims, so that items with equal codes get equal
scores and ties can be broken by row.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled

Dims = NDArray[np.uint16] | NDArray[np.uint32]
Floats = NDArray[np.float64]
Rows = NDArray[np.int32]


class Postings(NamedTuple):
    """The non-zeros of a sparse matrix grouped by dim: dim `j` holds entries `starts[j]:starts[j + 1]`."""

    starts: NDArray[np.int64]  # (n_dims + 1,)
    rows: Rows  # (n_nonzeros,) ascending within a dim
    weights: NDArray[np.float32]  # (n_nonzeros,)


@compiled
def invert(starts: NDArray[np.int64], dims: Dims, weights: NDArray[np.float32], n_dims: int) -> Postings:
    """Counting sort of rows by dim; row `i` holds entries `starts[i]:starts[i + 1]`, zeros are left out. O(entries)."""
    ends = np.zeros(n_dims + 1, np.int64)
    for p in range(dims.shape[0]):
        if weights[p] != 0.0:
            ends[dims[p] + 1] += 1
    for dim in range(n_dims):
        ends[dim + 1] += ends[dim]
    fill = ends[:-1].copy()
    rows = np.empty(ends[-1], np.int32)
    values = np.empty(ends[-1], np.float32)
    for row in range(starts.shape[0] - 1):
        for p in range(starts[row], starts[row + 1]):
            if weights[p] != 0.0:
                place = fill[dims[p]]
                rows[place] = row
                values[place] = weights[p]
                fill[dims[p]] = place + 1
    return Postings(ends, rows, values)


@compiled
def fold_in(dims: Dims, weights: NDArray[np.float32], rows: Rows, history: Floats, n_dims: int) -> Floats:
    """The profile z = x A: the weighted sum of the history's codes. Writes (n_dims,). O(len(rows) k)."""
    profile = np.zeros(n_dims, np.float64)
    for i in range(rows.shape[0]):
        for j in range(dims.shape[1]):
            profile[dims[rows[i], j]] += history[i] * weights[rows[i], j]
    return profile


@compiled
def accumulate(postings: Postings, profile: Floats, n_rows: int) -> Floats:
    """The scores r = z Aᵀ, one posting list per active dim. Writes (n_rows,). O(postings touched + n_rows)."""
    scores = np.zeros(n_rows, np.float64)
    for dim in range(profile.shape[0]):
        activation = profile[dim]
        if activation != 0.0:
            for p in range(postings.starts[dim], postings.starts[dim + 1]):
                scores[postings.rows[p]] += activation * postings.weights[p]
    return scores


@compiled
def sift_down(heap_scores: Floats, heap_rows: Rows, start: int, size: int) -> None:
    """Restores the heap below `start`; its root is the entry to be given up first: least score, then largest row."""
    parent = start
    while True:
        child = 2 * parent + 1
        if child >= size:
            return
        right = child + 1
        if right < size and (
            heap_scores[right] < heap_scores[child]
            or (heap_scores[right] == heap_scores[child] and heap_rows[right] > heap_rows[child])
        ):
            child = right
        if heap_scores[parent] < heap_scores[child] or (
            heap_scores[parent] == heap_scores[child] and heap_rows[parent] > heap_rows[child]
        ):
            return
        heap_scores[parent], heap_scores[child] = heap_scores[child], heap_scores[parent]
        heap_rows[parent], heap_rows[child] = heap_rows[child], heap_rows[parent]
        parent = child


@compiled
def heapify(heap_scores: Floats, heap_rows: Rows, size: int) -> None:
    for start in range(size // 2 - 1, -1, -1):
        sift_down(heap_scores, heap_rows, start, size)


@compiled
def in_order(heap_scores: Floats, heap_rows: Rows, size: int) -> None:
    """Sorts the first `size` entries, best first, ties by row; they are a heap or not."""
    heapify(heap_scores, heap_rows, size)
    for last in range(size - 1, 0, -1):  # the worst of what is left goes to the end
        heap_scores[0], heap_scores[last] = heap_scores[last], heap_scores[0]
        heap_rows[0], heap_rows[last] = heap_rows[last], heap_rows[0]
        sift_down(heap_scores, heap_rows, 0, last)


@compiled
def top_n(scores: Floats, n: int) -> tuple[Rows, Floats]:
    """The n largest scores, best first, ties by row; -inf is never returned. O(n_rows + changes log n)."""
    heap_scores = np.empty(min(n, scores.shape[0]), np.float64)
    heap_rows = np.empty(min(n, scores.shape[0]), np.int32)
    capacity = heap_scores.shape[0]
    size = 0
    for row in range(scores.shape[0]):
        score = scores[row]
        if score == -np.inf or capacity == 0:
            continue
        if size < capacity:
            heap_scores[size] = score
            heap_rows[size] = row
            size += 1
            if size == capacity:
                heapify(heap_scores, heap_rows, size)
        elif score > heap_scores[0]:  # rows ascend, so an equal score comes later and loses the tie
            heap_scores[0] = score
            heap_rows[0] = row
            sift_down(heap_scores, heap_rows, 0, size)
    in_order(heap_scores, heap_rows, size)
    return heap_rows[:size], heap_scores[:size]
