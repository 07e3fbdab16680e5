"""A page of shelves for a history, from the cache where it is there."""

import json
from collections.abc import Mapping

from fastapi import APIRouter, HTTPException, Request, Response
from pydantic import TypeAdapter

from index.answers import Homepage, RankedItem
from service import metrics
from service.answers import HomepageAnswer
from service.dependencies import memory_of, serving_of
from service.histories import Past
from service.layout_cache import page_key
from service.live import Serving
from service.memory import Memory
from service.operations import operation_id
from service.pages import Made, Place, PostedPlace, StoredPlace, Wanted
from service.problems import HOMEPAGE, openapi_problems
from service.requests import HomepageRequest
from service.tracing import note
from service.work import written

router = APIRouter(tags=["homepage"], generate_unique_id_function=operation_id)
_SPARES = TypeAdapter(list[list[RankedItem]])
_SPARE_SHELVES = 0.5  # spares of a shelf, in lengths of it


@router.post("/homepage", responses=openapi_problems(*HOMEPAGE), response_model=HomepageAnswer)
async def homepage(request: Request, body: HomepageRequest) -> Response:
    """A page of shelves for a history, or for a user whose history is stored.

    X-Cache: hit; stale, a page from before the last event or past its time, without what must not be shown any more;
    miss; or bypass where the cache was out of reach.
    """
    if body.user_id is not None and "write" not in request.state.key.scopes:
        raise HTTPException(403, "this key has not the scope 'write', which what is stored about users asks for")
    serving, memory = serving_of(request, user_id=body.user_id), memory_of(request)
    wanted = Wanted(
        make=lambda weights: _made(serving, weights, body),
        plain=body.plain,
        least=min(body.min_items, body.items_per_shelf),
        serving=serving,
    )
    note(shelves=body.shelves, n=body.items_per_shelf)
    page, outcome = await memory.pages.page(_place(body, serving, memory), wanted)
    note(cache=outcome)
    return Response(page, media_type="application/json", headers={"X-Cache": outcome})


def _place(body: HomepageRequest, serving: Serving, memory: Memory) -> Place:
    parameters = [
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
        serving.variant,
    ]
    version = serving.version
    if body.user_id is not None:
        return StoredPlace(memory.stored(), body.user_id, page_key(version, _written(parameters)))
    weights = body.weights()
    item_ids = sorted(weights)  # not by the order in which the first who asked had them
    weighed = [weights[item_id] for item_id in item_ids]
    past = Past(dict(zip(item_ids, weighed, strict=True)), "")
    parameters += [item_ids, [] if weighed.count(1.0) == len(weighed) else weighed]
    return PostedPlace(memory.cache, page_key(version, _written(parameters)), past)


def _written(parameters: list[object]) -> str:
    return json.dumps(parameters, sort_keys=True)


def _made(serving: Serving, weights: Mapping[str, float], body: HomepageRequest) -> Made:
    def page() -> Homepage:
        return serving.recommender.homepage(
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
            spares=round(_SPARE_SHELVES * body.items_per_shelf) + 1,
        )

    found = metrics.scored("layout", weights, page)
    spares = [shelf.spares for shelf in found.shelves]
    told = b"" if body.explain else _SPARES.dump_json(spares, exclude_defaults=True)
    return Made(written(serving, found), told)
