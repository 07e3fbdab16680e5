"""What a Recommender answers: ids, titles, labels and scores."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Source = Literal["profile", "popularity"]
WhyNot = Literal["muted", "worth_less", "too_few_items"]
ShelfKind = Literal["top_picks", "because", "popular", "segment"]


@dataclass(frozen=True)
class Part:
    """Of a score: `part` = `plus` + `minus`, which is what there was of either sign before it cancelled."""

    part: float
    plus: float
    minus: float


@dataclass(frozen=True)
class HistoryPart(Part):
    """What an item of the history adds."""

    item_id: str
    title: str | None


@dataclass(frozen=True)
class DimPart(Part):
    """What a dim adds; `sign` is that of the answer's weight, `segments` are those that have this signed dim."""

    dim: int
    sign: int
    segments: Sequence[str]


@dataclass(frozen=True)
class SteeringPart(Part):
    """What steering towards or away from a segment adds."""

    segment_id: str
    label: str


@dataclass(frozen=True)
class Why:
    """The parts of a score, largest first: of history, `history_rest` and steering, or of dims and `dims_rest`."""

    history: list[HistoryPart]
    history_rest: float
    steering: list[SteeringPart]
    dims: list[DimPart]
    dims_rest: float
    flows: list[list[float]]  # (len(history) + len(steering), len(dims)) what each adds over each of these dims


@dataclass(slots=True)  # frozen ones take three times as long to make
class RankedItem:
    """One answer. `score` is z·a of the item, or the share of users who have it where `source` is popularity."""

    item_id: str
    title: str | None
    score: float
    rank: int
    source: Source
    why: Why | None = None


@dataclass(frozen=True)
class RankedSegment:
    """One answer. `score` is z·b of the segment, or the summed popularity of its best items."""

    segment_id: str
    label: str
    score: float
    rank: int
    size: int
    source: Source
    why: Why | None = None


@dataclass(frozen=True)
class Recommendation:
    items: list[RankedItem]
    unknown_items: list[str]
    shortfall: str | None  # why fewer than `n` items came back


@dataclass(frozen=True)
class SegmentRanking:
    segments: list[RankedSegment]
    unknown_items: list[str]


@dataclass(slots=True)
class Activation:
    """A non-zero of a profile; `history` is what of it the history adds, the rest is steering."""

    dim: int
    activation: float
    history: float


@dataclass(frozen=True)
class Profile:
    """`dims` ascend; there are none where `source` is popularity."""

    source: Source
    length: float
    dims: list[Activation]
    unknown_items: list[str]


@dataclass(slots=True)
class ListedItem:
    """An item as such, without a score. `popularity` is the share of users who have it."""

    item_id: str
    title: str | None
    popularity: float


@dataclass(slots=True)
class SegmentName:
    segment_id: str
    label: str


@dataclass(frozen=True)
class TreeGroup:
    """A leaf of a segment's tree: the items whose strongest weight is on a signed dim; `items` are the best known."""

    node: int
    dim: int
    sign: int
    n_items: int
    items: list[ListedItem]


@dataclass(frozen=True)
class TreeMerge:
    """Nodes `first` and `second` became `node`, at this cosine of their descriptors."""

    node: int
    first: int
    second: int
    cosine: float
    n_items: int


@dataclass(frozen=True)
class SegmentTree:
    groups: list[TreeGroup]
    merges: list[TreeMerge]  # in the order in which they took place


@dataclass(frozen=True)
class DimItem:
    """An item, and its weight on a dim."""

    item_id: str
    title: str | None
    popularity: float
    weight: float


@dataclass(frozen=True)
class DimSide:
    """Of a dim: how many items have a weight of this `sign`, the strongest of them, the segments of this signed dim."""

    sign: int
    n_items: int
    segments: list[SegmentName]
    items: list[DimItem]


@dataclass(slots=True)
class WeightedDim:
    dim: int
    weight: float


@dataclass
class KnownItem:
    """All that is known of an item; `dims` are None where its code was not asked for."""

    item_id: str
    title: str | None
    popularity: float
    attributes: dict[str, float | str | list[str] | None]
    segment: SegmentName | None  # the one that it belongs to
    guest_of: list[SegmentName]  # others whose shelves may show it
    coded: bool
    dims: list[WeightedDim] | None


@dataclass(frozen=True)
class KnownItems:
    items: list[KnownItem]
    unknown_items: list[str]


@dataclass(frozen=True)
class HomepageShelf:
    kind: ShelfKind
    segment_id: str | None  # None where the shelf is no segment's
    label: str
    reason: str  # why this shelf is there, as a sentence to print
    items: list[RankedItem]
    spares: list[RankedItem] = field(default_factory=list)  # for where some of the items must not be shown later on


@dataclass(frozen=True)
class Unshown:
    """A segment that made no shelf: another was worth more than at most its `worth`, or it had `n_items`, too few."""

    segment_id: str
    label: str
    why: WhyNot
    worth: float | None
    n_items: int | None


@dataclass(frozen=True)
class Audit:
    """How a page came about."""

    considered: int  # segments with something to show
    worth: list[float]  # of the segments' shelves, in their order
    unshown: list[Unshown]  # the best of those left out
    repeats_avoided: int  # items that shelves left out because one above shows them
    over_caps: int  # items that `max_per` left out
    best_items_shown: float  # share of the best items, as many as the page could hold, that it shows


@dataclass(frozen=True)
class Homepage:
    shelves: list[HomepageShelf]
    unknown_items: list[str]
    audit: Audit | None = None  # where it is asked to explain
