"""Compiled look-up of strings among sorted ones. Arrays in, arrays out, no checks."""

import numpy as np
from numpy.typing import NDArray

from index.compiled import compiled
from index.kernels import Rows

END = 0xFF
"""A byte that UTF-8 has nowhere."""
Bytes = NDArray[np.uint8]
Offsets = NDArray[np.int64]


@compiled
def places(blob: Bytes, offsets: Offsets, order: Rows, wanted: Bytes, n_wanted: int) -> Rows:
    """Of each wanted string its position among those of the blob, or -1. O(wanted log strings).

    String `i` is `blob[offsets[i]:offsets[i + 1]]`; `order` has all positions by their strings' bytes. Each wanted
    string is followed by END.
    """
    found = np.full(n_wanted, -1, np.int32)
    begin, end = 0, -1
    for i in range(n_wanted):
        begin = end + 1
        end = begin
        while wanted[end] != END:
            end += 1
        length = end - begin
        low, high = 0, order.shape[0]
        while low < high:
            middle = (low + high) // 2
            start = offsets[order[middle]]
            shared, size = 0, offsets[order[middle] + 1] - start
            while shared < min(length, size) and blob[start + shared] == wanted[begin + shared]:
                shared += 1
            if shared == length == size:
                found[i] = order[middle]
                break
            if shared == size or (shared < length and blob[start + shared] < wanted[begin + shared]):
                low = middle + 1
            else:
                high = middle
    return found
