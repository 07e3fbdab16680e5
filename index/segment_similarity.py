"""Segments that are alike: the cosine of the mean codes of their items, each by the square root of its popularity.

Rows of B say little of it, they seldom share a signed dim; and plain means put obscure segments first.
"""

from functools import cached_property

import numpy as np

from index.kernels import Floats
from index.model import Model
from index.search import ItemSearch, Ranking, rank
from index.segments import NO_SEGMENT

_LEAST_POPULARITY = 1e-6  # so that items of a model that knows of none weigh the same


class SegmentSimilarity:
    """Of one model. Keeps lengths of mean codes and no matrix: products with one of them are a scan of the items."""

    def __init__(self, model: Model, search: ItemSearch) -> None:
        self._model, self._search = model, search
        self._weights = np.sqrt(np.maximum(model.popularity.astype(np.float64), _LEAST_POPULARITY))

    def closest(self, row: int, n: int) -> Ranking:
        """The `n` other segments of the largest cosine with segment `row`, ties by row."""
        lengths, homes = self._lengths, self._model.segments.membership
        at_home = homes != NO_SEGMENT
        scores = self._weights * self._search.scores(self._sum_of_codes(row))
        products = np.bincount(homes[at_home], scores[at_home], len(lengths))
        scale = lengths * lengths[row]
        cosines = np.divide(products, scale, out=np.zeros(len(lengths)), where=scale > 0)
        cosines[row] = -np.inf
        return rank(cosines, n)

    @cached_property
    def _lengths(self) -> Floats:
        """(n_segments,) of the sums, which have the means' cosines."""
        return np.array([np.linalg.norm(self._sum_of_codes(row)) for row in range(len(self._model.segments))])

    def _sum_of_codes(self, row: int) -> Floats:
        members = self._model.segments.members(row)
        return self._model.embedding.profile(members, self._weights[members])
