"""A page of shelves for a history, from the cache where it is there."""

import json

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from index.recommender import Recommender
from service.answers import Audit, HomepageAnswer, Shelf
from service.dependencies import Cache, Ready
from service.layout_cache import page_key
from service.problems import POSTED, openapi_problems
from service.requests import HomepageRequest

router = APIRouter()


@router.post(
    "/homepage",
    responses=openapi_problems(*POSTED, "422 INVALID_FILTER", "422 UNKNOWN_SEGMENT", "422 UNKNOWN_ATTRIBUTE"),
    response_model=HomepageAnswer,
)
async def homepage(body: HomepageRequest, recommender: Ready, cache: Cache) -> Response:
    """A page of shelves for a history. X-Cache: hit, miss, or bypass where the cache was out of reach."""
    weights = body.weights()
    parameters = [
        sorted(weights.items()),
        body.shelves,
        body.items_per_shelf,
        body.min_items,
        sorted(set(body.exclude)),
        body.filter,
        sorted(body.strengths().items()),
        sorted(set(body.mute)),
        body.max_per,
        body.lead,
        body.seed,
        body.explain,
    ]
    key = page_key(recommender.version, json.dumps(parameters, sort_keys=True))
    cached = await cache.get(key)
    outcome = cached.outcome
    if cached.page is not None and _is_page(cached.page):
        page = cached.page
    else:
        page = await run_in_threadpool(_page, recommender, weights, body)
        if outcome != "bypass":
            outcome = "miss" if await cache.put(key, page) else "bypass"
    return Response(page, media_type="application/json", headers={"X-Cache": outcome})


def _page(recommender: Recommender, weights: dict[str, float], body: HomepageRequest) -> bytes:
    found = recommender.homepage(
        weights,
        shelves=body.shelves,
        items_per_shelf=body.items_per_shelf,
        min_items=body.min_items,
        exclude=body.exclude,
        where=body.where(),
        steer=body.strengths(),
        mute=dict.fromkeys(body.mute),
        max_per=body.max_per,
        lead=body.lead,
        seed=body.seed,
        explain=body.explain,
    )
    answer = HomepageAnswer(
        model_version=recommender.version,
        shelves=[Shelf.model_validate(shelf) for shelf in found.shelves],
        unknown_items=found.unknown_items,
        audit=None if found.audit is None else Audit.model_validate(found.audit),
    )
    return answer.model_dump_json(exclude_defaults=True).encode()


def _is_page(cached: bytes) -> bool:
    """Redis is shared ground: what does not read as a page is computed anew."""
    try:
        HomepageAnswer.model_validate_json(cached)
    except ValidationError:
        return False
    return True
