"""What routes ask for by name."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Request
from starlette.convertors import PathConvertor, register_url_convertor

from index.directory import Directory
from index.recommender import Recommender
from service.deny_list import DenyList
from service.histories import Histories
from service.live import LiveModel, Serving
from service.memory import Memory
from service.requests import MAX_ID_LENGTH, MAX_USER_ID_LENGTH


class _Id(PathConvertor):
    """As `path`, which takes slashes, and line breaks too: an id may have both."""

    regex = "(?s:.*)"


register_url_convertor("id", _Id())


def serving_of(request: Request) -> Serving:
    """What a request is answered from. Raises NotReadyError."""
    serving: Serving = request.app.state.live.serving
    request.state.serving = serving
    return serving


def memory_of(request: Request) -> Memory:
    memory: Memory = request.app.state.memory
    return memory


async def _live(request: Request) -> LiveModel:
    live: LiveModel = request.app.state.live
    return live


async def _recommender(request: Request) -> Recommender:
    return serving_of(request).recommender


async def _directory(live: Annotated[LiveModel, Depends(_live)]) -> Directory:
    return live.directory


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
Live = Annotated[LiveModel, Depends(_live)]
Ready = Annotated[Recommender, Depends(_recommender)]
Stored = Annotated[Histories, Depends(_histories)]
Denying = Annotated[DenyList, Depends(_deny_list)]
PathUser = Annotated[str, Path(min_length=1, max_length=MAX_USER_ID_LENGTH)]
Look = Annotated[Directory, Depends(_directory)]
PathId = Annotated[str, Path(max_length=MAX_ID_LENGTH)]
