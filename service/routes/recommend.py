"""Items for a history."""

from fastapi import APIRouter

from service.answers import Item, RecommendAnswer
from service.dependencies import Ready
from service.problems import POSTED
from service.requests import RecommendRequest

router = APIRouter()


@router.post("/recommend", responses=POSTED, response_model_exclude_defaults=True)
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
