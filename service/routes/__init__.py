"""The HTTP contract of docs/design.md section 6, a file each for what it is about."""

from service.routes import (
    admin,
    dims,
    health,
    homepage,
    items,
    metrics,
    model,
    profile,
    recommend,
    samples,
    segments,
    users,
)

PARTS = {
    "recommend": recommend,
    "homepage": homepage,
    "segments": segments,
    "items": items,
    "samples": samples,
    "dims": dims,
    "profile": profile,
    "users": users,
    "admin": admin,
    "model": model,
    "health": health,
    "metrics": metrics,
}
ROUTES = [route for part in PARTS.values() for route in part.router.routes]
