"""What routes ask for by name."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Depends, Path, Request

from index.directory import Directory
from index.recommender import Recommender
from service.deny_list import DenyList
from service.histories import Histories
from service.live import LiveModel, Serving
from service.memory import Memory
from service.requests import MAX_ID_LENGTH, MAX_USER_ID_LENGTH


async def _live(request: Request) -> LiveModel:
    live = request.app.state.live
    assert isinstance(live, LiveModel)
    return live


async def _serving(request: Request) -> Serving:
    serving: Serving = request.app.state.live.serving
    return serving


async def _recommender(request: Request) -> Recommender:
    recommender: Recommender = request.app.state.live.serving.recommender
    return recommender


async def _directory(live: Annotated[LiveModel, Depends(_live)]) -> Directory:
    return live.directory


async def _memory(request: Request) -> Memory:
    memory: Memory = request.app.state.memory
    return memory


async def _histories(memory: Annotated[Memory, Depends(_memory)]) -> Histories:
    return memory.stored()


async def _deny_list(memory: Annotated[Memory, Depends(_memory)]) -> DenyList:
    return memory.denying()


async def _charge(request: Request) -> Callable[[int], Awaitable[None]]:
    async def charge(requests: int) -> None:
        if request.app.state.rate_limit is not None:
            await request.app.state.rate_limit.charge(request.state.key.name, requests)

    return charge


Charge = Annotated[Callable[[int], Awaitable[None]], Depends(_charge)]
"""What a route calls whose request counts as more than one, `await charge(n - 1)`: the key's next call waits for it."""
Live = Annotated[LiveModel, Depends(_live)]
Ready = Annotated[Recommender, Depends(_recommender)]
Snapshot = Annotated[Serving, Depends(_serving)]
Remembered = Annotated[Memory, Depends(_memory)]
Stored = Annotated[Histories, Depends(_histories)]
Denying = Annotated[DenyList, Depends(_deny_list)]
PathUser = Annotated[str, Path(min_length=1, max_length=MAX_USER_ID_LENGTH)]
Look = Annotated[Directory, Depends(_directory)]
PathId = Annotated[str, Path(max_length=MAX_ID_LENGTH)]
