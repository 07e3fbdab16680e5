"""The HTTP contract of docs/design.md section 6, a file each for what it is about."""

from fastapi import APIRouter

from service.routes import homepage, items, model, recommend, segments

PARTS = {"recommend": recommend, "segments": segments, "homepage": homepage, "items": items, "model": model}
router = APIRouter()
for tag, part in PARTS.items():
    router.include_router(part.router, tags=[tag])
