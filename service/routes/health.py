"""Whether the service answers. Open to everyone, and never refused for lack of a free place."""

from fastapi import APIRouter, Response

from service.answers import Health, Readiness
from service.dependencies import Follow, Live
from service.operations import operation_id

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)


@router.get("/health/live")
async def health_live() -> Health:
    """The process answers."""
    return Health(status="ok")


@router.get(
    "/health/ready",
    responses={503: {"model": Readiness, "description": "The model is being warmed up"}},
    response_model_exclude_none=True,
)
async def health_ready(live: Live, following: Follow, response: Response) -> Readiness:
    """The model is open and warm. That a newer one cannot be opened is a `failure`, and no reason not to be asked."""
    if live.ready:
        return Readiness(status="ok", model_version=live.version, failure=following.failure)
    response.status_code = 503
    waiting = "the kernels, which are compiled at the first start and loaded from a cache later"
    return Readiness(status="starting", model_version=live.version, waiting_for=waiting)
