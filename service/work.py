"""Where an answer is computed: on the event loop, where that takes less than handing it to a thread, else beside it.

A thread that computes and the loop take turns of five milliseconds (Python's switch interval), which is what every
small answer would wait for; only what takes longer than that is worth a thread.
"""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar, get_args

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from pydantic import TypeAdapter
from pydantic_core import to_json

from index.answers import Homepage, KnownItems, Profile, Recommendation, SegmentRanking
from index.recommender import Recommender
from service.live import Serving
from service.tracing import span

SMALL = 2**17
"""Items up to which a plain answer takes about a millisecond."""
SMALL_PAGE = 2**15
"""Items up to which a page of shelves takes a few, with few segments an item."""
Found = TypeVar("Found")
Answerable = Recommendation | SegmentRanking | Homepage | Profile | KnownItems
_WRITERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in get_args(Answerable)}
_NOT_SENT: dict[type, Any] = {Homepage: {"shelves": {"__all__": {"spares"}}}}


async def done(recommender: Recommender, call: Callable[[], Found], *, plain: bool) -> Found:
    """What `call` returns; `plain` says that nothing is asked for that takes long whatever the model."""
    if plain and recommender.model.embedding.n_items <= SMALL:
        return call()
    return await run_in_threadpool(call)


async def page_done(recommender: Recommender, call: Callable[[], Found], turn: asyncio.Lock, *, plain: bool) -> Found:
    """The same for a page, one at a `turn`: between two the loop hears what has come, from Redis above all."""
    model = recommender.model
    if not plain or max(model.embedding.n_items, 64 * len(model.segments)) > SMALL_PAGE:
        return await run_in_threadpool(call)
    async with turn:
        found = call()
        await asyncio.sleep(0)
    return found


def written(serving: Serving, found: Answerable, **more: object) -> bytes:
    """What an index answers as JSON, with the model's version, the variant of a split, and `more`.

    Its attributes are those of the answers that the OpenAPI document describes; to build these first takes longer than
    to write them.
    """
    kind = type(found)
    if serving.variant is not None:
        more["variant"] = serving.variant
    head = to_json({"model_version": serving.version, **more})
    rest = _WRITERS[kind].dump_json(found, exclude_defaults=True, exclude=_NOT_SENT.get(kind))
    return head[:-1] + b"," + rest[1:]


async def answered(serving: Serving, call: Callable[[], Answerable], *, plain: bool, **more: object) -> Response:
    """The same as a response."""

    def page() -> bytes:
        with span("search"):
            found = call()
        return written(serving, found, **more)

    content = await done(serving.recommender, page, plain=plain)
    return Response(content, media_type="application/json")
