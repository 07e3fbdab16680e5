"""A checkpoint: all that decides how a training run goes on after an epoch, in one file that replaces the one before.

An uncompressed .npz of plain arrays, read with pickle off, and `run.json`: where the run stands, and the data and
options that decide it. It is for the same release on the same kind of machine; what is kept for good is the artifact.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.folder import sync_folder
from trainer.errors import DataError
from trainer.uninterrupted import uninterrupted

FORMAT = 1
Decides = Mapping[str, Any]  # JSON values by name
_WAY_OUT = "delete it, or leave --resume out to start from the beginning"


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run between two epochs."""

    number: int
    """Epochs done."""
    stage: int
    """The stage of the last one, from 0."""
    epochs_of_stage: int
    """Epochs done of that stage."""
    since_best: int = 0
    best_score: float | None = None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """weight, dims, generator, the optimiser's moments within a stage, the best epoch's embedding."""

    def refuse_unlike(self, expected: Mapping[str, tuple[type, tuple[int, ...]]]) -> None:
        """Raises KeyError, ValueError where arrays of these names have not these types and shapes."""
        for name, (kind, size) in expected.items():
            if self.arrays[name].dtype != kind or self.arrays[name].shape != tuple(size):
                raise ValueError(f"{name} is {self.arrays[name].dtype} {self.arrays[name].shape}")


def write(path: Path, checkpoint: Checkpoint, decides: Decides) -> None:
    """Replaces `path` in one step: whoever is killed meanwhile keeps the one before. Raises OSError."""
    partial = path.with_name(path.name + ".partial")
    facts = {**asdict(checkpoint), "format": FORMAT, "decides": decides}
    del facts["arrays"]
    run = np.frombuffer(json.dumps(facts).encode(), np.uint8)
    with uninterrupted():  # zipfile, stopped halfway, prints what it makes of that
        try:
            with partial.open("wb") as file:
                np.savez(file, allow_pickle=False, **{"run.json": run}, **checkpoint.arrays)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
            sync_folder(path.parent)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise


def read(path: Path) -> tuple[Checkpoint, Decides]:
    """The checkpoint and what decided its run. Raises DataError for a file that is none."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop("run.json").tobytes())
        known, decides = facts.pop("format") == FORMAT, facts.pop("decides")
        found = Checkpoint(**facts, arrays=arrays)
        whole = (
            isinstance(decides, dict) and min(found.number, found.stage, found.epochs_of_stage, found.since_best) >= 0
        )
    except Exception as error:  # whatever zipfile, numpy and json make of a damaged file
        raise DataError(f"{path}: it is not a checkpoint ({str(error)[:80]}); {_WAY_OUT}") from error
    if not known or not whole:
        raise DataError(f"{path}: it is of another release; {_WAY_OUT}")
    return found, decides


def differences(asked: Decides, kept: Decides) -> list[str]:
    """What of two runs is not the same, in words: `--dims 64, not 128`."""
    names = [name for name in asked if asked[name] != kept.get(name)]
    return [f"{name} {kept.get(name)}, not {asked[name]}" for name in names]
