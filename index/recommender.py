"""ids in, ids out: the public face of the index."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property, partial
from itertools import count
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from index import artifact, homepage
from index.activations import profile_of
from index.answers import (
    Homepage,
    HomepageShelf,
    Profile,
    RankedItem,
    RankedSegment,
    Recommendation,
    SegmentRanking,
    Source,
    Why,
)
from index.diversity import chosen
from index.errors import UnknownItemError
from index.explain import Explainer
from index.filters import Filter
from index.homepage import Asked, Lead
from index.kernels import Floats
from index.layout import PageSize, popular_order
from index.limits import Limits
from index.model import Model
from index.retrieval import Retrieve, best_of
from index.search import Mask, Ranking, rank, search_of
from index.shortfall import shortfall
from index.taste import History, Taste, known_of_many, segment_row, taste_of

_NO_STEERING: Mapping[str, float] = {}
_NO_CAPS: Mapping[str, int] = {}


class RankedRows(NamedTuple):
    """Rows of items or of segments, and what each is there by."""

    ranking: Ranking
    sources: list[Source]
    unknown_items: list[str]


class Recommender:
    """Answers from one model. Immutable, so that any number of threads may ask at once.

    A history is a set of item_ids, or a mapping of item_ids to weights (negative: away from this item).
    What it names is never recommended. Unknown ids are reported; without any known one popularity answers.
    """

    def __init__(self, model: Model, version: str) -> None:
        self.model, self.version = model, version
        self.search = search_of(model.embedding)
        self.uncoded = np.flatnonzero(~model.embedding.coded).astype(np.int32)
        self.limits = Limits(model)

    def hiding(self, item_ids: Iterable[str]) -> Self:
        """The same, that never answers with any of these items, whatever it is asked."""
        recommender = copy(self)
        recommender.limits = self.limits.hiding(item_ids)
        return recommender

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
        shelf_of: str | None = None,
        best_segments: int | None = None,
        where: Filter | None = None,
        steer: Mapping[str, float] = _NO_STEERING,
        mute: Iterable[str] = (),
        diversity: float = 0.0,
        max_per_segment: int | None = None,
        explain: bool = False,
        retrieve: Retrieve | None = None,
    ) -> Recommendation:
        """The `n` best items outside the history, best first, ties by row.

        `exclude` never appear; only `candidates`, only items of `segments`, of the `best_segments` that suit best (the
        paper's prefiltering), only what the filter `where` is true of do, where given, and none of the segments of
        `mute`; `shelf_of` one segment also its guests. Items without a code come last, by popularity. `steer` leads
        towards segments or away from them, by strengths in lengths of the profile. `diversity` from 0 to 1 and
        `max_per_segment` choose among more than `n` (index/diversity.py). `explain` gives each score's parts;
        `retrieve` finds candidates instead (index/retrieval.py). Raises UnknownSegmentError, FilterError.
        """
        taste, exclude = taste_of(self.model, history, steer), list(exclude)
        muted = [segment_row(self.model, segment_id, "mute") for segment_id in mute]
        mask = self.limits.mask(taste.rows, exclude, candidates=candidates, segments=segments, where=where, muted=muted)
        mask = mask if shelf_of is None else mask.within(self.limits.on_shelf(self.segment_row(shelf_of)))
        if best_segments is not None:
            mask = mask.within(self.limits.items_of(self._segment_ranking(taste, best_segments, muted).rows))
        if diversity or max_per_segment is not None:
            ranking, sources = chosen(
                partial(self._ranking, taste, mask),
                n,
                taste.source,
                embedding=self.model.embedding,
                membership=self.model.segments.membership,
                diversity=diversity,
                max_per_segment=max_per_segment,
            )
        else:
            ranking, sources = self._ranking(taste, mask, n, retrieve)
        limits = {
            "candidates": candidates is not None, "segments": segments is not None,
            "best_segments": best_segments is not None, "filter": where is not None, "mute": bool(muted),
            "the segment": shelf_of is not None, "max_per_segment": max_per_segment is not None,
            "exclude": bool(exclude), "hidden items": bool(len(self.limits.hidden)), "the history": True,
        }  # fmt: skip
        missing = shortfall(len(ranking.rows), n, len(self.model.vocabulary), limits)
        why = Explainer(self.model, taste, self.limits.hidden).item if explain else None
        return Recommendation(self._items(ranking, sources, why), taste.unknown_items, missing)

    def rank_items(self, histories: Sequence[History], n: int) -> list[RankedRows]:
        """What `recommend` answers to each history, as rows; the search lets other threads run meanwhile."""
        if len(self.limits.hidden):
            return [self._ranked(history, n) for history in histories]
        known, unknown_items = known_of_many(self.model, histories)
        found = zip(histories, self.search.best_of_many(known, n), unknown_items, strict=True)
        return [
            self._ranked(history, n)  # by popularity, or partly so
            if ranking is None or len(ranking.rows) < n
            else RankedRows(ranking, ["profile"] * n, unknown)
            for history, ranking, unknown in found
        ]

    def _ranked(self, history: History, n: int) -> RankedRows:
        taste = taste_of(self.model, history, _NO_STEERING)
        return RankedRows(*self._ranking(taste, self.limits.mask(taste.rows, ()), n), taste.unknown_items)

    def rank_segments(self, histories: Sequence[History], n: int) -> list[RankedRows]:
        """What `segments` answers to each history, as rows of B."""
        tastes = [taste_of(self.model, history, _NO_STEERING) for history in histories]
        rankings = [self._segment_ranking(taste, n, ()) for taste in tastes]
        return [
            RankedRows(ranking, [taste.source] * len(ranking.rows), taste.unknown_items)
            for taste, ranking in zip(tastes, rankings, strict=True)
        ]

    def segments(
        self,
        history: History,
        n: int = 10,
        *,
        only: Iterable[str] | None = None,
        steer: Mapping[str, float] = _NO_STEERING,
        mute: Iterable[str] = (),
        explain: bool = False,
    ) -> SegmentRanking:
        """The `n` segments that suit the history best, ties by row, `only` of these; the rest as of `recommend`."""
        taste = taste_of(self.model, history, steer)
        muted = [segment_row(self.model, segment_id, "mute") for segment_id in mute]
        if only is not None:
            wanted = {segment_row(self.model, segment_id) for segment_id in only}
            muted += [row for row in range(len(self.model.segments)) if row not in wanted]
        ranking = self._segment_ranking(taste, n, muted)
        segments, source = self.model.segments, taste.source
        explainer = Explainer(self.model, taste, self.limits.hidden) if explain and source == "profile" else None
        ranked = [
            RankedSegment(
                segments.ids[row],
                segments.labels[row],
                float(score),
                place,
                int(segments.sizes[row]),
                source,
                explainer.segment(int(row)) if explainer else None,
            )
            for place, (row, score) in enumerate(zip(ranking.rows, ranking.scores, strict=True), start=1)
        ]
        return SegmentRanking(ranked, taste.unknown_items)

    def profile(self, history: History, *, steer: Mapping[str, float] = _NO_STEERING) -> Profile:
        """What a history and steering add up to, dim by dim. Raises UnknownSegmentError."""
        return profile_of(self.model, taste_of(self.model, history, steer))

    def homepage(
        self,
        history: History,
        *,
        shelves: int = 6,
        items_per_shelf: int = 12,
        min_items: int = 4,
        exclude: Iterable[str] = (),
        where: Filter | None = None,
        steer: Mapping[str, float] = _NO_STEERING,
        mute: Iterable[str] = (),
        max_per: Mapping[str, int] = _NO_CAPS,
        lead: Lead = "top_picks",
        seed: int | None = None,
        explain: bool = False,
        spares: int = 0,
    ) -> Homepage:
        """A shelf of the best of all, then shelves of segments by what they show; no item twice (index/layout.py).

        A shelf that cannot show `min_items`, of those that the filter `where` is true of, gives way to the next one.
        Only items that the profile leads to are shown; where those fill no page, popular ones do. `max_per` bounds how
        many items of a page may have one value of an attribute. `lead` is the one shelf that is no segment's: "because"
        shows what is closest to one item of the history. Another `seed` is another page, nearly as good; `explain` adds
        an audit. `spares` is how many more items each shelf brings, for where its own may not be shown later on.
        Raises UnknownSegmentError, FilterError, UnknownAttributeError.
        """
        taste = taste_of(self.model, history, steer)
        muted = [segment_row(self.model, segment_id, "mute") for segment_id in mute]
        mask = self.limits.mask(taste.rows, exclude, where=where, muted=muted)
        asked = Asked(PageSize(shelves, items_per_shelf, min_items), muted, max_per, lead, seed, explain, spares)
        named = taste.without(self.limits.hidden)
        page = homepage.Homepage(self.model, self.search, self._popularity, taste, mask, named=named).page(asked)
        return Homepage(
            [
                HomepageShelf(
                    shelf.kind,
                    None if shelf.segment is None else self.model.segments.ids[shelf.segment],
                    shelf.label,
                    shelf.reason,
                    self._items(shelf.items, [shelf.source] * len(shelf.items.rows)),
                    self._items(shelf.spares, [shelf.source] * len(shelf.spares.rows)),
                )
                for shelf in page.shelves
            ],
            taste.unknown_items,
            page.audit,
        )

    def similar(self, item_id: str, n: int = 20) -> list[RankedItem]:
        """The items whose codes have the largest cosine with this one's. Raises UnknownItemError."""
        if self.model.vocabulary.row(item_id) is None:
            raise UnknownItemError(item_id)
        return self.recommend([item_id], n).items

    def segment_row(self, segment_id: str) -> int:
        """The row of a segment_id. Raises UnknownSegmentError."""
        return segment_row(self.model, segment_id, "segment_id")

    def warm_up(self) -> None:
        """Compiles, or loads from the cache, every kernel for the arrays at hand. Seconds once, then milliseconds."""
        self.search.warm_up()
        coded = np.flatnonzero(self.model.embedding.coded)[:1]
        for history in ([], [self.model.vocabulary.item_id(row) for row in coded]):
            self.recommend(history, 1)
            self.segments(history, 1)
            self.homepage(history, min_items=1)

    # ------------------------------------------------------------ history to scores

    @cached_property
    def _popularity(self) -> Floats:
        return self.model.popularity.astype(np.float64)

    def _segment_ranking(self, taste: Taste, n: int, muted: Sequence[int]) -> Ranking:
        popular = taste.source == "popularity"
        scores = self._popular_segments if popular else self.model.segments.scores(taste.profile)
        return rank(Mask.hiding(np.array(muted, np.int32)).apply(scores), n)

    @cached_property
    def _popular_segments(self) -> Floats:
        return popular_order(self.model.segments, self._popularity, 12)

    def _ranking(self, taste: Taste, mask: Mask, n: int, by: Retrieve | None = None) -> tuple[Ranking, list[Source]]:
        if taste.source == "popularity":
            ranking = rank(mask.apply(self._popularity), n)
            return ranking, ["popularity"] * len(ranking.rows)
        ranking = best_of(self.search, by, taste.profile, n, mask)
        sources: list[Source] = ["profile"] * len(ranking.rows)
        if len(ranking.rows) < n and len(self.uncoded):
            last = rank(mask.apply(self._popularity)[self.uncoded], n - len(ranking.rows)).rows
            ranking = ranking.then(Ranking(self.uncoded[last], np.zeros(len(last))))
            sources += ["popularity"] * len(last)
        return ranking, sources

    # ------------------------------------------------------------ rows to answers

    def _items(
        self, ranking: Ranking, sources: Sequence[Source], why: Callable[[int], Why] | None = None
    ) -> list[RankedItem]:
        rows = ranking.rows.tolist()
        item_ids, titles = self.model.vocabulary.item_ids.many(rows), self.model.catalog.titles.many(rows)
        known = [title or None for title in titles]
        answers = list(map(RankedItem, item_ids, known, ranking.scores.tolist(), count(1), sources))
        if why is not None:
            for row, answer in zip(rows, answers, strict=True):
                answer.why = why(row) if answer.source == "profile" else None
        return answers
