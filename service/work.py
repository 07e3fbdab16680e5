"""Where an answer is computed: on the event loop, where that takes less than handing it to a thread would, else beside it.

With Python's lock a thread that computes and the loop take turns of five milliseconds, which is what many small answers
would wait for; only what takes longer than that is worth a thread.
"""

from collections.abc import Callable
from typing import TypeVar

from fastapi.concurrency import run_in_threadpool

from index.recommender import Recommender

SMALL = 2**17
"""Items up to which a plain answer takes less than a millisecond, and a page of shelves a few."""
Answer = TypeVar("Answer")


async def done(recommender: Recommender, call: Callable[[], Answer], *, plain: bool) -> Answer:
    """What `call` returns; `plain` says that nothing is asked for that takes long whatever the model."""
    if plain and recommender.model.embedding.n_items <= SMALL:
        return call()
    return await run_in_threadpool(call)
