"""The shapes of answers."""

from typing import Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from service.split import Variant

Source = Literal["profile", "popularity"]


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True, protected_namespaces=())

    model_version: str

    @classmethod
    def of(cls, model_version: str, found: object) -> Self:
        """The answer with what an index answered, by the names of its attributes."""
        return cls.model_validate({"model_version": model_version, **vars(found)})


class Part(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    part: float = Field(description="what it adds to the score: plus + minus")
    plus: float = Field(description="before it cancels")
    minus: float = Field(description="the same, 0 or less")


class HistoryPart(Part):
    item_id: str
    title: str | None


class DimPart(Part):
    dim: int
    sign: int = Field(description="of the answer's weight")
    segments: list[str] = Field(description="those that have this signed dim")


class SteeringPart(Part):
    segment_id: str
    label: str


class Why(BaseModel):
    """A score taken apart by item of the history, by dim, and by both: either list and its rest add up to it."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    history: list[HistoryPart] = Field(description="the ten that add or take away most")
    history_rest: float
    steering: list[SteeringPart] = Field(description="belongs to the history's side of the sum")
    dims: list[DimPart]
    dims_rest: float
    flows: list[list[float]] = Field(
        description="a row for each of `history`, then for each of `steering`; a column for each of `dims`: what the "
        "one adds to the score over the other. A row's sum and what dims that are not listed add is the row's `part`; "
        "a column's sum and what items that are not listed add is the column's"
    )


class Item(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    item_id: str
    title: str | None
    score: float = Field(description="z·a of the item, or the share of users who have it where source is popularity")
    rank: int = Field(description="from 1")
    source: Source
    why: Why | None = Field(default=None, description="only with explain, and where the source is the profile")


class RankedSegment(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    segment_id: str
    label: str
    score: float = Field(description="z·b of the segment, or the summed popularity of its best items")
    rank: int = Field(description="from 1")
    size: int = Field(description="how many items belong to it")
    source: Source
    why: Why | None = Field(default=None, description="only with explain, and where the source is the profile")


class VariantAnswer(Answer):
    variant: Variant | None = Field(
        default=None,
        description="which of two versions side by side answered: a, the current one, or b, the challenger; "
        "only where there is a split, and the request has a key for it",
    )


class RecommendAnswer(VariantAnswer):
    items: list[Item]
    unknown_items: list[str] = Field(description="ids of the history that the model does not hold")
    shortfall: str | None = Field(description="why fewer than n items came back")


class SimilarAnswer(Answer):
    item_id: str
    items: list[Item]


class SegmentsAnswer(VariantAnswer):
    segments: list[RankedSegment]
    unknown_items: list[str]


class Activation(BaseModel):
    dim: int
    activation: float = Field(description="z_j: the value of the profile; its sign is the side that it leads to")
    history: float = Field(description="what of it the history adds; the rest is steering")


class ProfileAnswer(VariantAnswer):
    source: Source
    length: float = Field(description="|z|, steering included")
    dims: list[Activation] = Field(description="the non-zeros of the profile z; none where source is popularity")
    unknown_items: list[str] = Field(description="ids of the history that the model does not hold")


class Shelf(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    kind: Literal["top_picks", "because", "popular", "segment"]
    segment_id: str | None = Field(description="null where the shelf is no segment's")
    label: str
    reason: str = Field(description="why the shelf is there, a sentence to print")
    items: list[Item]


class Unshown(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    segment_id: str
    label: str
    why: Literal["muted", "worth_less", "too_few_items"]
    worth: float | None = Field(description="at most")
    n_items: int | None = Field(description="that it could show")


class Audit(BaseModel):
    """How a page came about."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    considered: int = Field(description="segments with something to show")
    worth: list[float] = Field(description="of the segments' shelves: the sum of their scores")
    unshown: list[Unshown] = Field(description="the best of the segments that made no shelf")
    repeats_avoided: int = Field(description="items that shelves left out because one above shows them")
    over_caps: int = Field(description="items that max_per left out")
    best_items_shown: float = Field(description="share of the best items, as many as fit the page")


class HomepageAnswer(VariantAnswer):
    shelves: list[Shelf]
    unknown_items: list[str]
    audit: Audit | None = Field(default=None, description="only with explain")


class HistoryEntry(BaseModel):
    item_id: str
    weight: float
    at: AwareDatetime = Field(description="of its latest event")


class HistoryAnswer(Answer):
    user_id: str
    items: list[HistoryEntry] = Field(description="latest first")


class EventsAnswer(Answer):
    added: int = Field(description="events that were not known yet")


class DenyListAnswer(Answer):
    items: list[str] = Field(description="in the order of their ids")


class ListedItem(BaseModel):
    """An item as such, without a score."""

    model_config = ConfigDict(from_attributes=True, frozen=True)

    item_id: str
    title: str | None
    popularity: float = Field(description="share of users who have it")


class SegmentItemsAnswer(RecommendAnswer):
    segment_id: str
    label: str


class Health(BaseModel):
    status: Literal["ok", "starting"]


class Readiness(Health):
    model_version: str
    waiting_for: str | None = Field(default=None, description="what has to be there before anything is answered")
    failure: str | None = Field(default=None, description="why the version that CURRENT names does not answer")


class WorkerReport(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    worker: int = Field(description="its process id")
    version: str = Field(description="the version that it answers from")
    failure: str | None = Field(description="why it answers from no other")


class ReloadAnswer(Answer):
    workers: list[WorkerReport] = Field(description="what every worker of this host answers from now")


class Problem(BaseModel):
    """RFC 9457, with a stable code and the request's id."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: list[dict[str, str]] | None = Field(default=None, description="the fields at fault, of a 422")


class BatchResult(BaseModel):
    """Of one element: what it would have got by itself."""

    status: int = Field(description="200, else that of the problem")
    answer: RecommendAnswer | None = Field(default=None, description="where the status is 200")
    problem: Problem | None = Field(default=None, description="where it is not")


class BatchAnswer(VariantAnswer):
    results: list[BatchResult] = Field(description="in the order of the requests")
