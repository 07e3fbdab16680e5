"""The HTTP contract of docs/design.md section 6, a file each for what it is about."""

from fastapi import APIRouter

from service.routes import admin, homepage, items, model, recommend, segments, users

router = APIRouter()
for part in (recommend, segments, homepage, items, users, admin, model):
    router.include_router(part.router)
