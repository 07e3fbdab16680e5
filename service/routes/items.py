"""Items: found by their titles, one or many by their ids, and what is like one."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from index.answers import KnownItems
from index.errors import UnknownItemError
from index.known_items import listed_items
from service.answers import Item, ListedItem, SimilarAnswer
from service.dependencies import Look, PathId, Ready, serving_of
from service.directory_answers import FoundItemsAnswer, ItemAnswer, ItemsAnswer
from service.operations import operation_id
from service.problems import POSTED, READ, openapi_problems
from service.requests import MAX_ID_LENGTH, MAX_N, ItemsRequest
from service.tracing import note
from service.work import answered

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
        items=[ListedItem.model_validate(one) for one in listed_items(recommender.model, found.rows)],
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
def read_item(item_id: PathId, recommender: Ready, directory: Look) -> ItemAnswer:
    """All that is known of an item: its attributes, its segments, its code."""
    known = directory.items([item_id], recommender.limits.hidden, code=True)
    if known.unknown_items:
        raise UnknownItemError(item_id)
    return ItemAnswer.of(recommender.version, known.items[0])


@router.post("/items", responses=openapi_problems(*POSTED), response_model=ItemsAnswer)
async def read_items(request: Request, body: ItemsRequest) -> Response:
    """All that is known of many items at once, in the order asked; with `code` also the non-zeros of their codes."""
    serving = serving_of(request)
    note(n=len(body.item_ids))

    def known() -> KnownItems:
        return serving.directory.items(body.item_ids, serving.recommender.limits.hidden, code=body.code)

    return await answered(serving, known, plain=body.plain)
