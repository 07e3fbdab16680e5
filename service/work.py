"""Where an answer is computed: on the event loop, where that takes less than handing it to a thread, else beside it.

A thread that computes and the loop take turns of five milliseconds (Python's switch interval), which is what every
small answer would wait for; only what takes longer than that is worth a thread.
"""

from collections.abc import Callable
from typing import TypeVar

from fastapi import Response
from fastapi.concurrency import run_in_threadpool

from index.recommender import Recommender
from service.answers import Answer

SMALL = 2**17
"""Items up to which a plain answer takes less than a millisecond, and a page of shelves a few."""
Found = TypeVar("Found")


async def done(recommender: Recommender, call: Callable[[], Found], *, plain: bool) -> Found:
    """What `call` returns; `plain` says that nothing is asked for that takes long whatever the model."""
    if plain and recommender.model.embedding.n_items <= SMALL:
        return call()
    return await run_in_threadpool(call)


async def answered(recommender: Recommender, call: Callable[[], Answer], *, plain: bool) -> Response:
    """The same as a response; written by pydantic at once, since FastAPI would validate what was validated."""

    def written() -> str:
        return call().model_dump_json(exclude_defaults=True)

    return Response(await done(recommender, written, plain=plain), media_type="application/json")
