"""The HTTP contract of docs/design.md section 6, a file each for what it is about."""

from fastapi import APIRouter

from service.routes import homepage, items, model, recommend, segments

router = APIRouter()
for part in (recommend, segments, homepage, items, model):
    router.include_router(part.router)
