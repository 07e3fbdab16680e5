"""What can be looked up in a model without a history: items by ids and titles, segments by labels; what is alike."""

import threading
from collections import defaultdict
from collections.abc import Iterable
from functools import cached_property

import numpy as np

from index.answers import DimSide, KnownItems, SegmentTree
from index.coherence import pair_cosines
from index.kernels import Floats, Rows
from index.known_items import known_items
from index.label_search import LabelSearch
from index.model import Model
from index.search import ItemSearch, Ranking
from index.segment_similarity import SegmentSimilarity
from index.segment_tree import segment_tree
from index.sides import Sides
from index.title_search import Found, TitleSearch

_NO_ROWS = np.empty(0, np.int32)


class Directory:
    """Of one model; what it takes is made when it is asked for first. Any number of threads may ask at once."""

    def __init__(self, model: Model, search: ItemSearch) -> None:
        self._model, self._search = model, search
        self._making: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        """One for each thing: who needs what is there already does not wait while titles are sorted."""

    def find(self, query: str, n: int, never: Rows = _NO_ROWS) -> Found:
        """The `n` best items of a query (index/title_search.py), without those rows."""
        with self._making["titles"]:
            titles = self._titles
        return titles.find(query, n, never)

    def items(self, item_ids: Iterable[str], never: Rows = _NO_ROWS, *, code: bool = True) -> KnownItems:
        """All that is known of items, in their order, repeats once; rows of `never`, which ascend, are unknown."""
        given = list(dict.fromkeys(item_ids))
        rows = self._model.vocabulary.rows(given)
        if len(never):
            rows[never[np.searchsorted(never, rows).clip(max=len(never) - 1)] == rows] = -1
        unknown = [given[place] for place in np.flatnonzero(rows < 0)]
        return KnownItems(known_items(self._model, rows[rows >= 0], code=code), unknown)

    def sides(self, dim: int, n: int, never: Rows = _NO_ROWS) -> list[DimSide]:
        """The `n` strongest items of either side of a dim (index/sides.py). Raises UnknownDimError."""
        with self._making["sides"]:
            sides = self._sides
        return sides.of(dim, n, never)

    def tree(self, segment: int, never: Rows = _NO_ROWS) -> SegmentTree:
        """How one segment came to be, with items outside of `never` (index/segment_tree.py)."""
        return segment_tree(self._model, segment, never)

    def find_segments(self, query: str, n: int) -> Found:
        """The `n` best segments of a query (index/label_search.py)."""
        with self._making["labels"]:
            labels = self._labels
        return labels.best(query, n)

    def coherence(self) -> Floats:
        """(n_segments,) the mean cosine of two items of a segment (index/coherence.py)."""
        with self._making["coherence"]:
            return self._coherence

    def closest_segments(self, row: int, n: int) -> Ranking:
        """The `n` segments most like segment `row` (index/segment_similarity.py)."""
        with self._making["similarity"]:
            similarity = self._similarity
        return similarity.closest(row, n)

    @cached_property
    def _titles(self) -> TitleSearch:
        return TitleSearch(self._model)

    @cached_property
    def _sides(self) -> Sides:
        return Sides(self._model)

    @cached_property
    def _labels(self) -> LabelSearch:
        return LabelSearch(self._model.segments)

    @cached_property
    def _coherence(self) -> Floats:
        return pair_cosines(self._model)

    @cached_property
    def _similarity(self) -> SegmentSimilarity:
        return SegmentSimilarity(self._model, self._search)
