"""What routes ask for by name."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Request
from starlette.convertors import PathConvertor, register_url_convertor

from index.directory import Directory
from index.recommender import Recommender
from service.deny_list import DenyList
from service.following import Following
from service.histories import Histories
from service.live import LiveModel, NotReadyError, Serving
from service.memory import Memory
from service.requests import MAX_ID_LENGTH, MAX_USER_ID_LENGTH
from service.split import KEY_HEADER


class _Id(PathConvertor):
    """As `path`, which takes slashes, and line breaks too: an id may have both."""

    regex = "(?s:.*)"


register_url_convertor("id", _Id())


def serving_of(request: Request, *, user_id: str | None = None) -> Serving:
    """What a request is answered from, the same however often it is asked for. Raises NotReadyError.

    In a split the header X-Split-Key decides, or else the user's id.
    """
    state = request.scope["state"]
    serving: Serving | None = state.get("serving")
    if serving is None:
        live: LiveModel = request.app.state.live
        if not live.ready:
            raise NotReadyError
        key = None if live.split is None else request.headers.get(KEY_HEADER) or user_id
        serving = state["serving"] = live.serving_for(key)
    return serving


def memory_of(request: Request) -> Memory:
    memory: Memory = request.app.state.memory
    return memory


async def _live(request: Request) -> LiveModel:
    live: LiveModel = request.app.state.live
    return live


async def _following(request: Request) -> Following:
    following: Following = request.app.state.following
    return following


async def _recommender(request: Request) -> Recommender:
    return serving_of(request).recommender


async def _directory(request: Request) -> Directory:
    return serving_of(request).directory


async def _histories(request: Request) -> Histories:
    return memory_of(request).stored()


async def _deny_list(request: Request) -> DenyList:
    return memory_of(request).denying()


async def _charge(request: Request) -> Callable[[int], Awaitable[None]]:
    async def charge(requests: int) -> None:
        if request.app.state.rate_limit is not None:
            await request.app.state.rate_limit.charge(request.state.key.name, requests)

    return charge


Charge = Annotated[Callable[[int], Awaitable[None]], Depends(_charge)]
"""What a route calls whose request counts as more than one, `await charge(n - 1)`: the key's next call waits for it."""
Follow = Annotated[Following, Depends(_following)]
Live = Annotated[LiveModel, Depends(_live)]
Ready = Annotated[Recommender, Depends(_recommender)]
Stored = Annotated[Histories, Depends(_histories)]
Denying = Annotated[DenyList, Depends(_deny_list)]
PathUser = Annotated[str, Path(min_length=1, max_length=MAX_USER_ID_LENGTH)]
Look = Annotated[Directory, Depends(_directory)]
PathId = Annotated[str, Path(max_length=MAX_ID_LENGTH)]
