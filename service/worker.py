"""One of several worker processes: what uvicorn's supervisor calls in each, and the folder that they share."""

import logging
import multiprocessing
import os
import signal
import threading
from pathlib import Path

from fastapi import FastAPI

from index.errors import ArtifactError
from service import configuration, logs
from service.app import create_app
from service.keys import KeysFileError
from service.roster import Roster
from service.tracing import TracingError

logger = logging.getLogger(__name__)

FOLDER = "_SPARSESHELF_WORKERS"
"""The environment variable that names the folder: the supervisor's, nobody else's."""


def app() -> FastAPI:
    """The app of a worker. Its settings come from the environment, where the supervisor has put what it was told.

    Says why there is none as everything is said, in a line of the log; the supervisor then starts another worker.
    """
    threading.Thread(target=_stop_with_the_supervisor, daemon=True).start()
    settings, wrong = configuration.read()
    logs.configure(settings)
    try:
        if not wrong:
            return create_app(settings, Roster(Path(os.environ[FOLDER])))
        logger.critical(
            "this worker cannot start: %s", "; ".join(f"{variable}: {reason}" for variable, reason in wrong.items())
        )
    except (ArtifactError, KeysFileError, TracingError) as error:
        logger.critical("this worker cannot start: %s", error)
    except Exception:
        logger.critical("this worker cannot start", exc_info=True)
    raise SystemExit(1)  # 3 would end the other workers too


def _stop_with_the_supervisor() -> None:
    """Workers without one would go on answering from a port that nobody can stop."""
    if (supervisor := multiprocessing.parent_process()) is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
