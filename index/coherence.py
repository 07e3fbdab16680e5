"""How much the items of a segment have in common: the mean cosine of two of them, however many they are."""

import numpy as np

from index.kernels import Floats
from index.model import Model
from index.segments import NO_SEGMENT


def pair_cosines(model: Model) -> Floats:
    """(n_segments,) the mean over all pairs of a segment's items; NaN where it has no two. O(n_items k).

    The squared length of the sum of all codes holds each pair twice, and each code once with itself.
    """
    segments, coded = model.segments, model.embedding.coded
    lengths = np.array([_length_of_sum(model, row) for row in range(len(segments))])
    at_home = coded & (segments.membership != NO_SEGMENT)
    own = np.bincount(segments.membership[at_home], minlength=len(segments))  # codes have length 1
    sizes = segments.sizes.astype(np.float64)
    pairs = sizes * (sizes - 1)
    found: Floats = np.divide(lengths**2 - own, pairs, out=np.full(len(segments), np.nan), where=pairs > 0)
    return found


def _length_of_sum(model: Model, segment: int) -> float:
    members = model.segments.members(segment)
    return float(np.linalg.norm(model.embedding.profile(members, np.ones(len(members)))))
