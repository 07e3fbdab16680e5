"""What a version is exported to."""

from collections.abc import Callable
from typing import Protocol

from index.kernels import Floats, Rows
from index.points import Kind, Points

Told = Callable[[int], None]
"""Called with how many points are there, from the first ones that an earlier, interrupted export left."""


class Engine(Protocol):
    """Holds items and segments; says where, and which of them it finds for a profile."""

    @property
    def ways(self) -> tuple[str, ...]:
        """How it can be asked, the way that is meant to be taken first."""
        ...

    def write(self, points: Points, told: Told) -> str:
        """All points, and nothing where they are there; says where. Raises ExportError."""
        ...

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        """The `n` best rows, or fewer where fewer have a code. Raises ExportError."""
        ...

    def made_current(self) -> None:
        """Once all is written and was found to be right: from now on this version is the one that is asked."""
        ...

    def close(self) -> None: ...
