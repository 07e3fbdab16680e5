"""A page for one taste: a shelf of the best of all, then shelves of segments, each with its reason; and its audit."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from hashlib import blake2b
from math import exp, log
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.answers import Audit, ShelfKind, Source, Unshown, WhyNot
from index.caps import Cap
from index.catalog import LinkColumn
from index.errors import UnknownAttributeError
from index.explain import reasons
from index.kernels import Floats
from index.layout import Layout, PageSize, Pool, Shown, lay_out
from index.model import Model
from index.search import ItemSearch, Mask, Ranking, rank
from index.spares import NOTHING, Spares
from index.taste import Taste

Lead = Literal["top_picks", "because", "none"]
_LEAST_POOL, _POOL = 1000, 8  # items, and times those of a page
_ROTATION = 0.3  # luck multiplies a segment's worth by exp(_ROTATION g), with g from Gumbel's distribution
_LIKED = 5  # items that a seed chooses the liked one from
_MOST_UNSHOWN = 20  # segments that an audit names, of either reason


@dataclass(frozen=True)
class Asked:
    """What a page is asked to be. `max_per` bounds how many items may have one value of an attribute."""

    size: PageSize
    muted: Sequence[int] = ()
    max_per: Mapping[str, int] = field(default_factory=dict)
    lead: Lead = "top_picks"
    seed: int | None = None
    explain: bool = False
    spares: int = 0  # items that each shelf brings beside those that it shows; none under caps


class PageShelf(NamedTuple):
    """`segment` is None where the shelf is none of a segment's."""

    kind: ShelfKind
    segment: int | None
    label: str
    reason: str
    items: Ranking
    source: Source
    spares: Ranking


class Page(NamedTuple):
    shelves: list[PageShelf]
    audit: Audit | None  # where it is asked to explain


