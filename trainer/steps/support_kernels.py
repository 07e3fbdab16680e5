"""The compiled loops that change supports: which weights of a row go, and which come in their place."""

import numpy as np

from index.compiled import compiled_for_speed, part_of_kernels
from trainer.steps.kernels import F, Places, State, Values, inverse_length

_BINS = 2048  # of |values| by exponent and three bits
_LEAST_GRADIENT = 1e-30  # of a dim outside the support, so that one inside is never taken for it


@part_of_kernels
def _bins(row: Values, bins: Places) -> None:
    for j in range(row.shape[0]):
        bins[j] = np.int32(F(abs(row[j])).view(np.uint32) >> np.uint32(20))


@part_of_kernels
def _smallest(values: Values, n: int, rank: int) -> F:
    """The value at `rank` of values[:n] in ascending order (quickselect); changes their order."""
    low, high = 0, n - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        i, j = low, high
        while i <= j:
            while values[i] < pivot:
                i += 1
            while values[j] > pivot:
                j -= 1
            if i <= j:
                values[i], values[j] = values[j], values[i]
                i += 1
                j -= 1
        if rank <= j:
            high = j
        elif rank >= i:
            low = i
        else:
            break
    found: F = values[rank]
    return found


@part_of_kernels
def _threshold(row: Values, k: int, bins: Places, counts: Places, members: Values) -> F:
    """The k-th largest |weight| of a row: its bin by counting, then among the members of the bin."""
    _bins(row, bins)
    counts[:] = 0
    for j in range(row.shape[0]):
        counts[bins[j]] += 1
    chosen, above = _BINS - 1, 0
    while above + counts[chosen] < k:
        above += counts[chosen]
        chosen -= 1
    n = 0
    for j in range(row.shape[0]):
        if bins[j] == chosen:
            members[n] = abs(row[j])
            n += 1
    return _smallest(members, n, n - (k - above))


@part_of_kernels
def _places(row: Values, k: int, bins: Places, counts: Places, members: Values, places: Places) -> None:
    """Where the k largest |weights| of a row are, of equal ones the first, ascending, into `places` (one longer)."""
    limit = _threshold(row, k, bins, counts, members)
    above = 0
    for j in range(row.shape[0]):
        above += abs(row[j]) > limit
    equal, found = k - above, 0
    for j in range(row.shape[0]):
        places[found] = j
        tie = abs(row[j]) == limit and equal > 0
        equal -= tie
        found += abs(row[j]) > limit or tie


@compiled_for_speed
def keep_largest(
    begin: int, end: int, w: Values, dims: Places, initial: Values, kept_w: Values, kept_dims: Places
) -> None:
    """Each row's k largest |weights|: normalised, or as they were in `initial` (n, n_dims).

    `dims` is empty where nothing was pruned before, `initial` where nothing restarts.
    """
    n, k = w.shape[1], kept_w.shape[1]
    bins, counts = np.empty(n, np.int32), np.empty(_BINS, np.int32)
    members, places = np.empty(n, np.float32), np.zeros(n + 1, np.int32)
    for i in range(begin, end):
        _places(w[i], k, bins, counts, members, places)
        inverse = inverse_length(w[i])
        for j in range(k):
            place = places[j]
            dim = dims[i, place] if dims.shape[0] else place
            kept_dims[i, j] = dim
            kept_w[i, j] = initial[i, dim] if initial.shape[0] else w[i, place] * inverse


@compiled_for_speed
def exchange(begin: int, end: int, state: State, n_new: int, gradient: Values, changed: State) -> None:
    """Each row's `n_new` smallest |weights| give way to the dims outside its support with the largest |gradients|.

    Those start at 0 with moments of 0, the others go on as they are. `gradient` (n, n_dims) is spoilt.
    """
    k, n_dims = state.w.shape[1], gradient.shape[1]
    bins, counts = np.empty(n_dims, np.int32), np.empty(_BINS, np.int32)
    members = np.empty(n_dims, np.float32)
    kept, grown = np.zeros(k + 1, np.int32), np.zeros(n_dims + 1, np.int32)
    for i in range(begin, end):
        _places(state.w[i], k - n_new, bins, counts, members, kept)
        for j in range(n_dims):
            gradient[i, j] = max(abs(gradient[i, j]), F(_LEAST_GRADIENT))
        for j in range(k):
            gradient[i, state.dims[i, j]] = F(0)
        _places(gradient[i], n_new, bins, counts, members, grown)
        old, new = 0, 0
        for j in range(k):  # both ascend
            from_old = new == n_new or (old < k - n_new and state.dims[i, kept[old]] < grown[new])
            place = kept[old]
            changed.dims[i, j] = state.dims[i, place] if from_old else grown[new]
            changed.w[i, j] = state.w[i, place] if from_old else F(0)
            changed.m[i, j] = state.m[i, place] if from_old else F(0)
            changed.v[i, j] = state.v[i, place] if from_old else F(0)
            old += from_old
            new += not from_old
