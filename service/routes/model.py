"""What answers."""

from fastapi import APIRouter

from service.answers import ModelAnswer
from service.dependencies import Live
from service.operations import operation_id

router = APIRouter(tags=["model"], generate_unique_id_function=operation_id)


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
