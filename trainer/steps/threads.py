"""Kernels that release the GIL, run side by side on parts of the same arrays."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_PARTS = 4  # a thread, so that none waits long for another's harder part


class Threads:
    """As many at a time as torch has. What comes out does not depend on their number."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._pool = ThreadPoolExecutor(number) if number > 1 else None

    def ranges(self, kernel: Callable[..., object], n: int, *arguments: Any) -> None:
        """kernel(begin, end, *arguments) over all parts of range(n)."""
        if self._pool is None:
            kernel(0, n, *arguments)
            return
        ends = [n * part // (_PARTS * self.number) for part in range(_PARTS * self.number + 1)]
        self.each(lambda part: kernel(ends[part], ends[part + 1], *arguments), len(ends) - 1)

    def each(self, work: Callable[[int], object], n: int) -> None:
        """work(0), …, work(n - 1)."""
        for _ in map(work, range(n)) if self._pool is None else self._pool.map(work, range(n)):
            pass
