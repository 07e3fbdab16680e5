"""One of several worker processes: what uvicorn's supervisor calls in each, and the folder that they share."""

import os
from pathlib import Path

from fastapi import FastAPI

from service.app import create_app
from service.roster import Roster
from service.settings import Settings

FOLDER = "_SPARSESHELF_WORKERS"
"""The environment variable that names the folder: the supervisor's, nobody else's."""


def app() -> FastAPI:
    """The app of a worker. Its settings come from the environment, where the supervisor has put what it was told."""
    return create_app(Settings(), Roster(Path(os.environ[FOLDER])))
