"""One of several worker processes: what uvicorn's supervisor calls in each, and the folder that they share."""

import multiprocessing
import os
import signal
import threading
from pathlib import Path

from fastapi import FastAPI

from service import logs
from service.app import create_app
from service.roster import Roster
from service.settings import Settings

FOLDER = "_SPARSESHELF_WORKERS"
"""The environment variable that names the folder: the supervisor's, nobody else's."""


def app() -> FastAPI:
    """The app of a worker. Its settings come from the environment, where the supervisor has put what it was told."""
    threading.Thread(target=_stop_with_the_supervisor, daemon=True).start()
    settings = Settings()
    logs.configure(settings)
    return create_app(settings, Roster(Path(os.environ[FOLDER])))


def _stop_with_the_supervisor() -> None:
    """Workers without one would go on answering from a port that nobody can stop."""
    if (supervisor := multiprocessing.parent_process()) is not None:
        supervisor.join()
        os.kill(os.getpid(), signal.SIGTERM)
