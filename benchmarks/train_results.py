"""What benchmarks.bench_train has measured: a line of JSON a training, so that an interrupted run goes on."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trainer.experiment.results import Values

METRIC = "ndcg@100"


class Cell(NamedTuple):
    """What is trained, by whom."""

    data: str
    contender: str
    k: int
    seed: int
    dims: int
    threads: int


@dataclass(frozen=True)
class Measurement:
    """One training. `users` and `ndcg` are of the test users; empty where only memory was measured."""

    cell: Cell
    seconds: float
    cpu_seconds: float
    memory_bytes: int
    users: Sequence[int] = ()
    ndcg: Sequence[float] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    notes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> Values:
        return Values(np.array(self.users, np.int32), {METRIC: np.array(self.ndcg, np.float32)})


def read(path: Path) -> dict[Cell, Measurement]:
    """The last line of a cell counts. A line without an end was being written."""
    if not path.exists():
        return {}
    lines = path.read_bytes().split(b"\n")[:-1]
    found = (_measurement(**json.loads(line)) for line in lines)
    return {measurement.cell: measurement for measurement in found}


def _measurement(cell: Sequence[Any], **rest: Any) -> Measurement:
    return Measurement(Cell(*cell), **rest)


def append(path: Path, measurement: Measurement) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        file.truncate(file.read().rfind(b"\n") + 1)  # what a killed run was writing
        file.write((json.dumps(asdict(measurement), sort_keys=True) + "\n").encode())
        file.flush()
        os.fsync(file.fileno())
