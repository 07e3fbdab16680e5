"""ids in, ids out: the public face of the index."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial, reduce
from operator import and_
from pathlib import Path
from typing import Literal, Self

import numpy as np

from index import artifact
from index.errors import UnknownItemError, UnknownSegmentError
from index.filters import Filter, selected
from index.item_set import ItemSet
from index.kernels import Floats, Rows
from index.layout import lay_out, popular_order
from index.model import Model
from index.search import Mask, Ranking, rank, search_of

Source = Literal["profile", "popularity"]
History = Iterable[str] | Mapping[str, float]
_REASON_ITEMS = 2
_FILTER_BYTES, _FEWEST_FILTERS, _MOST_FILTERS = 2**25, 8, 4096  # of the items that filters are true of, kept


@dataclass(frozen=True)
class RankedItem:
    """One answer. `score` is z·a of the item, or the share of users who have it where `source` is popularity."""

    item_id: str
    title: str | None
    score: float
    rank: int
    source: Source


@dataclass(frozen=True)
class RankedSegment:
    """One answer. `score` is z·b of the segment, or the summed popularity of its best items."""

    segment_id: str
    label: str
    score: float
    rank: int
    size: int
    source: Source


@dataclass(frozen=True)
class Recommendation:
    items: list[RankedItem]
    unknown_items: list[str]
    shortfall: str | None  # why fewer than `n` items came back


@dataclass(frozen=True)
class SegmentRanking:
    segments: list[RankedSegment]
    unknown_items: list[str]


@dataclass(frozen=True)
class HomepageShelf:
    segment_id: str
    label: str
    reason: str  # why this shelf is there, as a sentence to print
    items: list[RankedItem]


@dataclass(frozen=True)
class Homepage:
    shelves: list[HomepageShelf]
    unknown_items: list[str]


@dataclass(frozen=True)
class _Taste:
    """A history folded in."""

    rows: Rows
    weights: Floats
    profile: Floats
    unknown_items: list[str]

    @cached_property
    def source(self) -> Source:
        return "profile" if self.profile.any() else "popularity"


class Recommender:
    """Answers from one model. Immutable, so that any number of threads may ask at once.

    A history is a set of item_ids, or a mapping of item_ids to weights (negative: away from this item).
    What it names is never recommended. Unknown ids are reported; without any known one popularity answers.
    """

    def __init__(self, model: Model, version: str) -> None:
        self.model, self.version = model, version
        self.search = search_of(model.embedding)
        self.uncoded = np.flatnonzero(~model.embedding.coded).astype(np.int32)
        kept = max(_FEWEST_FILTERS, _FILTER_BYTES * 8 // max(model.embedding.n_items, 1))
        self._selected = lru_cache(min(kept, _MOST_FILTERS))(partial(selected, catalog=model.catalog))

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """The version that `folder`/CURRENT names. Raises ArtifactError where it is missing or broken."""
        opened = artifact.open_current(Path(folder))
        return cls(opened.model, opened.version)

    def recommend(
        self,
        history: History,
        n: int = 20,
        *,
        exclude: Iterable[str] = (),
        candidates: Iterable[str] | None = None,
        segments: Iterable[str] | None = None,
        where: Filter | None = None,
    ) -> Recommendation:
        """The `n` best items outside the history, best first, ties by row.

        `exclude` never appear; only `candidates`, only items of `segments` and only those that the filter `where` is
        true of do, where given. Items without a code come last, by popularity. Raises UnknownSegmentError, FilterError.
        """
        taste = self._taste(history)
        mask = self._mask(taste, exclude, candidates, segments, where)
        ranking, sources = self._ranking(taste, mask, n)
        shortfall = None
        if len(ranking.rows) < n:
            limiting = (("candidates", candidates), ("segments", segments), ("filter", where))
            limits = [name for name, given in limiting if given is not None]
            limits += ["exclude"] * bool(len(mask.never) > len(taste.rows)) + ["the history"]
            n_items = len(self.model.vocabulary)
            shortfall = f"{len(ranking.rows)} of {n}: {', '.join(limits)} leave no more of the {n_items} items"
        return Recommendation(self._items(ranking, sources), taste.unknown_items, shortfall)

    def segments(self, history: History, n: int = 10) -> SegmentRanking:
        """The `n` segments that suit the history best, ties by row."""
        taste = self._taste(history)
        ranking = rank(self._segment_scores(taste), n)
        segments = self.model.segments
        ranked = [
            RankedSegment(
                segments.ids[row], segments.labels[row], float(score), place, int(segments.sizes[row]), taste.source
            )
            for place, (row, score) in enumerate(zip(ranking.rows, ranking.scores, strict=True), start=1)
        ]
        return SegmentRanking(ranked, taste.unknown_items)

    def homepage(
        self,
        history: History,
        *,
        shelves: int = 6,
        items_per_shelf: int = 12,
        min_items: int = 4,
        exclude: Iterable[str] = (),
        where: Filter | None = None,
    ) -> Homepage:
        """Shelves of segments, best segment first, each with its best unseen items; no item twice.

        A segment that cannot show `min_items`, of those that the filter `where` is true of, gives way to the next one.
        Raises FilterError.
        """
        taste = self._taste(history)
        scores = self._mask(taste, exclude, where=where).apply(self._item_scores(taste))
        order = rank(self._segment_scores(taste), len(self.model.segments)).rows
        layout = lay_out(
            self.model.segments,
            [int(row) for row in order],
            scores,
            shelves=shelves,
            items_per_shelf=items_per_shelf,
            min_items=min_items,
        )
        page = [
            HomepageShelf(
                self.model.segments.ids[shelf.segment],
                self.model.segments.labels[shelf.segment],
                self._reason(taste, shelf.segment),
                self._items(shelf.items, [taste.source] * len(shelf.items.rows)),
            )
            for shelf in layout
        ]
        return Homepage(page, taste.unknown_items)

    def similar(self, item_id: str, n: int = 20) -> list[RankedItem]:
        """The items whose codes have the largest cosine with this one's. Raises UnknownItemError."""
        row = self.model.vocabulary.row(item_id)
        if row is None:
            raise UnknownItemError(item_id)
        return self.recommend([item_id], n).items

    def warm_up(self) -> None:
        """Compiles, or loads from the cache, every kernel for the arrays at hand. Seconds once, then milliseconds."""
        self.search.warm_up()
        coded = np.flatnonzero(self.model.embedding.coded)[:1]
        for history in ([], [self.model.vocabulary.item_id(row) for row in coded]):
            self.recommend(history, 1)
            self.segments(history, 1)
            self.homepage(history, min_items=1)

    # ------------------------------------------------------------ history to scores

    def _taste(self, history: History) -> _Taste:
        weighted = history if isinstance(history, Mapping) else dict.fromkeys(history, 1.0)
        rows: list[int] = []
        weights: list[float] = []
        unknown: list[str] = []
        for item_id, weight in weighted.items():
            row = self.model.vocabulary.row(item_id)
            if row is None:
                unknown.append(item_id)
            else:
                rows.append(row)
                weights.append(weight)
        row_array, weight_array = np.array(rows, np.int32), np.array(weights, np.float64)
        ascending = np.argsort(row_array)  # the order of a history must not change a single bit of the answer
        row_array, weight_array = row_array[ascending], weight_array[ascending]
        return _Taste(row_array, weight_array, self.model.embedding.profile(row_array, weight_array), unknown)

    def _mask(
        self,
        taste: _Taste,
        exclude: Iterable[str],
        candidates: Iterable[str] | None = None,
        segments: Iterable[str] | None = None,
        where: Filter | None = None,
    ) -> Mask:
        limits: list[ItemSet] = []
        n_items = self.model.embedding.n_items
        if candidates is not None:
            limits.append(ItemSet.of_rows(self._rows(candidates), n_items))
        if segments is not None:
            members = [self.model.segments.members(self.segment_row(segment_id)) for segment_id in segments]
            limits.append(ItemSet.of_rows(np.concatenate([*members, np.empty(0, np.int32)]), n_items))
        if where is not None:
            limits.append(self._selected(where))
        return Mask(reduce(and_, limits) if limits else None, np.union1d(taste.rows, self._rows(exclude)))

    def _rows(self, item_ids: Iterable[str]) -> Rows:
        rows = (self.model.vocabulary.row(item_id) for item_id in item_ids)
        return np.array(sorted({row for row in rows if row is not None}), np.int32)

    def segment_row(self, segment_id: str) -> int:
        """The row of a segment_id. Raises UnknownSegmentError."""
        row = self.model.segments.row(segment_id)
        if row is None:
            raise UnknownSegmentError(segment_id)
        return row

    def _item_scores(self, taste: _Taste) -> Floats:
        if taste.source == "popularity":
            return self._popularity
        return self.search.scores(taste.profile)

    @cached_property
    def _popularity(self) -> Floats:
        return self.model.popularity.astype(np.float64)

    def _segment_scores(self, taste: _Taste) -> Floats:
        if taste.source == "popularity":
            return self._popular_segments
        return self.model.segments.scores(taste.profile)

    @cached_property
    def _popular_segments(self) -> Floats:
        return popular_order(self.model.segments, self._popularity, 12)

    def _ranking(self, taste: _Taste, mask: Mask, n: int) -> tuple[Ranking, list[Source]]:
        if taste.source == "popularity":
            ranking = rank(mask.apply(self._popularity), n)
            return ranking, ["popularity"] * len(ranking.rows)
        ranking = self.search.best(taste.profile, n, mask)
        sources: list[Source] = ["profile"] * len(ranking.rows)
        if len(ranking.rows) < n and len(self.uncoded):
            last = rank(mask.apply(self._popularity)[self.uncoded], n - len(ranking.rows)).rows
            ranking = ranking.then(Ranking(self.uncoded[last], np.zeros(len(last))))
            sources += ["popularity"] * len(last)
        return ranking, sources

    # ------------------------------------------------------------ rows to answers

    def _items(self, ranking: Ranking, sources: Sequence[Source]) -> list[RankedItem]:
        model = self.model
        return [
            RankedItem(model.vocabulary.item_id(row), model.catalog.title(row), float(score), place, source)
            for place, (row, score, source) in enumerate(
                zip(ranking.rows, ranking.scores, sources, strict=True), start=1
            )
        ]

    def _reason(self, taste: _Taste, segment: int) -> str:
        """Names the history items that add most to the segment's score x_h a_h·b; the parts sum to it exactly."""
        if taste.source == "popularity":
            return "Popular with everyone"
        signed = np.zeros(self.model.embedding.n_dims)
        entries = slice(self.model.segments.starts[segment], self.model.segments.starts[segment + 1])
        signed[self.model.segments.dims[entries]] = self.model.segments.weights[entries]
        dims, weights = self.model.embedding.codes_of(taste.rows)
        parts = taste.weights * (weights * signed[dims]).sum(axis=1, dtype=np.float64)
        strongest = rank(np.where((parts > 0) & (taste.weights > 0), parts, -np.inf), _REASON_ITEMS).rows
        names = [self._name(int(taste.rows[i])) for i in strongest]
        return "Because of " + " and ".join(names) if names else "Something different"

    def _name(self, row: int) -> str:
        return self.model.catalog.title(row) or self.model.vocabulary.item_id(row)
