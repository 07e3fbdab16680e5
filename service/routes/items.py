"""Items: found by their titles, one by itself, and what is like it."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from index.errors import UnknownItemError
from index.model import Model
from index.segments import NO_SEGMENT
from service.answers import FoundItemsAnswer, Item, ItemAnswer, ListedItem, SegmentName, SimilarAnswer, WeightedDim
from service.dependencies import Look, PathId, Ready
from service.operations import operation_id
from service.problems import READ, openapi_problems
from service.requests import MAX_ID_LENGTH, MAX_N

router = APIRouter(tags=["items"], generate_unique_id_function=operation_id)
_Many = Annotated[int, Query(ge=1, le=MAX_N, description="how many items")]


@router.get("/items", responses=openapi_problems(*READ))
def find_items(
    q: Annotated[str, Query(min_length=1, max_length=MAX_ID_LENGTH, description="an item_id, or beginnings of words")],
    recommender: Ready,
    directory: Look,
    n: _Many = 20,
) -> FoundItemsAnswer:
    """Items by their titles. Every word of q must begin a word of the title, whatever the case, accents, punctuation.

    The item with this very id comes first, then titles that are q, then those that begin with it, then the rest, each
    by popularity. An item without a title is found by the words of its id.
    """
    found = directory.find(q, n, recommender.limits.hidden)
    return FoundItemsAnswer(
        model_version=recommender.version,
        items=[_listed(recommender.model, row) for row in found.rows],
        n_matching=found.n_matching,
    )


@router.get(
    "/items/{item_id:id}/similar",
    responses=openapi_problems("404 UNKNOWN_ITEM", *READ),
    response_model_exclude_defaults=True,
)
def similar_items(item_id: PathId, recommender: Ready, n: _Many = 20) -> SimilarAnswer:
    """The items whose codes have the largest cosine with this one's."""
    items = [Item.model_validate(item) for item in recommender.similar(item_id, n)]
    return SimilarAnswer(model_version=recommender.version, item_id=item_id, items=items)


@router.get("/items/{item_id:id}", responses=openapi_problems("404 UNKNOWN_ITEM", *READ))
def read_item(item_id: PathId, recommender: Ready) -> ItemAnswer:
    """All that is known of an item: its attributes, its segments, its code."""
    model = recommender.model
    row = model.vocabulary.row(item_id)
    if row is None or row in recommender.limits.hidden:
        raise UnknownItemError(item_id)
    dims, weights = model.embedding.codes_of(np.array([row], np.int32))
    code = [WeightedDim(dim=dim, weight=weight) for dim, weight in zip(dims[0], weights[0], strict=True) if weight]
    home = int(model.segments.membership[row])
    return ItemAnswer(
        model_version=recommender.version,
        item_id=item_id,
        title=model.catalog.title(row),
        popularity=float(model.popularity[row]),
        attributes={name: column.value(row) for name, column in model.catalog.attributes.items()},
        segment=None if home == NO_SEGMENT else _named(model, home),
        guest_of=[_named(model, segment) for segment in model.segments.showing(row) if segment != home],
        coded=bool(code),
        dims=code,
    )


def _listed(model: Model, row: int) -> ListedItem:
    title, popularity = model.catalog.title(row), float(model.popularity[row])
    return ListedItem(item_id=model.vocabulary.item_id(row), title=title, popularity=popularity)


def _named(model: Model, segment: int) -> SegmentName:
    return SegmentName(segment_id=model.segments.ids[segment], label=model.segments.labels[segment])
