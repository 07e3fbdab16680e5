"""What answers."""

from fastapi import APIRouter, Request

from service.dependencies import Live, serving_of
from service.directory_answers import Attribute, ModelAnswer
from service.operations import operation_id

router = APIRouter(tags=["model"], generate_unique_id_function=operation_id)


@router.get("/model")
def read_model(request: Request, live: Live) -> ModelAnswer:
    """What answers: sizes, attributes, data, metrics and options of the version being served."""
    serving = serving_of(request) if live.ready else live.serving
    model = serving.recommender.model
    return ModelAnswer(
        model_version=serving.version,
        n_items=model.embedding.n_items,
        n_dims=model.embedding.n_dims,
        k=model.embedding.k,
        n_segments=len(model.segments),
        bytes_per_item=model.embedding.bytes_per_item,
        attributes=[Attribute(name=name, type=column.kind) for name, column in model.catalog.attributes.items()],
        data=dict(serving.manifest.data),
        metrics=dict(serving.manifest.metrics),
        options=dict(serving.manifest.options),
    )
