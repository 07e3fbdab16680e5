"""The slow and obvious version, dense and written out. Imports nothing of ours and sees only the query."""

import unicodedata
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


def words(text: str) -> list[str]:
    """Letters and digits without accents and case; apostrophes join, all else parts, each ideograph stands alone."""
    for apostrophe in "'’ʼ`´":
        text = text.replace(apostrophe, "")
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).lower()
    found = ""
    for letter in folded:
        if unicodedata.combining(letter) or letter == "ʼ":
            continue
        if "\u3040" <= letter <= "\u30ff" or "\u3400" <= letter <= "\u9fff":
            found += f" {letter} " if letter.isalnum() else " "
        else:
            found += letter if letter.isalnum() else " "
    return found.split()


def title_search(query: str, ids: Sequence[str], titles: Sequence[str], popularity: Sequence[float]) -> list[int]:
    """Rows whose titles (or ids, without one) have a word for each of the query's to begin."""
    wanted, found = words(query), []
    for row, title in enumerate(titles):
        there = words(title or ids[row])
        if ids[row] == query:
            tier = 0
        elif not wanted or not all(any(word.startswith(start) for word in there) for start in wanted):
            continue
        elif there == wanted:
            tier = 1
        else:
            begins = there[: len(wanted) - 1] == wanted[:-1] and len(there) >= len(wanted)
            tier = 2 if begins and there[len(wanted) - 1].startswith(wanted[-1]) else 3
        found.append((tier, -popularity[row], row))
    return [row for _, _, row in sorted(found)]


def segment_cosines(A: Matrix, membership: Sequence[int], popularity: Sequence[float], n_segments: int) -> Matrix:
    """Of the segments' mean codes, each item weighing the square root of its popularity."""
    means = np.zeros((n_segments, A.shape[1]))
    for row, segment in enumerate(membership):
        if segment >= 0:
            means[segment] += np.sqrt(max(popularity[row], 1e-6)) * A[row]
    lengths = np.linalg.norm(means, axis=1)
    lengths[lengths == 0] = 1
    return np.asarray((means @ means.T) / np.outer(lengths, lengths))


def coherence(A: Matrix, members: Sequence[int]) -> float:
    """The mean cosine of all pairs of these rows, of which there is one at least; rows have length 1, or 0."""
    return float(np.mean([A[one] @ A[other] for place, one in enumerate(members) for other in members[:place]]))


def same_order(found: Sequence[int], values: Matrix, expected: Sequence[int], tolerance: float = 1e-9) -> bool:
    """Equal rankings, but for rows whose values differ by less than rounding does."""
    return len(found) == len(expected) and all(
        a == b or abs(values[a] - values[b]) < tolerance for a, b in zip(found, expected, strict=True)
    )
