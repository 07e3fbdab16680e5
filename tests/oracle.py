"""The slow and obvious version, dense and written out. Imports nothing of ours and sees only the query."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


def profile(A: Matrix, rows: Sequence[int], weights: Sequence[float]) -> Matrix:
    x = np.zeros(len(A))
    for row, weight in zip(rows, weights, strict=True):
        x[row] += weight
    return np.asarray(x @ A)


def scores(A: Matrix, rows: Sequence[int], weights: Sequence[float]) -> Matrix:
    """The product x A Aᵀ; the "- x" only touches rows that are masked anyway."""
    return np.asarray(profile(A, rows, weights) @ A.T)


def ranking(values: Matrix, n: int, allowed: Sequence[bool]) -> list[int]:
    """Rows by value, best first, ties by row."""
    rows = [row for row in range(len(values)) if allowed[row]]
    return sorted(rows, key=lambda row: (-values[row], row))[:n]


def segment_matrix(signed_dims: Sequence[Sequence[tuple[int, int]]], n_dims: int) -> Matrix:
    """B with +-1 at each segment's signed dims, rows scaled to length 1."""
    B = np.zeros((len(signed_dims), n_dims))
    for row, entries in enumerate(signed_dims):
        for dim, sign in entries:
            B[row, dim] = sign
        B[row] /= np.linalg.norm(B[row])
    return B


def layout(
    item_scores: Matrix,
    segment_scores: Matrix,
    membership: Sequence[int],
    hidden: set[int],
    *,
    shelves: int,
    items_per_shelf: int,
    min_items: int,
) -> list[tuple[int, list[int]]]:
    """(segment, items) by segment score, items by score, shelves under min_items left out."""
    page = []
    for segment in ranking(segment_scores, len(segment_scores), [True] * len(segment_scores)):
        allowed = [membership[row] == segment and row not in hidden for row in range(len(item_scores))]
        items = ranking(item_scores, items_per_shelf, allowed)
        if len(items) >= min_items:
            page.append((segment, items))
    return page[:shelves]


def same_order(found: Sequence[int], values: Matrix, expected: Sequence[int], tolerance: float = 1e-9) -> bool:
    """Equal rankings, but for rows whose values differ by less than rounding does."""
    return len(found) == len(expected) and all(
        a == b or abs(values[a] - values[b]) < tolerance for a, b in zip(found, expected, strict=True)
    )
