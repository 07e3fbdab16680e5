"""The shapes of answers of what is looked up without a history: items, segments, the model."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from service.answers import Answer, ListedItem, VariantAnswer


class SegmentSummary(BaseModel):
    segment_id: str
    label: str
    size: int = Field(description="how many items belong to it")
    n_guests: int = Field(description="how many items of others its shelf may show")
    coherence: float | None = Field(
        description="how much its items have in common: the mean cosine of two of them; null where it has no two"
    )


class SegmentListAnswer(Answer):
    segments: list[SegmentSummary]
    n_matching: int = Field(description="how many segments match, shown or not")


class SignedDim(BaseModel):
    dim: int
    sign: Literal[-1, 1]


class SegmentAnswer(SegmentSummary, Answer):
    signed_dims: list[SignedDim] = Field(description="the non-zeros of its row of B")
    items: list[ListedItem] = Field(description="its best-known items")


class SimilarSegment(SegmentSummary):
    score: float = Field(description="cosine of the two segments' mean codes")
    rank: int = Field(description="from 1")


class SimilarSegmentsAnswer(Answer):
    segment_id: str
    segments: list[SimilarSegment]


class TreeGroup(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    node: int = Field(description="from 0")
    dim: int
    sign: Literal[-1, 1]
    n_items: int = Field(description="items whose strongest weight is on this signed dim")
    items: list[ListedItem] = Field(description="up to three, the best known")


class TreeMerge(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    node: int = Field(description="what the two became; that of the last merge is the segment")
    first: int
    second: int
    cosine: float = Field(description="of their descriptors, when they merged")
    n_items: int


class SegmentTreeAnswer(Answer):
    segment_id: str
    label: str
    groups: list[TreeGroup] = Field(description="nodes 0 to m - 1; none where the artifact does not know of any")
    merges: list[TreeMerge] = Field(description="nodes m and on, in the order in which they took place")


class FoundItemsAnswer(Answer):
    items: list[ListedItem]
    n_matching: int = Field(description="how many items match, shown or not")


class WeightedDim(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    dim: int
    weight: float


class SegmentName(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    segment_id: str
    label: str


class KnownItem(ListedItem):
    """All that is known of an item."""

    attributes: dict[str, float | str | list[str] | None] = Field(description="null where one is not known")
    segment: SegmentName | None = Field(description="the one that it belongs to")
    guest_of: list[SegmentName] = Field(description="others whose shelves may show it")
    coded: bool = Field(description="whether it was trained; without a code it comes back by popularity only")
    dims: list[WeightedDim] | None = Field(
        description="the non-zeros of its code, as they are stored; null where it was not asked for"
    )


class ItemAnswer(KnownItem, Answer):
    dims: list[WeightedDim] = Field(description="the non-zeros of its code, as they are stored")


class ItemsAnswer(VariantAnswer):
    items: list[KnownItem] = Field(description="in the order asked, each once")
    unknown_items: list[str] = Field(description="ids that the model does not hold")


class Sample(BaseModel):
    sample_id: str
    item_ids: list[str] = Field(description="what this person has, at most 100 items")
    items: list[ListedItem] = Field(description="the three best-known of them")


class SamplesAnswer(Answer):
    samples: list[Sample]


class DimItem(ListedItem):
    weight: float = Field(description="of the item, on this dim")


class DimSide(BaseModel):
    model_config = ConfigDict(from_attributes=True, frozen=True)

    sign: Literal[-1, 1]
    n_items: int = Field(description="how many items have a weight of this sign")
    segments: list[SegmentName] = Field(description="those that have this signed dim")
    items: list[DimItem] = Field(description="the strongest, ties by popularity")


class DimAnswer(Answer):
    dim: int
    sides: list[DimSide] = Field(description="the positive one, the negative one")


class Attribute(BaseModel):
    name: str
    type: Literal["number", "category", "list", "link"] = Field(
        description="of its values: a number, a string, a list of strings, an address (filters ask if there is one)"
    )


class ModelAnswer(Answer):
    n_items: int
    n_dims: int
    k: int = Field(description="weights an item has")
    n_segments: int
    bytes_per_item: int
    attributes: list[Attribute] = Field(description="what is known of items, and filters may ask for")
    data: dict[str, object]
    metrics: dict[str, object]
    options: dict[str, object]
