"""Runs the cells of a grid side by side, each in a process of its own, and keeps what they measure as it comes.

What was measured before is not measured again; what fails is said and costs nothing else. Interrupted, the same command
goes on after the last fit that was done.
"""

import contextlib
import json
import logging
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from trainer.baselines import system
from trainer.baselines.system import PAPER_NONZERO_BYTES, Context
from trainer.errors import TrainerError
from trainer.experiment import results
from trainer.experiment.grid import NEEDS, Data, Grid
from trainer.experiment.progress import GridProgress
from trainer.experiment.results import Cell, Measurement, Results
from trainer.experiment.task import Task, read_measurement
from trainer.fit_options import Precision, default_dims
from trainer.interactions import Interactions

logger = logging.getLogger(__name__)

ROOT = Path(__file__).parent.parent.parent
PROCESS_BYTES = 2**29  # of a process with torch before it does anything


@dataclass(frozen=True)
class Machine:
    """What the cells share."""

    jobs: int
    threads: int
    """Of each job."""
    memory_bytes: int
    precision: Precision
    device: str = "cpu"


@dataclass(frozen=True)
class Job:
    """A cell that is to be run."""

    task: Task
    n_fits: int
    """Of the whole cell."""
    bytes_needed: int

    @property
    def cell(self) -> Cell:
        return self.task.cell

    @property
    def done(self) -> bool:
        """Whether every budget has its result from before."""
        return {known.budget for known in self.task.known if known.chosen} >= set(self.task.budgets)

    @property
    def base(self) -> Cell | None:
        """The cell whose choice this one starts from."""
        name = NEEDS.get(self.cell.system)
        return None if name is None else replace(self.cell, system=name)


