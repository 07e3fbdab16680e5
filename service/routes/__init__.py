"""The HTTP contract of docs/design.md section 6, a file each for what it is about."""

from fastapi import APIRouter

from service.routes import admin, homepage, items, model, recommend, segments, users

PARTS = {part.__name__.rpartition(".")[2]: part for part in (recommend, segments, homepage, items, users, admin, model)}
router = APIRouter()
for tag, part in PARTS.items():
    router.include_router(part.router, tags=[tag])
