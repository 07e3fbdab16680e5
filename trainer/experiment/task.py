"""One cell of the grid, in a process of its own: search a system's settings, fit it to every budget, measure it.

`python -m trainer.experiment.task FOLDER` reads the task as JSON from stdin and writes a line of JSON to stdout for
every fit that is done. A cell that runs out of memory or crashes takes nothing with it but itself.
"""

import json
import resource
import sys
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
from trainer.errors import ConfigurationError
from trainer.evaluate import quality, rank_scores
from trainer.experiment.results import PER_USER, Cell, Measurement, Values, keep_values
from trainer.fit_options import Precision
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
    middle: int | None
    """The budget of the search."""
    known: Sequence[Measurement]
    precision: Precision
    device: str = "cpu"
    base: Mapping[str, Any] | None = None
    available_bytes: int = 2**62
    """Of memory: what needs more is refused before it is tried."""


def read_task(text: str) -> Task:
    facts = json.loads(text)
    known = [read_measurement(fact) for fact in facts.pop("known")]
    return Task(**{**facts, "cell": Cell(**facts["cell"]), "known": known})


def read_measurement(facts: Mapping[str, Any]) -> Measurement:
    return Measurement(**{**facts, "cell": Cell(**facts["cell"])})


class Run:
    """The fits of a cell, one after the other."""

    def __init__(self, task: Task, folder: Path) -> None:
        self.task, self.folder = task, folder
        cell = task.cell
        self.context = Context(cell.seed, cell.dims, task.precision, task.device, cell.options, task.base)
        self.system: System = system(cell.system, self.context)
        with np.load(folder / task.matrix, allow_pickle=False) as parts:
            indptr, indices, shape = parts["indptr"], parts["indices"], tuple(parts["shape"])
        matrix = sp.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)
        interactions = Interactions(matrix, [""] * shape[0], [""] * shape[1], cell.fingerprint, None)
        if cell.protocol == "paper":
            self.parts: Split = paper_split(interactions, seed=cell.seed, n_held_out=cell.test_users)
        else:
            self.parts = split(interactions, seed=cell.seed)

    def measurements(self) -> Iterator[Measurement]:
        """Every setting at the middle budget, then every budget with the best; what is known is not done again."""
        settings = self.system.settings
        best, choice = settings[0], None
        if len(settings) > 1:
            for setting in settings:
                tried = self._known(setting, self.task.middle, chosen=False)
                if tried is None:
                    tried = self._measured(setting, self.task.middle, chosen=False)
                    yield tried
                if choice is None or (tried.validation or 0.0) > (choice.validation or 0.0):
                    best, choice = setting, tried
        for budget in self.task.budgets:
            if self._known(best, budget, chosen=True) is None:
                if choice is not None and budget == self.task.middle and choice.metrics is not None:
                    yield replace(choice, chosen=True)
                else:
                    yield self._measured(best, budget, chosen=True)

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
                f"{self.task.available_bytes / 2**30:.1f} are there"
            )
        began = time.perf_counter()
        learned = self.system.fit(parts.train, parts.validation, setting, budget)
        seconds = time.perf_counter() - began
        validation = quality(rank_scores(learned.scores, parts.validation), parts.validation.targets)
        found: tuple[Mapping[str, float], str] | None = None
        if parts.full_train is None:
            found = self._tested(learned, parts.train, parts.test)
        elif chosen:
            learned = self.system.fit(parts.full_train, None, learned.setting, budget)
            found = self._tested(learned, parts.full_train, parts.test)
        return Measurement(
            self.task.cell,
            budget,
            dict(learned.setting),
            float(validation.ndcg_100.mean()),
            found[0] if found else None,
            learned.paper_bytes,
            learned.stored_bytes,
            seconds,
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            chosen,
            found[1] if found else None,
        )

    def _tested(self, learned: Learned, train: Csr, test: Holdout) -> tuple[Mapping[str, float], str]:
        """The test users' means, and the file that their values are in."""
        rankings = rank_scores(learned.scores, test)
        values = quality(rankings, test.targets)
        per_user = {name: values.named()[name].astype(np.float32) for name in PER_USER}
        name = f"{sha256(rankings.tobytes()).hexdigest()[:24]}.npz"
        keep_values(self.folder, name, Values(test.users.astype(np.int32), per_user))
        return {**values.means(), **beyond_accuracy(rankings, train)}, name


def main() -> int:
    """Exit code 0 where all fits are done; 1 where one was refused, after a line that says why."""
    task = read_task(sys.stdin.read())
    try:
        for measurement in Run(task, Path(sys.argv[1])).measurements():
            print(json.dumps(asdict(measurement)), flush=True)
    except SparseshelfError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
