"""The HTTP contract of docs/design.md section 6, a file each for what it is about, and the scope that each asks for."""

from itertools import chain
from types import ModuleType

from fastapi import APIRouter

from service.authorization import requires
from service.routes import admin, health, homepage, items, model, recommend, segments, users

BY_SCOPE = {
    "read": (recommend, segments, homepage, items, model),
    "write": (users,),
    "admin": (admin,),
}


def _name(part: ModuleType) -> str:
    return part.__name__.rpartition(".")[2]


PARTS = {_name(part): part for part in (*chain(*BY_SCOPE.values()), health)}
router = APIRouter()
for scope, parts in BY_SCOPE.items():
    for part in parts:
        router.include_router(part.router, tags=[_name(part)], dependencies=[requires(scope)])
router.include_router(health.router, tags=[_name(health)])
