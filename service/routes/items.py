"""Items, and what is like them."""

from typing import Annotated

from fastapi import APIRouter, Query

from service.answers import Item, SimilarAnswer
from service.dependencies import PathId, Ready
from service.problems import READ
from service.requests import MAX_N

router = APIRouter()


@router.get("/items/{item_id:path}/similar", responses=READ, response_model_exclude_defaults=True)
def similar(item_id: PathId, recommender: Ready, n: Annotated[int, Query(ge=1, le=MAX_N)] = 20) -> SimilarAnswer:
    """The items whose codes have the largest cosine with this one's."""
    items = [Item.model_validate(item) for item in recommender.similar(item_id, n)]
    return SimilarAnswer(model_version=recommender.version, item_id=item_id, items=items)
