"""Whether the service answers. Open to everyone, and never refused for lack of a free place."""

from fastapi import APIRouter, Response

from service.answers import Health
from service.dependencies import Live
from service.operations import operation_id

router = APIRouter(tags=["health"], generate_unique_id_function=operation_id)


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
