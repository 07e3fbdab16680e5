"""The service as a process whose log is read, with routes of its own that fail or say something.

python -m tests.service.logging_app PORT; its settings come from the environment.
"""

import asyncio
import logging
import sys
import threading
import warnings

import uvicorn
from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool

from service import logs
from service.app import create_app
from service.settings import Settings

logger = logging.getLogger("service.logging_app")


def fail(history: list[str]) -> None:
    """As code would that nobody thought of: with a history in every message."""
    try:
        raise KeyError(history)
    except KeyError as error:
        error.add_note(str(history))
        raise RuntimeError(f"no answer for {history}") from error


def with_routes_that_fail(app: FastAPI) -> FastAPI:
    @app.post("/fail")
    async def answer_fails(request: Request) -> None:
        fail((await request.json())["history"])

    @app.post("/fail-behind")
    async def fails_behind_the_answer(request: Request) -> None:
        history = (await request.json())["history"]

        async def forgotten() -> None:
            fail(history)

        asyncio.create_task(forgotten()).add_done_callback(lambda _: None)
        asyncio.get_running_loop().call_soon(fail, history)
        thread = threading.Thread(target=fail, args=(history,))
        thread.start()
        thread.join()
        logger.error("words %s", ValueError(history))
        logging.getLogger("redis").error("failed for %s", history)
        logging.getLogger("redis").error(f"failed for {history}")
        warnings.warn(f"a value {history}", stacklevel=1)

    @app.post("/say")
    async def says_something() -> None:
        logger.warning("on the loop")
        await run_in_threadpool(logger.warning, "in a thread")
        logger.warning('two\nlines\u2028and\r{"level": "error"}\x1b[2K')

    @app.post("/sleep")
    async def takes_its_time() -> None:
        await asyncio.sleep(1.1)

    return app


if __name__ == "__main__":
    settings = Settings()
    logs.configure(settings)
    app = with_routes_that_fail(create_app(settings))
    uvicorn.run(app, port=int(sys.argv[1]), log_config=None, access_log=False)
