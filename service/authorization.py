"""Which scope a route asks for: declared in the OpenAPI document, and held against the key that was let in."""

from fastapi import HTTPException, Security
from fastapi.params import Depends
from fastapi.requests import HTTPConnection
from fastapi.security import HTTPBearer


class ScopedKey(HTTPBearer):
    """Whether the key has the scope. That it is one was seen to before the body was read (service/admission.py)."""

    def __init__(self, wanted: str) -> None:
        super().__init__(scheme_name="ApiKey", description="A key that `python -m service keys add` made.")
        self.wanted = wanted

    async def __call__(self, request: HTTPConnection) -> None:
        if self.wanted not in request.scope["state"]["key"].scopes:
            raise HTTPException(403, f"this key has not the scope {self.wanted!r}")


def requires(scope: str) -> Depends:
    """A dependency for routers and routes: `APIRouter(dependencies=[requires("write")])`."""
    found: Depends = Security(ScopedKey(scope), scopes=[scope])
    return found
