"""Segments: ranked for a history, listed, one by itself, with its items, its origin or those like it."""

from collections.abc import Iterable
from functools import partial
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from index.answers import Recommendation, SegmentRanking
from index.directory import Directory
from index.known_items import listed_items
from index.recommender import Recommender
from index.search import rank
from index.title_search import Found
from service import metrics
from service.answers import ListedItem, SegmentItemsAnswer, SegmentsAnswer
from service.dependencies import Look, PathId, Ready, serving_of
from service.directory_answers import (
    SegmentAnswer,
    SegmentListAnswer,
    SegmentSummary,
    SegmentTreeAnswer,
    SignedDim,
    SimilarSegment,
    SimilarSegmentsAnswer,
    TreeGroup,
    TreeMerge,
)
from service.operations import operation_id
from service.problems import POSTED, READ, openapi_problems
from service.requests import MAX_ID_LENGTH, MAX_LISTED, MAX_N, SegmentItemsRequest, SegmentsRequest
from service.tracing import note
from service.work import answered

router = APIRouter(tags=["segments"], generate_unique_id_function=operation_id)
_Words = Annotated[str, Field(min_length=1, max_length=MAX_ID_LENGTH)]  # with bounds of its own: a union hides them
_Listed = Annotated[int, Field(ge=1, le=MAX_LISTED)]


@router.post("/segments", responses=openapi_problems(*POSTED, "422 UNKNOWN_SEGMENT"), response_model=SegmentsAnswer)
async def rank_segments(request: Request, body: SegmentsRequest) -> Response:
    """The n segments that suit a history best."""
    serving, weights = serving_of(request), body.weights()
    note(n=body.n, history_length=len(body.history))

    def ranked() -> SegmentRanking:
        return serving.recommender.segments(
            weights,
            body.n,
            only=body.segments,
            steer=body.strengths(),
            mute=body.mute,
            explain=body.explain,
        )

    return await answered(serving, lambda: metrics.scored("segment", weights, ranked), plain=body.plain)


@router.get("/segments", responses=openapi_problems(*READ))
def list_segments(
    recommender: Ready,
    directory: Look,
    q: Annotated[_Words | SkipJsonSchema[None], Query(description="a segment_id, or beginnings of words")] = None,
    n: Annotated[_Listed | SkipJsonSchema[None], Query(description="how many segments; without it all")] = None,
) -> SegmentListAnswer:
    """Segments, largest first: all, or those whose labels have a word for each of q's to begin.

    As in GET /items the segment with this very id comes first, then labels that are q, then those that begin with it.
    """
    n_segments = len(recommender.model.segments)
    found = Found(np.arange(n_segments, dtype=np.int32), n_segments)
    if q is not None:
        found = directory.find_segments(q, n_segments)
    return SegmentListAnswer(
        model_version=recommender.version,
        segments=_summaries(recommender, directory, found.rows[:n]),
        n_matching=found.n_matching,
    )


@router.post(
    "/segments/{segment_id:id}/items",
    responses=openapi_problems(*POSTED, "404 UNKNOWN_SEGMENT", "422 UNKNOWN_SEGMENT", "422 INVALID_FILTER"),
    response_model=SegmentItemsAnswer,
)
async def recommend_in_segment(request: Request, segment_id: PathId, body: SegmentItemsRequest) -> Response:
    """The n best items of one segment for a history: all that its shelf on a page shows the best of."""
    serving, weights = serving_of(request), body.weights()
    recommender = serving.recommender
    label = recommender.model.segments.labels[recommender.segment_row(segment_id)]
    note(n=body.n, history_length=len(body.history))

    def best() -> Recommendation:
        return recommender.recommend(
            weights,
            body.n,
            exclude=body.exclude,
            shelf_of=segment_id if body.guests else None,
            segments=None if body.guests else [segment_id],
            where=body.where(),
            steer=body.strengths(),
            mute=body.mute,
        )

    scored = partial(metrics.scored, "item", weights, best)
    return await answered(serving, scored, plain=body.plain, segment_id=segment_id, label=label)


@router.get("/segments/{segment_id:id}/similar", responses=openapi_problems("404 UNKNOWN_SEGMENT", *READ))
def similar_segments(
    segment_id: PathId,
    recommender: Ready,
    directory: Look,
    n: Annotated[int, Query(ge=1, le=MAX_N, description="how many segments")] = 10,
) -> SimilarSegmentsAnswer:
    """The segments whose mean codes have the largest cosine with this one's."""
    closest = directory.closest_segments(recommender.segment_row(segment_id), n)
    summaries = _summaries(recommender, directory, closest.rows)
    return SimilarSegmentsAnswer(
        model_version=recommender.version,
        segment_id=segment_id,
        segments=[
            SimilarSegment(**dict(summary), score=float(score), rank=place)
            for place, (summary, score) in enumerate(zip(summaries, closest.scores, strict=True), start=1)
        ],
    )


@router.get("/segments/{segment_id:id}/tree", responses=openapi_problems("404 UNKNOWN_SEGMENT", *READ))
def read_segment_tree(segment_id: PathId, recommender: Ready, directory: Look) -> SegmentTreeAnswer:
    """How one segment came to be: the groups that it was made of, one a signed dim, and what merged with what."""
    row = recommender.segment_row(segment_id)
    tree = directory.tree(row, recommender.limits.hidden)
    return SegmentTreeAnswer(
        model_version=recommender.version,
        segment_id=segment_id,
        label=recommender.model.segments.labels[row],
        groups=[TreeGroup.model_validate(group) for group in tree.groups],
        merges=[TreeMerge.model_validate(merge) for merge in tree.merges],
    )


@router.get("/segments/{segment_id:id}", responses=openapi_problems("404 UNKNOWN_SEGMENT", *READ))
def read_segment(
    segment_id: PathId,
    recommender: Ready,
    directory: Look,
    n: Annotated[int, Query(ge=1, le=MAX_N, description="how many items")] = 20,
) -> SegmentAnswer:
    """One segment: its signed dims and its n best-known items."""
    model = recommender.model
    row = recommender.segment_row(segment_id)
    members = np.setdiff1d(model.segments.members(row), recommender.limits.hidden, assume_unique=True)
    best = rank(model.popularity[members].astype("float64"), n)
    (summary,) = _summaries(recommender, directory, [row])
    return SegmentAnswer(
        model_version=recommender.version,
        **dict(summary),
        signed_dims=[SignedDim(dim=dim, sign=1 if sign > 0 else -1) for dim, sign in model.segments.signed_dims(row)],
        items=[ListedItem.model_validate(one) for one in listed_items(model, members[best.rows])],
    )


def _summaries(recommender: Recommender, directory: Directory, rows: Iterable[int]) -> list[SegmentSummary]:
    segments, coherence = recommender.model.segments, directory.coherence()
    return [
        SegmentSummary(
            segment_id=segments.ids[row],
            label=segments.labels[row],
            size=int(segments.sizes[row]),
            n_guests=int(segments.n_guests[row]),
            coherence=None if np.isnan(coherence[row]) else float(coherence[row]),
        )
        for row in rows
    ]
