"""Which items a request may be answered with: ids, segments and filters to a Mask."""

from collections.abc import Iterable, Sequence
from copy import copy
from functools import lru_cache, partial, reduce
from operator import and_
from typing import Self

import numpy as np

from index.filters import Filter, selected
from index.item_set import ItemSet
from index.kernels import Rows
from index.model import Model
from index.search import Mask
from index.taste import segment_row

_FILTER_BYTES, _FEWEST_FILTERS, _MOST_FILTERS = 2**25, 8, 4096  # of the items that filters are true of, kept
_FEW_HIDDEN = 1000  # rows that are cheaper to leave out one by one than a set of items is to combine
_NO_ROWS = np.empty(0, np.int32)


class Limits:
    """Of one model. What filters are true of is kept, so that any number of requests may share it."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.hidden = _NO_ROWS
        self._visible: ItemSet | None = None
        kept = max(_FEWEST_FILTERS, _FILTER_BYTES * 8 // max(model.embedding.n_items, 1))
        self._selected = lru_cache(min(kept, _MOST_FILTERS))(partial(selected, catalog=model.catalog))

    def hiding(self, item_ids: Iterable[str]) -> Self:
        """The same, and none of these items."""
        limits = copy(self)
        limits.hidden = np.unique(self._rows(item_ids))
        many = len(limits.hidden) > _FEW_HIDDEN
        limits._visible = ~ItemSet.of_rows(limits.hidden, self.model.embedding.n_items) if many else None
        return limits

    def mask(
        self,
        history: Rows,
        exclude: Iterable[str],
        *,
        candidates: Iterable[str] | None = None,
        segments: Iterable[str] | None = None,
        where: Filter | None = None,
        muted: Sequence[int] = (),
    ) -> Mask:
        """Neither the rows of the `history`, ascending, nor what is to `exclude`; the rest as of Recommender.recommend.

        Raises UnknownSegmentError, FilterError.
        """
        limits: list[ItemSet] = []
        n_items = self.model.embedding.n_items
        if candidates is not None:
            limits.append(ItemSet.of_rows(self._rows(candidates), n_items))
        if segments is not None:
            limits.append(self.items_of(segment_row(self.model, segment_id) for segment_id in segments))
        if muted:
            limits.append(~self.items_of(muted))
        if where is not None:
            limits.append(self._selected(where))
        excluded = self._rows(exclude)
        if self._visible is not None:
            limits.append(self._visible)
        elif len(self.hidden):
            excluded = np.concatenate([excluded, self.hidden])
        never = np.union1d(history, excluded) if len(excluded) else history
        return Mask(reduce(and_, limits) if limits else None, never)

    def items_of(self, segments: Iterable[int]) -> ItemSet:
        """Their members, by row of the segment."""
        members = [self.model.segments.members(row) for row in segments]
        return ItemSet.of_rows(np.concatenate([*members, _NO_ROWS]), self.model.embedding.n_items)

    def on_shelf(self, segment: int) -> ItemSet:
        """Members and guests of one segment."""
        return ItemSet.of_rows(self.model.segments.shelf_items(segment), self.model.embedding.n_items)

    def _rows(self, item_ids: Iterable[str]) -> Rows:
        given = list(item_ids)
        if not given:
            return _NO_ROWS
        rows = self.model.vocabulary.rows(given)
        return rows[rows >= 0]
