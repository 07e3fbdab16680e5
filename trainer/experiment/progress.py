"""How far a grid is: a bar on a terminal, a line a cell elsewhere, both with what is left by what similar fits took."""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

from trainer.experiment.results import Cell, Measurement

logger = logging.getLogger(__name__)


class GridProgress:
    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar: tqdm[Never] | None = None
        self._left: dict[str, tuple[Cell, int]] = {}  # by the cell's name: fits that are still to be done
        self._seconds: dict[tuple[str, str], list[float]] = defaultdict(list)
        self._jobs = 1
        self._began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def begin(self, cells: Iterable[tuple[Cell, int]], known: Iterable[Measurement], jobs: int) -> None:
        """The cells with the number of fits of each; of some of them fits are known from before."""
        self._left, self._jobs = {cell.name: (cell, n_fits) for cell, n_fits in cells}, jobs
        total = self._n_left()
        for measurement in known:
            self._count(measurement)
        n_done = total - self._n_left()
        self._bar = tqdm(total=total, initial=n_done, unit="fit", disable=self.quiet or None, dynamic_ncols=True,
                         bar_format="{l_bar}{bar}| {n_fmt}/{total_fmt} fits [{elapsed}, {postfix}]")  # fmt: skip
        if not self.quiet:
            logger.info("%d fits, %d of them done before; %d at a time", total, n_done, jobs)

    def measured(self, measurement: Measurement) -> None:
        self._count(measurement)
        if self._bar is not None:
            self._bar.set_postfix_str(f"{self._remaining()} left: {measurement.cell.name}", refresh=False)
            self._bar.update()

    def ended(self, cell: Cell, error: str | None) -> None:
        """A cell has come to its end; one that failed leaves fits that nobody waits for any more."""
        _, skipped = self._left.pop(cell.name, (cell, 0))
        if self._bar is not None and self._bar.total is not None:
            self._bar.total -= skipped
        if error is not None:
            logger.warning("%s failed: %s", cell.name, error)
        elif not self.quiet and self._bar is not None and self._bar.disable:
            logger.info("%s done; %d fits left, %s", cell.name, self._n_left(), self._remaining())

    def _count(self, measurement: Measurement) -> None:
        cell = measurement.cell
        waiting, n_fits = self._left.get(cell.name, (None, 0))
        if waiting == cell and n_fits:
            self._left[cell.name] = cell, n_fits - 1
        self._seconds[cell.data, cell.system].append(measurement.fit_seconds)

    def _n_left(self) -> int:
        return sum(n_fits for _, n_fits in self._left.values())

    def _remaining(self) -> str:
        """Fits that are left take what fits of the same system took on average, or any on the same data."""
        total = 0.0
        for cell, n_fits in self._left.values():
            same = self._seconds.get((cell.data, cell.system)) or [
                value for (data, _), values in self._seconds.items() if data == cell.data for value in values
            ]
            total += n_fits * (sum(same) / len(same) if same else 0.0)
        minutes, seconds = divmod(round(total / self._jobs), 60)
        return f"about {minutes} min" if minutes else f"about {seconds} s"

    @property
    def elapsed_seconds(self) -> float:
        return time.monotonic() - self._began
