"""What routes ask for by name."""

from typing import Annotated

from fastapi import Depends, Path, Request

from index.directory import Directory
from index.recommender import Recommender
from service.layout_cache import LayoutCache
from service.live import LiveModel
from service.requests import MAX_ID_LENGTH


async def _live(request: Request) -> LiveModel:
    live = request.app.state.live
    assert isinstance(live, LiveModel)
    return live


async def _recommender(live: Annotated[LiveModel, Depends(_live)]) -> Recommender:
    return live.recommender


async def _directory(live: Annotated[LiveModel, Depends(_live)]) -> Directory:
    return live.directory


async def _cache(request: Request) -> LayoutCache:
    cache: LayoutCache = request.app.state.layout_cache
    return cache


Live = Annotated[LiveModel, Depends(_live)]
Ready = Annotated[Recommender, Depends(_recommender)]
Look = Annotated[Directory, Depends(_directory)]
Cache = Annotated[LayoutCache, Depends(_cache)]
PathId = Annotated[str, Path(max_length=MAX_ID_LENGTH)]
