"""The HTTP contract of docs/design.md section 6. Searches run in worker threads, waiting for Redis does not."""

import json
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import ValidationError

from index.recommender import Recommender
from index.search import rank
from service.answers import (
    Audit,
    Health,
    HomepageAnswer,
    Item,
    ModelAnswer,
    RankedSegment,
    RecommendAnswer,
    SegmentAnswer,
    SegmentItem,
    SegmentListAnswer,
    SegmentsAnswer,
    SegmentSummary,
    Shelf,
    SignedDim,
    SimilarAnswer,
)
from service.layout_cache import LayoutCache, page_key
from service.live import LiveModel
from service.problems import openapi_problems
from service.requests import MAX_ID_LENGTH, MAX_N, HomepageRequest, RecommendRequest, SegmentsRequest

router = APIRouter()
_POSTED = openapi_problems(400, 413, 422, 503)
_READ = openapi_problems(404, 422, 503)


async def _live(request: Request) -> LiveModel:
    live = request.app.state.live
    assert isinstance(live, LiveModel)
    return live


async def _recommender(live: Annotated[LiveModel, Depends(_live)]) -> Recommender:
    return live.recommender


async def _cache(request: Request) -> LayoutCache:
    cache: LayoutCache = request.app.state.layout_cache
    return cache


Live = Annotated[LiveModel, Depends(_live)]
Ready = Annotated[Recommender, Depends(_recommender)]
Cache = Annotated[LayoutCache, Depends(_cache)]
PathId = Annotated[str, Path(max_length=MAX_ID_LENGTH)]


@router.post("/recommend", responses=_POSTED, response_model_exclude_defaults=True)
def recommend(body: RecommendRequest, recommender: Ready) -> RecommendAnswer:
    """The n best items for a history."""
    found = recommender.recommend(
        body.weights(),
        body.n,
        exclude=body.exclude,
        candidates=body.candidates,
        segments=body.segments,
        best_segments=body.best_segments,
        where=body.where(),
        steer=body.strengths(),
        mute=body.mute,
        diversity=body.diversity,
        max_per_segment=body.max_per_segment,
        explain=body.explain,
    )
    return RecommendAnswer(
        model_version=recommender.version,
        items=[Item.model_validate(item) for item in found.items],
        unknown_items=found.unknown_items,
        shortfall=found.shortfall,
    )


@router.post("/segments", responses=_POSTED, response_model_exclude_defaults=True)
def rank_segments(body: SegmentsRequest, recommender: Ready) -> SegmentsAnswer:
    """The n segments that suit a history best."""
    found = recommender.segments(body.weights(), body.n, steer=body.strengths(), mute=body.mute, explain=body.explain)
    return SegmentsAnswer(
        model_version=recommender.version,
        segments=[RankedSegment.model_validate(segment) for segment in found.segments],
        unknown_items=found.unknown_items,
    )


@router.post("/homepage", responses=_POSTED, response_model=HomepageAnswer)
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


@router.get("/items/{item_id:path}/similar", responses=_READ, response_model_exclude_defaults=True)
def similar(item_id: PathId, recommender: Ready, n: Annotated[int, Query(ge=1, le=MAX_N)] = 20) -> SimilarAnswer:
    """The items whose codes have the largest cosine with this one's."""
    items = [Item.model_validate(item) for item in recommender.similar(item_id, n)]
    return SimilarAnswer(model_version=recommender.version, item_id=item_id, items=items)


@router.get("/segments", responses=openapi_problems(503))
def list_segments(recommender: Ready) -> SegmentListAnswer:
    """All segments, largest first."""
    segments = recommender.model.segments
    return SegmentListAnswer(
        model_version=recommender.version,
        segments=[
            SegmentSummary(segment_id=segments.ids[row], label=segments.labels[row], size=int(segments.sizes[row]))
            for row in range(len(segments))
        ],
    )


@router.get("/segments/{segment_id:path}", responses=_READ)
def read_segment(
    segment_id: PathId, recommender: Ready, n: Annotated[int, Query(ge=1, le=MAX_N)] = 20
) -> SegmentAnswer:
    """One segment: its signed dims and its n best-known items."""
    model = recommender.model
    row = recommender.segment_row(segment_id)
    members = model.segments.members(row)
    best = rank(model.popularity[members].astype("float64"), n)
    return SegmentAnswer(
        model_version=recommender.version,
        segment_id=segment_id,
        label=model.segments.labels[row],
        size=len(members),
        signed_dims=[SignedDim(dim=dim, sign=1 if sign > 0 else -1) for dim, sign in model.segments.signed_dims(row)],
        items=[
            SegmentItem(item_id=model.vocabulary.item_id(item), title=model.catalog.title(item), popularity=popularity)
            for item, popularity in zip(members[best.rows], best.scores, strict=True)
        ],
    )


@router.get("/model")
def read_model(live: Live) -> ModelAnswer:
    """What answers: sizes, data, metrics and options of the version being served."""
    embedding = live.model.embedding
    return ModelAnswer(
        model_version=live.version,
        n_items=embedding.n_items,
        n_dims=embedding.n_dims,
        k=embedding.k,
        n_segments=len(live.model.segments),
        bytes_per_item=embedding.bytes_per_item,
        data=dict(live.manifest.data),
        metrics=dict(live.manifest.metrics),
        options=dict(live.manifest.options),
    )


@router.get("/health/live")
async def health_live() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get("/health/ready", responses={503: {"model": Health, "description": "The model is being warmed up"}})
async def health_ready(live: Live, response: Response) -> Health:
    """The model is open and warm."""
    if live.ready:
        return Health(status="ok")
    response.status_code = 503
    return Health(status="starting")
