"""What goes into a contender's process and what comes out of it: a task, .npz files without objects, seconds, memory.

numpy and scipy only: another interpreter reads this file as well.
"""

import contextlib
import ctypes
import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Csr: TypeAlias = "sp.csr_matrix[np.float32]"
Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Task:
    """One training. Files lie in `folder`: train.npz, validation.npz, and after it matrix.npz and outcome.json."""

    folder: str
    dims: int
    k: int
    seed: int
    batch_size: int
    """Ours for these users; a contender's settings may name another."""
    threads: int
    brief: bool = False
    """One or two epochs a stage, few stages: for memory, and to warm up."""
    settings: Mapping[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        path = Path(self.folder, "task.json")
        path.write_text(json.dumps(asdict(self)))
        return path


@dataclass(frozen=True)
class Outcome:
    seconds: float
    """Of the training alone, its own validation included: no import, no compilation, no reading, no writing."""
    cpu_seconds: float
    """The same, as the processor counts it: other programs on the machine do not show."""
    memory_bytes: int
    """The largest resident set while reading and training, over that after imports and a tiny training."""
    notes: Mapping[str, Any]


Fit = Callable[[Csr, Arrays, Task], tuple[Csr, Mapping[str, Any]]]


def measure(fit: Fit) -> None:
    """The main function of a contender's process; the task's file is its argument."""
    task = Task(**json.loads(Path(sys.argv[1]).read_text()))
    fit(*_tiny(), replace(task, dims=16, k=4, batch_size=32, brief=True))
    before = reset_peak()
    train = matrix_of(read(Path(task.folder, "train.npz")))
    validation = read(Path(task.folder, "validation.npz"))
    began, began_cpu = time.perf_counter(), time.process_time()
    matrix, notes = fit(train, validation, task)
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    outcome = Outcome(seconds, cpu_seconds, status("VmHWM") - before, notes)
    write(Path(task.folder, "matrix.npz"), parts_of(matrix))
    Path(task.folder, "outcome.json").write_text(json.dumps(asdict(outcome)))


def outcome(folder: Path) -> tuple[Outcome, Csr]:
    """What a contender's process left."""
    found = Outcome(**json.loads((folder / "outcome.json").read_text()))
    return found, matrix_of(read(folder / "matrix.npz"))


# ------------------------------------------------------------ files


def write(path: Path, arrays: Arrays) -> None:
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def parts_of(matrix: Csr, prefix: str = "") -> Arrays:
    return {
        f"{prefix}indptr": matrix.indptr,
        f"{prefix}indices": matrix.indices,
        f"{prefix}data": matrix.data,
        f"{prefix}shape": np.array(matrix.shape),
    }


def matrix_of(arrays: Arrays, prefix: str = "") -> Csr:
    data, indices, indptr, shape = (arrays[prefix + name] for name in ("data", "indices", "indptr", "shape"))
    return sp.csr_matrix((data, indices, indptr), shape=(int(shape[0]), int(shape[1])))


def from_rectangles(dims: NDArray[np.integer], weights: NDArray[np.floating], n_dims: int) -> Csr:
    """(n_items, k) dims and weights as a sparse (n_items, n_dims)."""
    starts = np.arange(len(dims) + 1) * dims.shape[1]
    values = np.asarray(weights, np.float32).ravel()
    found: Csr = sp.csr_matrix((values, dims.ravel(), starts), shape=(len(dims), n_dims))
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


# ------------------------------------------------------------ memory


def reset_peak() -> int:
    """Bytes resident now; from here on the peak is counted anew, where the system lets it be.

    What the allocator holds and nobody uses goes back first: it would be used again and not be counted.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return max(status("VmRSS"), status("VmHWM"))
    return status("VmRSS")


def status(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"/proc/self/status has no {name}: memory is measured on Linux only")


def _tiny() -> tuple[Csr, Arrays]:
    """Users, and some of them held out, that train in no time: compiles and loads what is compiled and loaded late."""
    rng = np.random.default_rng(0)
    train: Csr = sp.csr_matrix((rng.random((96, 40)) < 0.3).astype(np.float32))
    shown: Csr = sp.csr_matrix((rng.random((8, 40)) < 0.3).astype(np.float32))
    hidden: Csr = sp.csr_matrix(np.eye(8, 40, dtype=np.float32))
    return train, holdout_parts(shown, hidden, np.arange(8), np.ones(40, np.bool_))


def holdout_parts(history: Csr, targets: Csr, users: NDArray[np.int64], known: NDArray[np.bool_]) -> Arrays:
    return {**parts_of(history, "history_"), **parts_of(targets, "targets_"), "users": users, "known": known}
