"""What answers, and whether it does."""

from fastapi import APIRouter, Response

from service.answers import Health, ModelAnswer
from service.dependencies import Live

router = APIRouter()


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
