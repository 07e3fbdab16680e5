"""The slow and obvious version, dense and written out. Imports nothing of ours and sees only the query."""

from collections.abc import Sequence
from itertools import pairwise

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


def shelves(
    membership: Sequence[int], starts: Sequence[int], rows: Sequence[int]
) -> tuple[list[set[int]], list[set[int]]]:
    """Members and guests of each segment, from the artifact's arrays."""
    bounds = list(pairwise(starts))
    members = [{row for row, home in enumerate(membership) if home == segment} for segment in range(len(bounds))]
    return members, [set(rows[start:end]) for start, end in bounds]


def closeness(one: int, other: int, members: Sequence[set[int]], guests: Sequence[set[int]]) -> float:
    """What share of the smaller segment's items are guests of the other."""
    shared = len(guests[one] & members[other]) + len(guests[other] & members[one])
    return min(shared / max(min(len(members[one]), len(members[other])), 1), 1.0)


def homepage(
    scores: Matrix,
    members: Sequence[set[int]],
    guests: Sequence[set[int]],
    hidden: set[int],
    *,
    shelves: int,
    items_per_shelf: int,
    min_items: int,
    lead: bool,
) -> list[tuple[int | None, list[int]]]:
    """(segment, items): the best of all, then always the segment whose best items, not yet shown, are worth most."""
    page: list[tuple[int | None, list[int]]] = []
    least = max(min(min_items, items_per_shelf), 1)
    shown = set(hidden)
    open_rows = [bool(score > 0) for score in scores]
    if lead:
        best = ranking(scores, items_per_shelf, [a and row not in shown for row, a in enumerate(open_rows)])
        if len(best) >= least:
            page.append((None, best))
            shown |= set(best)
    chosen: list[int] = []
    while len(page) < shelves:
        found: list[tuple[float, int, list[int]]] = []
        for segment in range(len(members)):
            on_shelf = members[segment] | guests[segment]
            allowed = [a and row in on_shelf and row not in shown for row, a in enumerate(open_rows)]
            best = ranking(scores, items_per_shelf, allowed)
            near = max([closeness(segment, other, members, guests) for other in chosen], default=0.0)
            if segment not in chosen and len(best) >= least:
                found.append((-float(scores[best].sum()) * (1 - near), segment, best))
        if not found:
            return page
        _, segment, best = min(found)
        page.append((segment, best))
        chosen.append(segment)
        shown |= set(best)
    return page


def same_order(found: Sequence[int], values: Matrix, expected: Sequence[int], tolerance: float = 1e-9) -> bool:
    """Equal rankings, but for rows whose values differ by less than rounding does."""
    return len(found) == len(expected) and all(
        a == b or abs(values[a] - values[b]) < tolerance for a, b in zip(found, expected, strict=True)
    )
