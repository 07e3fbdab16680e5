"""What finds candidates in the index's place."""

from typing import Protocol

from index.filters import Filter
from index.kernels import Floats
from index.retrieval import Retrieved


class EngineUnavailableError(Exception):
    """It cannot be reached, is too slow, refuses; its message says which, and repeats no secret."""


class VersionMissingError(EngineUnavailableError):
    """It is there and does not hold this version."""


class Engine(Protocol):
    """Called in threads, any number at once."""

    def nearest(self, version: str, profile: Floats, n: int, where: Filter | None) -> Retrieved:
        """The `n` items of a version with the largest z Aᵀ, of those that `where` is true of.

        Raises EngineUnavailableError, and InexpressibleError where it has no such filter.
        """
        ...

    def close(self) -> None: ...