class Homepage:
    """Makes one page. `popularity` is (n_items,), `mask` says which items may be on it; reasons name `named` ones."""

    def __init__(
        self, model: Model, search: ItemSearch, popularity: Floats, taste: Taste, mask: Mask, *, named: Taste
    ) -> None:
        self._model, self._search, self._popularity = model, search, popularity
        self._taste, self._mask, self._named = taste, mask, named

    def page(self, asked: Asked) -> Page:
        """Raises UnknownAttributeError."""
        n = max(_LEAST_POOL, _POOL * asked.size.shelves * asked.size.items_per_shelf)
        pool = self._profile_pool(self._taste.profile, n) if self._by_profile else self._popular_pool(n)
        shown = Shown(np.zeros(self._model.embedding.n_items, np.bool_), self._caps(asked.max_per))
        lead, best = self._lead(asked, pool, shown)
        n_lead = int(lead is not None)
        laid, pools = [self._lay_out(asked, pool, shown, n_lead, [])], [pool]
        n_shelves = n_lead + len(laid[0].shelves)
        if self._by_profile and n_shelves < asked.size.shelves:  # too little is known to fill a page by
            there = [shelf.segment for shelf in laid[0].shelves]
            pools.append(self._popular_pool(n))
            laid.append(self._lay_out(asked, pools[1], shown, n_shelves, there))
        audit = self._audit(asked, pool, shown, laid) if asked.explain else None
        spare = Spares(self._model.segments, shown, 0 if asked.max_per else asked.spares)
        shelves = [] if lead is None else [lead._replace(spares=spare.of(best.ranking))]
        sources: list[Source] = [self._taste.source, "popularity"]
        for layout, ranked, source in zip(laid, pools, sources, strict=False):
            shelves += self._of_segments(layout, source, spare.of_segments(layout, ranked.ranking))
        return Page(shelves, audit)

    @property
    def _by_profile(self) -> bool:
        return self._taste.source == "profile"

    def _lay_out(self, asked: Asked, pool: Pool, shown: Shown, n_shelves: int, there: Sequence[int]) -> Layout:
        """Segments but those already `there`, for what is left of a page that has `n_shelves`."""
        size = asked.size._replace(shelves=asked.size.shelves - n_shelves)
        luck = None if asked.seed is None else self._luck(asked.seed)
        return lay_out(self._model.segments, pool, size, shown, luck=luck, never=[*asked.muted, *there])

    # ------------------------------------------------------------ what there is to show

    def _profile_pool(self, profile: Floats, n: int) -> Pool:
        """Only what the profile leads to: a score of 0 or less is no reason to show an item."""

        def best_of(segment: int, wanted: int) -> Ranking:
            items = self._model.segments.shelf_items(segment)
            return _positive(self._search.best_among(items[self._allowed[items]], profile, wanted))

        best = self._search.best(profile, n, self._mask)
        kept = _positive(best)
        return Pool(kept, len(kept.rows) < n, best_of)

    @cached_property
    def _allowed(self) -> NDArray[np.bool_]:
        return self._mask.flags(self._model.embedding.n_items)

    def _popular_pool(self, n: int) -> Pool:
        """Of everything, but what a profile leads away from."""
        segments, popularity = self._model.segments, self._mask.apply(self._popularity)
        if self._by_profile:
            popularity[self._search.scores(self._taste.profile) < 0] = -np.inf

        def best_of(segment: int, wanted: int) -> Ranking:
            items = segments.shelf_items(segment)
            best = rank(popularity[items], wanted)
            return Ranking(items[best.rows], best.scores)

        best = rank(popularity, n)
        return Pool(best, len(best.rows) < n, best_of)

    def _caps(self, max_per: Mapping[str, int]) -> list[Cap]:
        columns = {
            name: column
            for name, column in self._model.catalog.attributes.items()
            if not isinstance(column, LinkColumn)
        }
        for name in max_per:
            if name not in columns:
                raise UnknownAttributeError(name, "max_per", list(columns))
        return [Cap(columns[name], most) for name, most in sorted(max_per.items())]

    def _luck(self, seed: int) -> dict[int, float]:
        """Factors by seed and segment_id: the same on every machine, whatever other segments there are."""
        found = {}
        for row, segment_id in enumerate(self._model.segments.ids):
            drawn = blake2b(f"{seed} {segment_id}".encode(), digest_size=6).digest()
            uniform = (int.from_bytes(drawn, "big") + 0.5) / 2**48
            found[row] = exp(-_ROTATION * log(-log(uniform)))
        return found

    # ------------------------------------------------------------ shelves

    def _lead(self, asked: Asked, pool: Pool, shown: Shown) -> tuple[PageShelf | None, Pool]:
        """The one shelf that is no segment's, and what it is from."""
        if asked.lead == "none":
            return None, pool
        liked = self._liked(asked.seed) if asked.lead == "because" else None
        kind: ShelfKind
        n = len(pool.ranking.rows)
        more: Callable[[int], Pool] = self._popular_pool
        if not self._by_profile:
            kind, label, reason = "popular", "Popular", "Popular with everyone"
        elif liked is None:
            kind, label, reason = "top_picks", "Top picks", "What suits you best of everything"
            more = partial(self._profile_pool, self._taste.profile)
        else:
            name = self._model.catalog.title(liked) or self._model.vocabulary.item_id(liked)
            kind, label, reason = "because", f"Because you liked {name}", f"Closest to {name}"
            profile = self._model.embedding.profile(np.array([liked], np.int32), np.ones(1))
            more = partial(self._profile_pool, profile)
            pool = more(n := max(_LEAST_POOL, asked.size.items_per_shelf))
        choice = shown.choose(pool.ranking.rows, asked.size.items_per_shelf)
        while len(choice.places) < asked.size.items_per_shelf and not pool.whole:  # caps leave out many
            pool = more(n := 4 * n)
            choice = shown.choose(pool.ranking.rows, asked.size.items_per_shelf)
        if len(choice.places) < asked.size.least:
            return None, pool
        items = shown.show(pool.ranking, choice)
        return PageShelf(kind, None, label, reason, items, self._taste.source, NOTHING), pool

    def _liked(self, seed: int | None) -> int | None:
        """Of the history the item that the profile scores highest; with a seed, one of the five highest."""
        rows = self._named.rows[self._named.weights > 0]
        best = _positive(self._search.best_among(rows, self._taste.profile, _LIKED)).rows
        return int(best[(seed or 0) % len(best)]) if len(best) else None

    def _of_segments(self, laid: Layout, source: Source, spares: Sequence[Ranking]) -> list[PageShelf]:
        rows = [shelf.segment for shelf in laid.shelves]
        labels = self._model.segments.labels
        popular = ["Popular with everyone"] * len(rows)
        shown = [shelf.items.rows for shelf in laid.shelves]
        why = reasons(self._model, self._named, shown) if source == "profile" else popular
        return [
            PageShelf("segment", shelf.segment, labels[shelf.segment], reason, shelf.items, source, spare)
            for shelf, reason, spare in zip(laid.shelves, why, spares, strict=True)
        ]

    def _audit(self, asked: Asked, pool: Pool, shown: Shown, laid: Sequence[Layout]) -> Audit:
        segments = self._model.segments
        best = pool.ranking.rows[: asked.size.shelves * asked.size.items_per_shelf]
        there = {shelf.segment for layout in laid for shelf in layout.shelves}
        later = [(row, worth) for row, worth in laid[0].next if row not in there]
        few = [(row, n_items) for row, n_items in laid[-1].too_few if row not in there]

        def unshown(row: int, why: WhyNot, worth: float | None = None, n_items: int | None = None) -> Unshown:
            return Unshown(segments.ids[row], segments.labels[row], why, worth, n_items)

        return Audit(
            considered=len(there) + len(later) + len(few),
            worth=[shelf.worth for layout in laid for shelf in layout.shelves],
            unshown=[
                *(unshown(row, "muted") for row in asked.muted),
                *(unshown(row, "worth_less", worth) for row, worth in later[:_MOST_UNSHOWN]),
                *(unshown(row, "too_few_items", n_items=n_items) for row, n_items in few[:_MOST_UNSHOWN]),
            ],
            repeats_avoided=shown.repeats,
            over_caps=shown.capped,
            best_items_shown=float(shown.flags[best].mean()) if len(best) else 1.0,
        )


def _positive(ranking: Ranking) -> Ranking:
    n = int(np.searchsorted(-ranking.scores, 0.0))
    return Ranking(ranking.rows[:n], ranking.scores[:n])
