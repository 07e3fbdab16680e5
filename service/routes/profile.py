"""The profile of a history: which dims it leads to, and away from."""

from fastapi import APIRouter, Request, Response

from service.answers import ProfileAnswer
from service.dependencies import serving_of
from service.operations import operation_id
from service.problems import POSTED, openapi_problems
from service.requests import ProfileRequest
from service.tracing import note
from service.work import answered

router = APIRouter(tags=["profile"], generate_unique_id_function=operation_id)


@router.post("/profile", responses=openapi_problems(*POSTED, "422 UNKNOWN_SEGMENT"), response_model=ProfileAnswer)
async def read_profile(request: Request, body: ProfileRequest) -> Response:
    """What a history and steering add up to, dim by dim: what all scores of /recommend and /segments are made of."""
    serving = serving_of(request)
    note(history_length=len(body.history))
    return await answered(
        serving,
        lambda: serving.recommender.profile(body.weights(), steer=body.strengths()),
        plain=body.plain,
    )
