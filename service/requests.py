"""The shapes of requests. Unknown fields are refused, so that nothing is accepted and ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from index.errors import FilterError
from index.filters import Filter, parsed

MAX_HISTORY, MAX_ID_LIST, MAX_SEGMENT_LIST, MAX_N = 1000, 10_000, 1000, 1000
MAX_DIM_ITEMS = 100
MAX_LISTED = 10_000  # segments
MAX_ID_LENGTH, MAX_USER_ID_LENGTH = 512, 256
MAX_SHELVES, MAX_ITEMS_PER_SHELF = 100, 200
MAX_EXPLAINED = 100
MAX_STEERING, MOST_STRENGTH = 100, 10
MAX_CAPS = 10
MAX_BATCH, MAX_BATCH_N = 100, 10_000
PLAIN_N = 200  # items that are written in less than a millisecond
PLAIN_TERMS = 4  # of a filter, each a scan of the items when it is asked for first
PLAIN_IDS = 1000  # that are looked up

Id = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]
UserId = Annotated[str, Field(min_length=1, max_length=MAX_USER_ID_LENGTH)]
Ids = Annotated[list[Id], Field(max_length=MAX_ID_LIST)]


def _integer(value: object) -> object:
    """JSON has one kind of number: 20.0 is 20."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


_Integer = BeforeValidator(_integer)
Count = Annotated[int, Field(ge=1, le=MAX_N), _Integer]
ShelfCount = Annotated[int, Field(ge=1, le=MAX_SHELVES), _Integer]
ShelfItems = Annotated[int, Field(ge=1, le=MAX_ITEMS_PER_SHELF), _Integer]
Seed = Annotated[int, Field(ge=0, lt=2**53), _Integer]  # what any JSON parser reads exactly


class Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class WeightedItem(Request):
    item_id: Id
    weight: float = Field(ge=-1000, le=1000, description="how much this item counts; negative: away from it")


TAGS = ("id", "weighted item")


def _tag(entry: object) -> str:
    return TAGS[isinstance(entry, dict | WeightedItem)]


Entry = Annotated[Annotated[Id, Tag(TAGS[0])] | Annotated[WeightedItem, Tag(TAGS[1])], Discriminator(_tag)]


def _filter(document: object) -> object:
    """The document itself, once it is known to say a filter."""
    if document is not None:
        try:
            parsed(document)
        except FilterError as error:
            reason = str(error).encode("utf-8", "backslashreplace").decode()  # it may name half a surrogate pair
            raise PydanticCustomError("filter", "{reason}", {"reason": reason}) from error
    return document


FilterDocument = Annotated[Any, AfterValidator(_filter), WithJsonSchema({"type": ["object", "null"]})]


class FilteredRequest(Request):
    filter: FilterDocument = Field(
        default=None,
        description="only items of which this is true may come back: one of eq, in, range, exists, and, or, not",
        examples=[{"and": [{"in": {"genres": ["Comedy", "War"]}}, {"range": {"year": {"from": 1980, "to": 1989}}}]}],
    )

    def where(self) -> Filter | None:
        return None if self.filter is None else parsed(self.filter)

    @property
    def few_terms(self) -> bool:
        return self.filter is None or _n_terms(self.filter) <= PLAIN_TERMS


def _n_terms(document: Any) -> int:
    """Of a document that says a filter."""
    ((kind, content),) = document.items()
    terms = content if kind in {"and", "or"} else [content] if kind == "not" else []
    return 1 + sum(map(_n_terms, terms))


class HistoryRequest(Request):
    history: list[Entry] = Field(
        max_length=MAX_HISTORY,
        description="item_ids, or items with a weight. A set: repeats count once; weights of one item add up.",
        examples=[["50", "181"]],
    )

    def weights(self) -> dict[str, float]:
        """item_id to weight. A bare id weighs 1, however often it comes; weights of one item add up."""
        entries = self.history or []
        weights = dict.fromkeys([entry for entry in entries if isinstance(entry, str)], 1.0)
        if len(weights) < len(entries):
            for entry in entries:
                if not isinstance(entry, str):
                    weights[entry.item_id] = weights.get(entry.item_id, 0.0) + entry.weight
        return weights


class ExplainedRequest(Request):
    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"explain": {"const": True}}, "required": ["explain"]},
            "then": {"properties": {"n": {"maximum": MAX_EXPLAINED}}},
        }
    )
    n: Count
    explain: bool = Field(default=False, description=f"say what each score is the sum of; for at most {MAX_EXPLAINED}")

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.explain and self.n > MAX_EXPLAINED:
            raise PydanticCustomError("explain", f"explain is for n up to {MAX_EXPLAINED}")
        return self


class Steering(Request):
    segment_id: Id
    strength: float = Field(
        ge=-MOST_STRENGTH,
        le=MOST_STRENGTH,
        description="in lengths of the profile: 1 weighs as much as the history; negative: away from it",
    )


class SteeredRequest(Request):
    steer: list[Steering] = Field(
        default=[], max_length=MAX_STEERING, description="towards segments or away from them; strengths of one add up"
    )

    def strengths(self) -> dict[str, float]:
        strengths: dict[str, float] = {}
        for entry in self.steer:
            strengths[entry.segment_id] = strengths.get(entry.segment_id, 0.0) + entry.strength
        return strengths


