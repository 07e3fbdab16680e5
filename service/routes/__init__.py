"""The HTTP contract of docs/design.md section 6, a file each for what it is about, and the scope that each asks for."""

from fastapi import APIRouter

from service.authorization import requires
from service.problems import REFUSED
from service.routes import admin, health, homepage, items, model, recommend, segments, users

BY_SCOPE = {
    "read": (recommend, segments, homepage, items, model),
    "write": (users,),
    "admin": (admin,),
}

router = APIRouter()
for scope, parts in BY_SCOPE.items():
    for part in parts:
        router.include_router(part.router, dependencies=[requires(scope)], responses=REFUSED)
router.include_router(health.router)
