"""One cell of the grid, in a process of its own: search a system's settings, fit it to every budget, measure it.

`python -m trainer.experiment.task FOLDER` reads the task as a line of JSON from stdin and writes a line of JSON to
stdout for every fit that is done. A cell that runs out of memory or crashes takes nothing with it but itself, and it
ends when stdin does: with whoever started it.
"""

import json
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from index.errors import SparseshelfError
from trainer.baselines import system
from trainer.baselines.system import Context, Learned, Setting, System
from trainer.errors import ConfigurationError, TrainingError
from trainer.evaluate import quality, rank_scores
from trainer.experiment.results import PER_USER, Cell, Measurement, Values, keep_values
from trainer.interactions import Csr, Interactions
from trainer.metrics import beyond_accuracy
from trainer.paper_split import paper_split
from trainer.split import Holdout, Split, split


@dataclass(frozen=True)
class Task:
    """A cell and what is known of it from before an interruption."""

    cell: Cell
    matrix: str
    """File with the interactions, under the output folder."""
    budgets: Sequence[int | None]
    known: Sequence[Measurement]
    base: Mapping[str, Any] | None = None
    """The setting that was chosen of the system that this one is made from."""
    available_bytes: int = 2**62
    """Of memory: what needs more is refused before it is tried."""


def read_task(text: str) -> Task:
    facts = json.loads(text)
    known = [read_measurement(fact) for fact in facts.pop("known")]
    return Task(**{**facts, "cell": Cell(**facts["cell"]), "known": known})


def read_measurement(facts: Mapping[str, Any]) -> Measurement:
    return Measurement(**{**facts, "cell": Cell(**facts["cell"])})


class Run:
    """The fits of a cell, one after the other. `failures` are budgets that have none, and why."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task, self.folder = task, folder
        self.failures: list[str] = []
        cell = task.cell
        context = Context(cell.seed, cell.dims, cell.precision, cell.device, cell.options, task.base)  # type: ignore[arg-type]
        self.system: System = system(cell.system, context)
        with np.load(folder / task.matrix, allow_pickle=False) as parts:
            indptr, indices, shape = parts["indptr"], parts["indices"], tuple(parts["shape"])
        matrix = sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)
        interactions = Interactions(matrix, [""] * shape[0], [""] * shape[1], cell.fingerprint, None)
        if cell.protocol == "paper":
            self.parts: Split = paper_split(interactions, seed=cell.seed, n_held_out=cell.test_users)
        else:
            self.parts = split(interactions, seed=cell.seed)

    def measurements(self) -> Iterator[Measurement]:
        """Every setting at one budget, then every budget with the best; what is known is not done again.

        A setting whose training breaks down is not the best; a budget that none can be fitted to costs only itself.
        """
        middle = self.task.cell.search_budget
        best, choice = self.system.settings[0], None
        if len(self.system.settings) > 1:
            for setting in self.system.settings:
                tried = self._known(setting, middle, chosen=False)
                if tried is None:
                    try:
                        tried = self._measured(setting, middle, chosen=False)
                    except TrainingError as error:
                        self.failures.append(f"{_words(setting)}: {error}")
                        continue
                    yield tried
                if choice is None or (tried.validation or 0.0) > (choice.validation or 0.0):
                    best, choice = setting, tried
            if choice is None:
                return
            self.failures.clear()  # others could be trained
        for budget in self.task.budgets:
            if self._known(best, budget, chosen=True) is not None:
                continue
            if choice is not None and budget == middle and choice.metrics is not None:
                yield replace(choice, chosen=True)
                continue
            try:
                yield self._measured(best, budget, chosen=True)
            except TrainingError as error:
                self.failures.append(f"{budget} bytes: {error}")

    def _known(self, setting: Setting, budget: int | None, *, chosen: bool) -> Measurement | None:
        """A measurement's setting also has what validation found: the epochs."""
        for known in self.task.known:
            if (known.budget, known.chosen) == (budget, chosen) and setting.items() <= known.setting.items():
                return known
        return None

    def _measured(self, setting: Setting, budget: int | None, *, chosen: bool) -> Measurement:
        """Fits, and measures on test users; under the paper's protocol only what is chosen, learned anew from all."""
        parts = self.parts
        assert parts.validation is not None
        assert parts.test is not None
        needed = self.system.bytes_needed(*parts.train.shape, budget)
        if needed > self.task.available_bytes:
            raise ConfigurationError(
                f"it takes about {needed / 2**30:.1f} GiB of memory on {parts.train.shape[1]:,} items, "
                f"{self.task.available_bytes / 2**30:.1f} are there; leave it out, or use a machine with more"
            )
        began = time.perf_counter()
        learned = self.system.fit(parts.train, parts.validation, setting, budget)
        seconds = time.perf_counter() - began + learned.seconds_before
        validation = quality(rank_scores(learned.scores, parts.validation), parts.validation.targets)
        found = Measurement(
            self.task.cell,
            budget,
            dict(learned.setting),
            float(validation.ndcg_100.mean()),
            None,
            learned.paper_bytes,
            learned.stored_bytes,
            seconds,
            0,
            chosen,
        )
        if parts.full_train is None:
            found = self._tested(found, learned, parts.train, parts.test)
        elif chosen:
            learned = self.system.fit(parts.full_train, None, learned.setting, budget)
            found = self._tested(found, learned, parts.full_train, parts.test)
        return replace(found, peak_bytes=peak_bytes())

    def _tested(self, found: Measurement, learned: Learned, train: Csr, test: Holdout) -> Measurement:
        """With the test users' means, and the file that their values are in."""
        rankings = rank_scores(learned.scores, test)
        values = quality(rankings, test.targets)
        per_user = {name: values.named()[name].astype(np.float32) for name in PER_USER}
        what = json.dumps([asdict(found.cell), found.budget, found.setting], sort_keys=True)
        name = f"{sha256(what.encode()).hexdigest()[:24]}.npz"
        keep_values(self.folder, name, Values(test.users.astype(np.int32), per_user))
        return replace(found, metrics={**values.means(), **beyond_accuracy(rankings, train)}, values=name)


def peak_bytes() -> int:
    """The largest resident set of this process so far, without its parent's, which Linux hands down in ru_maxrss."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _words(setting: Setting) -> str:
    return ", ".join(f"{name} {value}" for name, value in setting.items())


def _end_with_parent() -> None:
    """Whoever is killed takes its cells along: nobody would hear of what they measure."""
    sys.stdin.read()
    os._exit(1)


def main() -> int:
    """Exit code 0 where all fits are done; 1 where some were refused or broke down, after a line that says why."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints is no measurement
    run = Run(read_task(sys.stdin.readline()), Path(sys.argv[1]))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    reason = ""
    try:
        for measurement in run.measurements():
            print(json.dumps(asdict(measurement)), file=answers, flush=True)
    except SparseshelfError as error:
        reason = str(error)
    reason = reason or "; ".join(run.failures)
    if reason:
        print(json.dumps({"error": reason}), file=answers, flush=True)
    return int(bool(reason))


if __name__ == "__main__":
    sys.exit(main())