class MutingRequest(SteeredRequest):
    mute: list[Id] = Field(
        default=[], max_length=MAX_SEGMENT_LIST, description="segments that must not come back, nor their items"
    )


class ProfileRequest(HistoryRequest, SteeredRequest):
    @property
    def plain(self) -> bool:
        return len(self.history) <= PLAIN_N


class RecommendRequest(HistoryRequest, FilteredRequest, MutingRequest, ExplainedRequest):
    n: Count = Field(default=20, description="how many items")
    exclude: Ids = Field(default=[], description="items that must not come back, beside those of the history")
    candidates: Ids | None = Field(default=None, description="only these items may come back")
    segments: Annotated[list[Id], Field(max_length=MAX_SEGMENT_LIST)] | None = Field(
        default=None, description="only items of these segments may come back"
    )
    best_segments: Count | None = Field(
        default=None, description="only items of so many segments, those that suit the history best"
    )
    diversity: float = Field(
        default=0.0, ge=0, le=1, description="0: the best items; towards 1: the next item is unlike those before it"
    )
    max_per_segment: Count | None = Field(default=None, description="most items of one segment")

    @property
    def plain(self) -> bool:
        """Whether nothing is asked for that takes long whatever the model."""
        n_ids = len(self.exclude) + len(self.candidates or ())
        return self.n <= PLAIN_N and n_ids <= PLAIN_IDS and self.few_terms and not self._chosen

    @property
    def retrievable(self) -> bool:
        """Whether an engine can find the items that knows their codes and attributes, and no segments."""
        limited = self.candidates is not None or self.segments is not None or self.best_segments is not None
        return not (limited or self.mute or self._chosen)

    @property
    def _chosen(self) -> bool:
        return bool(self.explain or self.diversity or self.max_per_segment is not None)


class SegmentsRequest(HistoryRequest, MutingRequest, ExplainedRequest):
    n: Count = Field(default=10, description="how many segments")
    segments: Annotated[list[Id], Field(max_length=MAX_SEGMENT_LIST)] | None = Field(
        default=None, description="only these may come back"
    )

    @property
    def plain(self) -> bool:
        return self.n <= PLAIN_N and not self.explain


class SegmentItemsRequest(HistoryRequest, FilteredRequest, MutingRequest):
    n: Count = Field(default=20, description="how many items")
    exclude: Ids = Field(default=[], description="items that must not come back, beside those of the history")
    guests: bool = Field(default=True, description="also items of others that the segment's shelf may show")

    @property
    def plain(self) -> bool:
        return self.n <= PLAIN_N and len(self.exclude) <= PLAIN_IDS and self.few_terms


class ItemsRequest(Request):
    item_ids: list[Id] = Field(min_length=1, max_length=MAX_N, description="repeats come back once")
    code: bool = Field(default=False, description="also the non-zeros of their codes")

    @property
    def plain(self) -> bool:
        return len(self.item_ids) <= PLAIN_N


class BatchRequest(Request):
    requests: list[Any] = Field(
        max_length=MAX_BATCH,
        description=f"bodies of /recommend, each answered by itself; their n add up to {MAX_BATCH_N} at most",
    )


class HomepageRequest(FilteredRequest, MutingRequest, HistoryRequest):
    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [
                {"required": [one], "properties": {one: {"type": kind}, other: {"type": "null"}}}
                for one, kind, other in (("history", "array", "user_id"), ("user_id", "string", "history"))
            ]
        }
    )
    history: list[Entry] | None = Field(  # type: ignore[assignment]
        default=None, max_length=MAX_HISTORY, description="as of /recommend", examples=[["50", "181"]]
    )
    user_id: UserId | None = Field(
        default=None,
        description="instead of a history: whose is stored, where histories are switched on; asks for the scope write",
    )
    shelves: ShelfCount = Field(default=6, description="how many shelves")
    items_per_shelf: ShelfItems = 12
    min_items: ShelfItems = Field(
        default=4,
        description="a segment that can show neither as many nor a full shelf gives way",
    )
    exclude: Ids = Field(default=[], description="items that must not come back, beside those of the history")
    max_per: dict[Id, Count] = Field(
        default={},
        max_length=MAX_CAPS,
        description="most items of the page that may have one value of an attribute",
        examples=[{"authors": 2}],
    )
    lead: Literal["top_picks", "because", "none"] = Field(
        default="top_picks",
        description="the shelf that is no segment's: the best of all, or what is closest to one item of the history",
    )
    seed: Seed | None = Field(default=None, description="another one, another page nearly as good")
    explain: bool = Field(default=False, description="say how the page came about")

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.history is None) == (self.user_id is None):
            raise PydanticCustomError("history", "give either a history or a user_id")
        return self

    @property
    def plain(self) -> bool:
        few = self.shelves * self.items_per_shelf <= PLAIN_N and len(self.exclude) <= PLAIN_IDS and self.few_terms
        return few and not self.max_per and not self.explain