class Runner:
    """A grid, what is known of it, and what runs at the moment. `failures` says of a cell by name why it has none."""

    def __init__(self, grid: Grid, folder: Path, machine: Machine, progress: GridProgress) -> None:
        self.grid, self.folder, self.machine, self.progress = grid, folder, machine, progress
        results.cut_unfinished_line(folder)
        self.known: list[Measurement] = list(Results.read(folder).measurements)
        self.failures: dict[str, str] = {}
        self.cells: list[Cell] = []
        self._events: queue.Queue[tuple[Job, Measurement | str | None]] = queue.Queue()

    def run(self) -> None:
        """Raises KeyboardInterrupt after all processes have ended; OSError where nothing can be written."""
        everything = self.jobs()
        waiting = [job for job in everything if not job.done]
        self.progress.begin([(job.cell, job.n_fits) for job in everything], self.known, self.machine.jobs)
        running: dict[str, tuple[Job, subprocess.Popen[str]]] = {}
        try:
            while waiting or running:
                for job in [job for job in waiting if self._may_start(job, waiting, running)]:
                    if len(running) < self.machine.jobs and self._fits(job, running):
                        waiting.remove(job)
                        running[job.cell.name] = job, self._started(job)
                job, event = self._events.get()
                if isinstance(event, Measurement):
                    results.append(self.folder, event)
                    self.known.append(event)
                    self.progress.measured(event)
                else:
                    del running[job.cell.name]
                    if event is not None:
                        self.failures[job.cell.name] = event
                    self.progress.ended(job.cell, event)
        finally:
            for _, process in running.values():
                process.kill()
            for _, process in running.values():
                process.wait()

    def results(self) -> Results:
        """What belongs to this grid; the folder may hold more, of one that was changed since."""
        there = {cell.name: cell for cell in self.cells}
        return Results(self.folder, [known for known in self.known if there.get(known.cell.name) == known.cell])

    def _may_start(self, job: Job, waiting: Sequence[Job], running: Mapping[str, object]) -> bool:
        """Whether the cell that it starts from is done, well or not."""
        base = job.base
        return base is None or (base.name not in running and base.name not in {other.cell.name for other in waiting})

    def _fits(self, job: Job, running: Mapping[str, tuple[Job, object]]) -> bool:
        needed = sum(other.bytes_needed for other, _ in running.values()) + job.bytes_needed
        return not running or needed <= self.machine.memory_bytes

    # ------------------------------------------------------------ which cells

    def jobs(self) -> list[Job]:
        """All cells of the grid, seed by seed, the largest first: two cores end at about the same time."""
        found = list(self._jobs())
        self.cells = [job.cell for job in found]
        return found

    def _jobs(self) -> Iterator[Job]:
        for name, data in self.grid.data.items():
            try:
                interactions = data.ratings.read()
            except TrainerError as error:
                self.failures[name] = str(error)
                continue
            matrix = self._kept(interactions)
            for cell in self._cells(name, data, interactions):
                yield self._job(cell, data, interactions, matrix)

    def _cells(self, name: str, data: Data, interactions: Interactions) -> Iterator[Cell]:
        dims = data.dims or default_dims(interactions.n_items)
        first = Cell(name, "", 0, "", {}, dims, data.test_users, interactions.fingerprint)
        for protocol in self.grid.protocols:
            for seed in self.grid.seeds:
                for system_name in reversed(self.grid.systems):
                    yield replace(first, protocol=protocol, seed=seed, system=system_name)
        figure = self.grid.figure
        for protocol in figure.protocols:
            for seed in figure.seeds:
                for options in figure.variants():
                    yield replace(first, protocol=protocol, seed=seed, system="compressed-elsa", options=options)

    def _job(self, cell: Cell, data: Data, interactions: Interactions, matrix: str) -> Job:
        chosen = system(cell.system, Context(cell.seed, cell.dims, options=cell.options))
        budgets = self.grid.figure.budgets if cell.options else self.grid.budgets
        narrow = PAPER_NONZERO_BYTES * cell.options.get("dims", max(budgets))
        budgets = [budget for budget in budgets if budget <= narrow]  # no more non-zeros than dims
        middle = sorted(budgets)[len(budgets) // 2] if chosen.sized else None
        sizes: tuple[int | None, ...] = tuple(budgets) if chosen.sized else (None,)
        n_settings = len(chosen.settings)
        task = Task(
            cell,
            matrix,
            sizes,
            middle,
            [known for known in self.known if known.cell == cell],
            self.machine.precision,
            self.machine.device,
            available_bytes=self.machine.memory_bytes,
        )
        needed = max(chosen.bytes_needed(interactions.n_users, interactions.n_items, size) for size in sizes)
        return Job(task, len(sizes) + (n_settings if n_settings > 1 else 0), needed + PROCESS_BYTES)

    def _kept(self, interactions: Interactions) -> str:
        """The matrix in a file that the processes read."""
        name = f"interactions-{interactions.fingerprint[:16]}.npz"
        matrix = interactions.matrix
        path = self.folder / name
        if not path.exists():
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.savez(file, indptr=matrix.indptr, indices=matrix.indices, shape=np.array(matrix.shape))
            os.replace(partial, path)
        return name

    # ------------------------------------------------------------ processes

    def _started(self, job: Job) -> "subprocess.Popen[str]":
        task = job.task
        if job.base is not None:
            found = [known for known in self.known if known.cell == job.base and known.chosen]
            task = replace(task, base=dict(found[0].setting) if found else None)
        threads = str(self.machine.threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - its listener closes it
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "trainer.experiment.task", str(self.folder.absolute())],
            cwd=ROOT,
            env=os.environ | dict.fromkeys(names, threads),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            text=True,
        )
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:  # one that is dead already is heard of as such
            process.stdin.write(json.dumps(asdict(task)))
        threading.Thread(target=self._listen, args=(job, process, said), daemon=True).start()
        return process

    def _listen(self, job: Job, process: "subprocess.Popen[str]", said: IO[str]) -> None:
        """Passes on what a process measures, and at its end why it failed, if it did."""
        reason: str | None = None
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                facts = json.loads(line)
                if "error" in facts:
                    reason = facts["error"]
                else:
                    self._events.put((job, read_measurement(facts)))
        code = process.wait()
        if code and reason is None:
            said.seek(0)
            last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
            reason = f"killed by signal {-code}; did the memory run out?" if code < 0 else last
        said.close()
        self._events.put((job, reason))
