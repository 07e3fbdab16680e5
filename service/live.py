"""The model that answers: opened and verified before the first request, warm before it is ready."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Self

from index import artifact
from index.directory import Directory
from index.manifest import Manifest
from index.model import Model
from index.recommender import Recommender
from service.shared_store import digest


class NotReadyError(Exception):
    """The model is still being warmed up."""


class Denied(NamedTuple):
    """Items that no answer may hold; the token is another for other items, and the same in every process."""

    item_ids: frozenset[str]
    token: str

    @classmethod
    def of(cls, item_ids: Iterable[str]) -> Self:
        found = frozenset(item_ids)
        return cls(found, digest("\0".join(sorted(found))) if found else "")


class Serving(NamedTuple):
    """What one request is answered from, so that no answer mixes two versions or two deny lists."""

    recommender: Recommender
    denied: Denied


class LiveModel:
    """One opened version. Ready once its kernels are compiled."""

    def __init__(self, recommender: Recommender, manifest: Manifest) -> None:
        self.manifest = manifest
        self._all_items = recommender
        self._serving = Serving(recommender, Denied.of(()))
        self.directory = Directory(recommender.model, recommender.search)
        self._warm = threading.Event()

    @classmethod
    def open(cls, artifacts: Path) -> Self:
        """The version that CURRENT names. Raises ArtifactError where it is missing or broken."""
        opened = artifact.open_current(artifacts)
        return cls(Recommender(opened.model, opened.version), opened.manifest)

    @property
    def version(self) -> str:
        return self._all_items.version

    @property
    def model(self) -> Model:
        return self._all_items.model

    @property
    def ready(self) -> bool:
        return self._warm.is_set()

    def wait_until_ready(self) -> None:
        self._warm.wait()

    @property
    def serving(self) -> Serving:
        """Raises NotReadyError until the model is warm."""
        if not self.ready:
            raise NotReadyError
        return self._serving

    def deny(self, denied: Denied) -> None:
        """From now on no answer holds any of these."""
        if denied.token != self._serving.denied.token:
            self._serving = Serving(self._all_items.hiding(denied.item_ids), denied)

    def warm_up(self) -> None:
        """Compiles, or loads, the kernels: seconds at the first start, then milliseconds."""
        self._all_items.warm_up()
        self._warm.set()
