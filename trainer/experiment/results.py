"""What the grid has measured so far: a line of JSON a fit, and the test users' values beside it.

A line is appended when its fit is done, so that an interrupted grid goes on where it was. Values a user, which paired
comparisons need, are float32 in an .npz a line.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError

FILE, VALUES = "results.jsonl", "values"
PER_USER = ("ndcg@100", "recall@20", "recall@50")


@dataclass(frozen=True)
class Cell:
    """One system on one split of one data set: a search over its settings, then a fit for every byte budget."""

    data: str
    protocol: str
    seed: int
    system: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """What Figure 1 changes of Compressed ELSA; nothing in the table."""
    dims: int = 0
    search_budget: int | None = None
    """At which the settings are tried; None where one model serves all budgets."""
    precision: str = "float32"
    device: str = "cpu"
    test_users: int | None = None
    """Under the paper's protocol; None: a tenth."""
    fingerprint: str = ""
    """Of the data: other data are another cell."""

    @property
    def name(self) -> str:
        changed = "".join(f" {name}={value}" for name, value in sorted(self.options.items()))
        return f"{self.data} {self.protocol} seed {self.seed} {self.system}{changed}"


@dataclass(frozen=True)
class Measurement:
    """One fit. `metrics` are test users' means; None where the paper's protocol measures only what is chosen."""

    cell: Cell
    budget: int | None
    setting: Mapping[str, Any]
    validation: float | None
    """nDCG@100 of the validation users; None where the system has nothing to choose."""
    metrics: Mapping[str, float] | None
    paper_bytes: int
    stored_bytes: int
    fit_seconds: float
    """What was learned for another budget and used again is counted as if it had not been."""
    peak_bytes: int
    """The largest resident set so far of the process that fitted it."""
    chosen: bool
    """Whether this is the cell's result for the budget, and not only a setting that was tried."""
    values: str | None = None
    """File with the test users' values, under VALUES."""


class Values(NamedTuple):
    """Of the test users of one seed, pseudo-users of the same person next to each other or not."""

    users: NDArray[np.int32]  # (n_test,) which person
    metrics: Mapping[str, NDArray[np.float32]]  # PER_USER -> (n_test,)


@dataclass(frozen=True)
class Results:
    """What lies in an output folder."""

    folder: Path
    measurements: Sequence[Measurement]

    @classmethod
    def read(cls, folder: Path) -> "Results":
        """Raises DataError for a line that is none. A last line without an end was being written: it does not count."""
        path = folder / FILE
        if not path.exists():
            return cls(folder, [])
        lines = path.read_bytes().split(b"\n")[:-1]
        return cls(folder, [_parsed(line, path, number) for number, line in enumerate(lines, 1)])

    def results(self) -> Iterator[Measurement]:
        """The chosen ones: of each cell and budget one."""
        return (measurement for measurement in self.measurements if measurement.chosen)

    def values(self, measurement: Measurement) -> Values:
        """Raises DataError where the file is gone or damaged."""
        path = self.folder / VALUES / str(measurement.values)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
                return Values(archive["users"], {name: archive[name] for name in PER_USER})
        except Exception as error:  # whatever zipfile and numpy make of a damaged file
            raise DataError(
                f"{path}: the values of {measurement.cell.name} cannot be read; delete the lines that name the file "
                f"from {self.folder / FILE}, and they are measured again"
            ) from error


def append(folder: Path, measurement: Measurement) -> None:
    """Adds a line, for good. Raises OSError."""
    with (folder / FILE).open("ab") as file:
        file.write((json.dumps(asdict(measurement), sort_keys=True) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def keep_values(folder: Path, name: str, values: Values) -> None:
    """Writes the values of a line that will name them; they are there before the line is. Raises OSError."""
    (folder / VALUES).mkdir(exist_ok=True)
    partial = folder / VALUES / f"{name}.partial"
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, users=values.users, **values.metrics)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, folder / VALUES / name)


def cut_unfinished_line(folder: Path) -> None:
    """Takes away what a killed run was writing, so that the next line begins a line."""
    path = folder / FILE
    if path.exists():
        text = path.read_bytes()
        os.truncate(path, text.rfind(b"\n") + 1)


def _parsed(line: bytes, path: Path, number: int) -> Measurement:
    try:
        facts = json.loads(line)
        facts["cell"] = Cell(**facts["cell"])
        return Measurement(**facts)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}, line {number}: it is of another release or damaged; delete the line") from error
