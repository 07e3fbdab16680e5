"""Samples: histories of people that were stored with the model, to look at it with."""

import numpy as np
from fastapi import APIRouter

from index.kernels import Rows
from index.model import Model
from index.recommender import Recommender
from service.answers import ListedItem
from service.dependencies import Ready
from service.directory_answers import Sample, SamplesAnswer
from service.operations import operation_id
from service.problems import openapi_problems

router = APIRouter(tags=["samples"], generate_unique_id_function=operation_id)
_BEST_KNOWN = 3


@router.get("/samples", responses=openapi_problems("503 NOT_READY"))
def list_samples(recommender: Ready) -> SamplesAnswer:
    """Histories of people the model did not learn from, of different tastes, where it was trained with --samples."""
    samples = [_sample(recommender.model, place, history) for place, history in _visible(recommender).items()]
    return SamplesAnswer(model_version=recommender.version, samples=samples)


def _visible(recommender: Recommender) -> dict[int, Rows]:
    """The rows of each history by its place, without hidden items; none that these were all of."""
    samples = recommender.model.samples
    hidden = recommender.limits.hidden
    histories = [] if samples is None else [samples.history(place) for place in range(len(samples))]
    visible = [np.setdiff1d(history, hidden, assume_unique=True) for history in histories]
    return {place: history for place, history in enumerate(visible) if len(history)}


def _sample(model: Model, place: int, history: Rows) -> Sample:
    item_ids = model.vocabulary.item_ids.many(history.tolist())
    best = np.argsort(-model.popularity[history], kind="stable")[:_BEST_KNOWN]
    return Sample(
        sample_id=str(place + 1),
        item_ids=item_ids,
        items=[
            ListedItem(
                item_id=item_ids[entry],
                title=model.catalog.title(int(history[entry])),
                popularity=float(model.popularity[history[entry]]),
            )
            for entry in best.tolist()
        ],
    )
