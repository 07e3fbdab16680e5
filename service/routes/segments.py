"""Segments: ranked for a history, listed, one by itself."""

from typing import Annotated

from fastapi import APIRouter, Query

from index.search import rank
from service.answers import (
    RankedSegment,
    SegmentAnswer,
    SegmentItem,
    SegmentListAnswer,
    SegmentsAnswer,
    SegmentSummary,
    SignedDim,
)
from service.dependencies import PathId, Ready
from service.problems import POSTED, READ, openapi_problems
from service.requests import MAX_N, SegmentsRequest

router = APIRouter()


@router.post("/segments", responses=POSTED, response_model_exclude_defaults=True)
def rank_segments(body: SegmentsRequest, recommender: Ready) -> SegmentsAnswer:
    """The n segments that suit a history best."""
    found = recommender.segments(body.weights(), body.n, steer=body.strengths(), mute=body.mute, explain=body.explain)
    return SegmentsAnswer(
        model_version=recommender.version,
        segments=[RankedSegment.model_validate(segment) for segment in found.segments],
        unknown_items=found.unknown_items,
    )


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


@router.get("/segments/{segment_id:path}", responses=READ)
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
