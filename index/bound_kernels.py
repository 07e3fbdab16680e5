"""What posting lists that are not read can add to an item's score. Arrays in, arrays out, no checks.

Take the dims of a profile z by |z|, largest first, and read the lists of the first m. What the other dims can still add
to an item is at most T, the length of the k largest of the rest: an item has at most k of them, and its code has length
1 (Cauchy and Schwarz).

An item that was seen has less left to add: q of its k weights are gone, and c^2 of its squared length. For any mu > 0
and any unread |z| and w, |z| |w| <= mu w^2 + z^2 / (4 mu); so what is left adds at most mu (1 - c^2) + (T^2 - q s^2) /
(4 mu), where s is the smallest of the k largest. With mu = T / 2 this is T less, for each weight w that was read,
mu w^2 + nu, where nu = s^2 / (4 mu): that is taken off as it is read, and T is still what is added at the end. A part
is never less than 0, and that of a smaller weight never larger: the items of a block do not all have its dims.

Sums over lists are 16-bit integers; whatever is rounded is rounded up.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.block_kernels import STEPS, BlockPostings, Sums
from index.compiled import compiled
from index.kernels import Floats, Rows
from index.packed_kernels import PackedRows

Words = NDArray[np.uint64]
MOST_ENTRIES = 2**14  # rows of a block times k: sums of more would leave too few bits
LARGEST_SUM = 65_535
_LEAST_SIZE = 1e-250  # of a profile: below it numbers have fewer digits
_ROUNDED = 1.0 + 1e-6  # more than float32 scales make a row longer than 1
_ROUND_UP = 1.001  # units: to whole ones, and more than float64 loses
_MOST = 0.6  # of all entries: where so many are to be read, the rest is read as well


class Searchable(NamedTuple):
    """What is searched."""

    rows: PackedRows
    postings: BlockPostings


class Active(NamedTuple):
    """Where a profile is not 0, at least one dim."""

    dims: NDArray[np.int64]
    by_size: bool  # the largest |z| first; otherwise all lists are read


class Answerable(NamedTuple):
    """Which items may be answered."""

    never: Rows  # ascending
    only: Words  # (n_items / 64,) a bit a row (index/item_set.py), or empty where all may


class Query(NamedTuple):
    """A profile as posting lists to read, those of the largest |z| first."""

    profile: Floats  # (n_dims,)
    answerable: Answerable
    lists: NDArray[np.int64]  # (n_active,) signed dims
    sizes: Floats  # (n_active,) |z|
    tails: Floats  # (n_active + 1,) the length of the k largest from m on
    unit: float  # of sums; infinite where sums say nothing


class Bound(NamedTuple):
    """What is taken off each weight that is read: mu w^2 + nu, see the module's docstring. 0 takes nothing off."""

    mu: float
    nu: float


@compiled
def active_dims(profile: Floats, lengths: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Where the profile is not 0, ascending, and how many entries the lists of their signs have."""
    dims, n, n_entries = np.empty(profile.shape[0], np.int64), 0, 0
    for dim in range(profile.shape[0]):
        dims[n] = dim
        if profile[dim] != 0.0:
            n_entries += lengths[2 * dim + (1 if profile[dim] > 0.0 else 0)]
            n += 1
    return dims[:n], n_entries


@compiled
def query_of(index: Searchable, profile: Floats, active: Active, answerable: Answerable) -> Query:
    (rows, postings), (dims, by_size) = index, active
    k, sizes = rows.codes.shape[1], np.abs(profile[dims])
    n_active, size = dims.shape[0], sizes.max()
    squares = np.zeros(n_active + 1, np.float64)
    for m in range(n_active):
        squares[m + 1] = squares[m] + (sizes[m] / size) ** 2
    tails = np.zeros(n_active + 1, np.float64)
    for m in range(n_active if by_size else 1):
        rest = squares[min(m + k, n_active) if by_size else n_active] - squares[m]
        tails[m] = _ROUNDED * size * math.sqrt(max(rest, 0.0) + 1e-12 * squares[n_active])  # the difference can lose
    lists = 2 * dims + (profile[dims] > 0.0)
    most = postings.rows * k  # entries that a block has
    rounded = math.sqrt(most) * tails[0] / size * postings.largest / STEPS  # what steps can add to them
    reach = postings.rows * tails[0] / size + rounded
    unit = size * (reach / (LARGEST_SUM - 2.0 * most))  # and parts, each rounded up
    return Query(profile, answerable, lists, sizes, tails, unit if size > _LEAST_SIZE else np.inf)


@compiled
def parts_of(query: Query, bound: Bound, largest: float, begin: int, end: int) -> Sums:
    """(end - begin, STEPS) what a weight of each step adds to a sum, in units."""
    parts = np.zeros((end - begin, STEPS), np.uint16)
    if query.unit == np.inf:
        return parts
    step, unit = largest / STEPS, query.unit
    mu, nu = bound.mu / unit, bound.nu / unit
    for i in range(begin, end):
        size = query.sizes[i] / unit
        most = size / (2.0 * mu) if mu > 0.0 else np.inf  # from this weight on more is taken off than comes on top
        for s in range(STEPS):
            weight = min((s + 1) * step, most)
            parts[i - begin, s] = np.int32(max(0.0, (size - mu * weight) * weight - nu) + _ROUND_UP)
    return parts


@compiled
def least_sum(threshold: float, tail: float, unit: float) -> int:
    """The least sum that a block can have, one of whose items reaches the threshold."""
    if not threshold > tail or unit == np.inf:
        return 0
    return int(min(LARGEST_SUM, math.floor((threshold - tail) / unit * (1.0 - 1e-9))))


@compiled
def chosen(index: Searchable, query: Query, most: float) -> tuple[int, Bound]:
    """How many lists to read so that the rest adds no more than `most`, and what to take off.

    All of them, where these have most of the entries.
    """
    lengths, n_active = index.postings.lengths, query.lists.shape[0]
    n_read, n_entries, rest = 0, 0, 0
    while n_read < n_active and not query.tails[n_read] <= most:
        n_entries += lengths[query.lists[n_read]]
        n_read += 1
    for i in range(n_read, n_active):
        rest += lengths[query.lists[i]]
    mu, last = 0.5 * query.tails[n_read], n_read + index.rows.codes.shape[1] - 1  # the smallest of the k largest
    if mu == 0.0 or query.unit == np.inf or n_entries > _MOST * (n_entries + rest):
        return n_active, Bound(0.0, 0.0)
    return n_read, Bound(mu, query.sizes[last] / (4.0 * mu) * query.sizes[last] if last < n_active else 0.0)
