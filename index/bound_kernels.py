"""What posting lists that are not read can add to an item's score. Arrays in, arrays out, no checks.

Take the dims of a profile z by |z|, largest first, read the lists of the first m, and let b be the next |z|. Of an item
with weights w, each list that was read adds |z| |w| at most, and all others together at most b times what is left of
the sum of its |w|:

    score <= sum over read (|z| - b) |w| + b sum |w|

The last sum is known of every item, and the largest is kept of every block; it is 5.05 in the median of a million
items of 32 weights and never more than sqrt(32) = 5.66, which is all that Cauchy and Schwarz would know. A part (|z| -
b) |w| is never less than 0, and that of a smaller weight never larger: the items of a block do not all have its dims.

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
_ROUNDED = 1.0 + 1e-6  # more than float32 loses, and its scales make a row longer than 1
_ROUND_UP = 1.02  # units: to whole ones, and more than float32 loses of as many as there are
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
    sizes: Floats  # (n_active + 1,) |z|, and 0: what is left when all are read
    unit: float  # of sums; infinite where sums say nothing


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
    k, n_active, square = rows.codes.shape[1], dims.shape[0], 0.0
    sizes = np.zeros(n_active + 1, np.float64)
    sizes[:n_active] = np.abs(profile[dims])
    size = sizes.max()
    for m in range(min(k, n_active) if by_size else n_active):  # an item has k of them, and length 1
        square += (sizes[m] / size) ** 2
    length = _ROUNDED * math.sqrt(square)
    lists = 2 * dims + (profile[dims] > 0.0)
    most = postings.rows * k  # entries that a block has
    rounded = math.sqrt(most) * length * postings.largest / STEPS  # what steps can add to them
    reach = (postings.rows + 1) * length + rounded  # of its rows, and what a block begins with: less than a score
    unit = size * (reach / (LARGEST_SUM - 2.0 * most - 2.0))  # and parts, each rounded up
    return Query(profile, answerable, lists, sizes, unit if size > _LEAST_SIZE else np.inf)


@compiled
def parts_of(query: Query, n_lists: int, level: float, largest: float) -> Sums:
    """(n_lists, STEPS) what a weight of each step adds to a sum, in units; `level` is b, at most |z| of these."""
    parts = np.zeros((n_lists, STEPS), np.uint16)
    if query.unit == np.inf:
        return parts
    for i in range(n_lists):
        a_step, part = np.float32((query.sizes[i] - level) / query.unit * (largest / STEPS)), parts[i]
        for s in range(STEPS):
            part[s] = np.int32(a_step * np.float32(s + 1) + np.float32(_ROUND_UP))
    return parts


@compiled
def begin(query: Query, level: float, postings: BlockPostings, sums: Sums) -> None:
    """Writes of each block b times its sum of |weights|, in units; `level` is b, and this at most some item's score."""
    if level == 0.0 or query.unit == np.inf:
        sums[:] = 0
        return
    step, one = np.float32(level / query.unit * (postings.largest_l1 / 255.0) * _ROUNDED), np.float32(1.0)
    for block in range(postings.n_blocks):  # twice as fast as in whole numbers, which numba takes as of 64 bits
        sums[block] = np.uint16(np.int32(np.float32(postings.l1[block]) * step + one))


@compiled
def least_sum(threshold: float, tail: float, unit: float) -> int:
    """The least sum that a block can have, one of whose items reaches the threshold, where `tail` may come on top."""
    if not threshold > tail or unit == np.inf:
        return 0
    return int(min(LARGEST_SUM, math.floor((threshold - tail) / unit * (1.0 - 1e-9))))


@compiled
def chosen(index: Searchable, query: Query, most: float) -> int:
    """How many lists to read so that the rest adds no more than `most`; all, where these have most of the entries."""
    lengths, n_active = index.postings.lengths, query.lists.shape[0]
    n_read, n_entries, rest = 0, 0, 0
    while n_read < n_active and not query.sizes[n_read] * index.postings.largest_l1 <= most:
        n_entries += lengths[query.lists[n_read]]
        n_read += 1
    for i in range(n_read, n_active):
        rest += lengths[query.lists[i]]
    return n_active if query.unit == np.inf or n_entries > _MOST * (n_entries + rest) else n_read
