"""The model that answers: opened and verified before the first request, warm before it is ready."""

import threading
from pathlib import Path
from typing import Self

from index import artifact
from index.directory import Directory
from index.manifest import Manifest
from index.model import Model
from index.recommender import Recommender
from service.problems import NotReadyError


class LiveModel:
    """One opened version. Ready once its kernels are compiled."""

    def __init__(self, recommender: Recommender, manifest: Manifest) -> None:
        self._recommender, self.manifest = recommender, manifest
        self.directory = Directory(recommender.model, recommender.search)
        self._warm = threading.Event()

    @classmethod
    def open(cls, artifacts: Path) -> Self:
        """The version that CURRENT names. Raises ArtifactError where it is missing or broken."""
        opened = artifact.open_current(artifacts)
        return cls(Recommender(opened.model, opened.version), opened.manifest)

    @property
    def version(self) -> str:
        return self._recommender.version

    @property
    def model(self) -> Model:
        return self._recommender.model

    @property
    def ready(self) -> bool:
        return self._warm.is_set()

    def wait_until_ready(self) -> None:
        self._warm.wait()

    @property
    def recommender(self) -> Recommender:
        """Raises NotReadyError until the model is warm."""
        if not self.ready:
            raise NotReadyError
        return self._recommender

    def warm_up(self) -> None:
        """Compiles, or loads, the kernels: seconds at the first start, then milliseconds."""
        self._recommender.warm_up()
        self._warm.set()
