"""What answers: versions, opened and verified before the first request, warm before they are ready."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

from index import artifact
from index.directory import Directory
from index.errors import ArtifactError
from index.manifest import Manifest
from index.model import Model
from index.recommender import Recommender
from service.metrics import ServedVersion
from service.shared_store import digest
from service.split import Split, Variant


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


class OpenedVersion(NamedTuple):
    """One version, verified and mapped; its recommender hides nothing."""

    recommender: Recommender
    directory: Directory
    manifest: Manifest
    n_bytes: int

    @classmethod
    def of(cls, artifacts: Path, version: str) -> Self:
        """Raises ArtifactError where the version is missing or broken."""
        opened = artifact.open_version(artifacts, version)
        recommender = Recommender(opened.model, opened.version)
        return cls(recommender, Directory(recommender.model, recommender.search), opened.manifest, opened.size_bytes)

    @property
    def version(self) -> str:
        return self.manifest.version


class Serving(NamedTuple):
    """What one request is answered from, so that no answer mixes two versions or two deny lists."""

    recommender: Recommender
    directory: Directory
    manifest: Manifest
    n_bytes: int
    denied: Denied
    variant: Variant | None = None

    @property
    def version(self) -> str:
        return self.manifest.version


class LiveModel:
    """The current version and, where there is a split, the challenger beside it. Ready once its kernels are compiled.

    Only the event loop replaces what answers, in one assignment; any thread may read it.
    """

    def __init__(
        self, current: OpenedVersion, challenger: OpenedVersion | None = None, split: Split | None = None
    ) -> None:
        self.split = split
        self._current, self._challenger = current, challenger
        self._servings = self._with(Denied.of(()))
        self._warm = False

    @classmethod
    def open(cls, artifacts: Path, split: Split | None = None, *, instead: Iterable[str] = ()) -> Self:
        """The version that CURRENT names, or the first of those `instead` that can be opened where it cannot.

        Raises ArtifactError of CURRENT's where none can, and where the challenger cannot be opened.
        """
        try:
            current = OpenedVersion.of(artifacts, artifact.current_version(artifacts))
        except ArtifactError as error:
            current = _first_sound(artifacts, instead, error)
        if split is None:
            return cls(current)
        try:
            return cls(current, OpenedVersion.of(artifacts, split.challenger), split)
        except ArtifactError as error:
            raise ArtifactError(f"the challenger: {error}") from error

    @property
    def version(self) -> str:
        return self._current.version

    @property
    def model(self) -> Model:
        return self._current.recommender.model

    @property
    def served(self) -> Mapping[Variant | None, ServedVersion]:
        """The same with the bytes of their files."""
        return {variant: ServedVersion(one.version, one.n_bytes) for variant, one in self._servings.items()}

    @property
    def ready(self) -> bool:
        return self._warm

    @property
    def serving(self) -> Serving:
        """What answers who is in no split."""
        return self._servings[None]

    def serving_for(self, key: str | None) -> Serving:
        """What answers whoever has this key."""
        variant = None if self.split is None or key is None else self.split.variant(key)
        return self._servings[variant]

    def deny(self, denied: Denied) -> None:
        """From now on no answer holds any of these."""
        if denied.token != self._servings[None].denied.token:
            self._servings = self._with(denied)

    def replace(self, current: OpenedVersion) -> None:
        """From now on this version, which is warm, answers in the place of the current one."""
        self._current = current
        self._servings = self._with(self._servings[None].denied)

    def warm_up(self) -> None:
        """Compiles, or loads, the kernels: seconds at the first start, then milliseconds."""
        for opened in (self._current, self._challenger):
            if opened is not None:
                opened.recommender.warm_up()
        self._warm = True

    def _with(self, denied: Denied) -> Mapping[Variant | None, Serving]:
        current = _serving(self._current, denied)
        if self._challenger is None:
            return {None: current}
        challenger = _serving(self._challenger, denied)
        return {None: current, "a": current._replace(variant="a"), "b": challenger._replace(variant="b")}


def _serving(opened: OpenedVersion, denied: Denied) -> Serving:
    recommender = opened.recommender.hiding(denied.item_ids) if denied.item_ids else opened.recommender
    return Serving(recommender, opened.directory, opened.manifest, opened.n_bytes, denied)


def _first_sound(artifacts: Path, versions: Iterable[str], refused: ArtifactError) -> OpenedVersion:
    for version in versions:
        try:
            return OpenedVersion.of(artifacts, version)
        except ArtifactError:
            continue
    raise refused
