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
from trainer.errors import ConfigurationError, TrainerError
from trainer.experiment import results
from trainer.experiment.grid import NEEDS, Data, Grid, search_budget
from trainer.experiment.progress import GridProgress
from trainer.experiment.results import Cell, Measurement, Results
from trainer.experiment.section import Entry
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
    device_bytes: int | None = None
    """Memory of a device that is not the CPU."""


@dataclass(frozen=True)
class Job:
    """A cell that is to be run."""

    task: Task
    n_fits: int
    """Of the whole cell."""
    bytes_needed: int
    done: bool
    """Whether every setting was tried before, and every budget has its result."""

    @property
    def cell(self) -> Cell:
        return self.task.cell

    @property
    def base(self) -> Cell | None:
        """The cell whose choice this one starts from."""
        name = NEEDS.get(self.cell.system)
        return None if name is None else replace(self.cell, system=name, search_budget=None)


class Runner:
    """A grid, what is known of it, and what runs at the moment. `failures` says of a cell by name why it has none."""

    def __init__(self, grid: Grid, folder: Path, machine: Machine, progress: GridProgress) -> None:
        self.grid, self.folder, self.machine, self.progress = grid, folder, machine, progress
        results.cut_unfinished_line(folder)
        self.known: list[Measurement] = list(Results.read(folder).measurements)
        self.failures: dict[str, str] = {}
        self.jobs = list(self._jobs())
        self._events: queue.Queue[tuple[Job, Measurement | str | None]] = queue.Queue()

    def entry(self, name: str) -> Entry:
        """What a pair names, such as `compressed-elsa@128` or `ease`. Raises ConfigurationError where there is none."""
        entries = [
            Entry(job.cell.system, size, tuple(sorted(job.cell.options.items())))
            for job in self.jobs
            for size in job.task.budgets
        ]
        there = {entry.name: entry for entry in entries}
        if name not in there:
            raise ConfigurationError(f"--pair {name}: the grid has {', '.join(there) or 'nothing'}")
        return there[name]

    def run(self) -> None:
        """Raises KeyboardInterrupt after all processes have ended; OSError where nothing can be written."""
        waiting = [job for job in self.jobs if not job.done]
        self.progress.begin([(job.cell, job.n_fits) for job in self.jobs], self.known, self.machine.jobs)
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
        there = {job.cell.name: job.cell for job in self.jobs}
        return Results(self.folder, [known for known in self.known if there.get(known.cell.name) == known.cell])

    def _may_start(self, job: Job, waiting: Sequence[Job], running: Mapping[str, object]) -> bool:
        """Whether the cell that it starts from is done, well or not."""
        base = job.base
        return base is None or (base.name not in running and base.name not in {other.cell.name for other in waiting})

    def _fits(self, job: Job, running: Mapping[str, tuple[Job, object]]) -> bool:
        needed = sum(other.bytes_needed for other, _ in running.values()) + job.bytes_needed
        return not running or needed <= self.machine.memory_bytes

    # ------------------------------------------------------------ which cells

    def _jobs(self) -> Iterator[Job]:
        """All cells of the grid, seed by seed, the largest first: two cores end at about the same time."""
        for name, data in self.grid.data.items():
            try:
                interactions = data.ratings.read(quiet=self.progress.quiet)
            except TrainerError as error:
                self.failures[name] = str(error)
                continue
            matrix = self._kept(interactions)
            for cell in self._cells(name, data, interactions):
                yield self._job(cell, interactions, matrix)

    def _cells(self, name: str, data: Data, interactions: Interactions) -> Iterator[Cell]:
        grid, figure = self.grid, self.grid.figure
        first = Cell(
            name,
            "",
            0,
            "",
            dims=data.dims or default_dims(interactions.n_items),
            precision=self.machine.precision,
            device=self.machine.device,
            test_users=data.test_users,
            fingerprint=interactions.fingerprint,
        )
        for protocol in grid.protocols:
            for seed in grid.seeds:
                for system_name in reversed(grid.systems):
                    yield replace(first, protocol=protocol, seed=seed, system=system_name)
        for protocol in figure.protocols:
            for seed in figure.seeds:
                for options in figure.variants():
                    yield replace(first, protocol=protocol, seed=seed, system="compressed-elsa", options=options)

    def _job(self, cell: Cell, interactions: Interactions, matrix: str) -> Job:
        chosen = system(cell.system, Context(cell.seed, cell.dims, options=cell.options))
        sizes: list[int | None] = [None]
        if chosen.sized:
            budgets = self.grid.figure.budgets if cell.options else self.grid.budgets
            widest = PAPER_NONZERO_BYTES * cell.options.get("dims", max(budgets))
            sizes = [budget for budget in budgets if budget <= widest]  # no more non-zeros than dims
            cell = replace(cell, search_budget=search_budget(budgets))
        known = [known for known in self.known if known.cell == cell]
        n_settings = len(chosen.settings)
        tried = [one.setting for one in known if not one.chosen]
        searched = n_settings == 1 or all(
            any(setting.items() <= one.items() for one in tried) for setting in chosen.settings
        )
        host = self.machine.memory_bytes
        room = self.machine.device_bytes if chosen.on_device and self.machine.device_bytes else host
        data_bytes = 4 * 8 * interactions.matrix.nnz  # the split's matrices, and what is being made of them
        needed = max(chosen.bytes_needed(interactions.n_users, interactions.n_items, size) for size in sizes)
        return Job(
            Task(cell, matrix, sizes, known, available_bytes=room),
            n_fits=len(sizes) + (n_settings if n_settings > 1 else 0),
            bytes_needed=needed + data_bytes + PROCESS_BYTES,
            done=searched and {one.budget for one in known if one.chosen} >= set(sizes),
        )

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
            task = replace(task, base=dict(found[-1].setting) if found else None)
        threads = str(self.machine.threads)
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 - its listener closes it
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
        with contextlib.suppress(BrokenPipeError):  # one that is dead already is heard of as such
            process.stdin.write(json.dumps(asdict(task)) + "\n")
            process.stdin.flush()  # and left open: a process ends when it is closed
        threading.Thread(target=self._listen, args=(job, process, said), daemon=True).start()
        return process

    def _listen(self, job: Job, process: "subprocess.Popen[str]", said: IO[str]) -> None:
        """Passes on what a process measures, and at its end why it failed, if it did."""
        reason: str | None = "its answers could not be read"
        assert process.stdin is not None
        try:
            reason = self._heard(job, process)
            code = process.wait()
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()  # not before: the process takes it for the end of this one
            if code and reason is None:
                said.seek(0)
                last = (said.read().strip().splitlines() or ["it said nothing"])[-1]
                reason = f"killed by signal {-code}; did the memory run out?" if code < 0 else last
        finally:
            said.close()
            self._events.put((job, reason))

    def _heard(self, job: Job, process: "subprocess.Popen[str]") -> str | None:
        """What the process says went wrong, if anything."""
        reason: str | None = None
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                if not line.startswith("{"):  # printed before the task took care of its stdout
                    continue
                facts = json.loads(line)
                if "error" in facts:
                    reason = facts["error"]
                else:
                    self._events.put((job, read_measurement(facts)))
        return reason
