"""Dims, by what has the largest weights on either side."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from service.dependencies import Look, Ready
from service.directory_answers import DimAnswer, DimSide
from service.operations import operation_id
from service.problems import READ, openapi_problems
from service.requests import MAX_DIM_ITEMS

router = APIRouter(tags=["dims"], generate_unique_id_function=operation_id)


@router.get("/dims/{dim}", responses=openapi_problems("404 UNKNOWN_DIM", *READ))
def read_dim(
    dim: Annotated[int, Path(description="from 0; GET /model says how many there are")],
    recommender: Ready,
    directory: Look,
    n: Annotated[int, Query(ge=1, le=MAX_DIM_ITEMS, description="how many items of either side")] = 5,
) -> DimAnswer:
    """One dim: the items with the largest weights on its positive and on its negative side, and the segments there."""
    sides = directory.sides(dim, n, recommender.limits.hidden)
    return DimAnswer(model_version=recommender.version, dim=dim, sides=[DimSide.model_validate(side) for side in sides])
