r"""Our trainer beside its peers: accuracy on test users, wall time, memory, in the same run.

python3 -m venv peer && peer/bin/pip install torch==2.13.0 && \
    peer/bin/pip install compresso-recsys==0.3.7 compresso-pytorch==0.1.7
python -m benchmarks.bench_train ml-1m goodbooks-sample --peer-python peer/bin/python
python -m benchmarks.bench_train synthetic --dims 1024 --k 16 --seeds 1 --peer-python peer/bin/python

The peers: PyPI's compresso-recsys with ReLU and without, as its documentation's example has it and with smaller batches
and shorter stages (benchmarks/contenders.py), each to its own end, the shorter ones once more in the processor's
seconds that ours took (by the clock on the wall other programs would decide how far it comes); and the paper's loop.
All learn from the same training users, in the same width, on as many threads, each in a process of its own; ours and
nobody else stops by validation users. A tiny training comes first, so that neither imports nor compilation are in the
seconds. Every matrix is scored by our evaluator: x A Aᵀ, without what was shown; items that no training user has lose
their rows.

`synthetic` has 50,000 items and measures memory only, in trainings of a few epochs.

A line a training is added to --out; what is there is not measured again. Progress goes to stderr, tables to stdout.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks import bench_sizing, train_results
from benchmarks.contenders import CONTENDERS, IN_OUR_TIME, OURS, Contender, in_our_time
from benchmarks.peers import exchange
from benchmarks.peers.exchange import Csr, Outcome, Task
from benchmarks.public_data import NAMES, interactions_of
from benchmarks.train_results import Cell, Measurement
from benchmarks.train_table import document
from trainer.evaluate import quality, rank_scores
from trainer.fit_options import default_batch_size, default_dims
from trainer.interactions import Interactions, binarise
from trainer.split import Holdout, Split, split

ROOT = Path(__file__).parent.parent
SYNTHETIC = "synthetic"
_SIZE = bench_sizing.Size(50_000, 16_384, 800_000)


class Bench:
    """The cells of one command, and the file of what is known of them."""

    def __init__(self, arguments: argparse.Namespace, folder: Path) -> None:
        self.arguments, self.folder = arguments, folder
        self.out: Path = arguments.out
        self.known = train_results.read(self.out)

    def run(self, data: str) -> None:
        interactions = _synthetic() if data == SYNTHETIC else interactions_of(data)
        dims = self.arguments.dims or default_dims(interactions.n_items)
        for seed in self.arguments.seeds:
            parts = split(interactions, seed=seed)
            assert parts.validation is not None
            holdout = parts.validation
            exchange.write(self.folder / "train.npz", exchange.parts_of(parts.train))
            exchange.write(
                self.folder / "validation.npz",
                exchange.holdout_parts(holdout.history, holdout.targets, holdout.users, holdout.known),
            )
            for k in self.arguments.k:
                for name, contender in self._chosen(data):
                    cell = Cell(data, name, k, seed, dims, self.arguments.threads)
                    self._measure(cell, contender, parts)
                    if contender.timed and data != SYNTHETIC:
                        self._measure_in_our_time(cell, contender, parts)

    def _chosen(self, data: str) -> list[tuple[str, Contender]]:
        """Ours first: the others are given its time."""
        names = [name for name in CONTENDERS if not self.arguments.only or name in self.arguments.only]
        return [(name, CONTENDERS[name]) for name in names if data == SYNTHETIC or not CONTENDERS[name].memory_only]

    def _measure_in_our_time(self, cell: Cell, contender: Contender, parts: Split) -> None:
        ours, full = self.known.get(cell._replace(contender=OURS)), self.known.get(cell)
        if ours is None or full is None:
            _note(f"{cell.contender} in our time: not without ours and its own full run")
            return
        batch_size = contender.settings["batch_size"] or default_batch_size(parts.train.shape[0])
        steps = -(-parts.train.shape[0] // batch_size)
        settings = in_our_time(contender.settings, full.notes, steps, ours.cpu_seconds)
        cell = cell._replace(contender=cell.contender + IN_OUR_TIME)
        self._measure(cell, replace(contender, settings=settings), parts)

    def _measure(self, cell: Cell, contender: Contender, parts: Split) -> None:
        if cell in self.known and not self.arguments.again:
            return
        task = Task(
            folder=str(self.folder),
            dims=cell.dims,
            k=cell.k,
            seed=cell.seed,
            batch_size=default_batch_size(parts.train.shape[0]),
            threads=cell.threads,
            brief=cell.data == SYNTHETIC,
            settings=contender.settings,
        )
        outcome, matrix = self._trained(task, contender)
        users: list[int] = []
        ndcg: list[float] = []
        if not task.brief:
            assert parts.test is not None
            users, ndcg = parts.test.users.tolist(), np.round(scored(matrix, parts.test), 6).tolist()
        measurement = Measurement(
            cell,
            outcome.seconds,
            outcome.cpu_seconds,
            outcome.memory_bytes,
            users,
            ndcg,
            contender.settings,
            outcome.notes,
        )
        train_results.append(self.out, measurement)
        self.known[cell] = measurement
        accuracy = f"nDCG@100 {np.mean(ndcg):.4f}, " if ndcg else ""
        _note(
            f"{cell.data} k {cell.k} seed {cell.seed} {cell.contender}: {accuracy}{outcome.seconds:.1f} s, "
            f"{outcome.memory_bytes / 2**20:.0f} MiB, {outcome.notes['epochs']} epochs"
        )

    def _trained(self, task: Task, contender: Contender) -> tuple[Outcome, Csr]:
        python = self.arguments.peer_python if contender.peer else sys.executable
        if python is None:
            raise SystemExit("--peer-python must name an interpreter with compresso-recsys; or leave it out by --only")
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
        environment = os.environ | dict.fromkeys(names, str(task.threads)) | {"PYTHONPATH": str(ROOT)}
        command = [str(python), "-m", contender.module, str(task.write())]
        if status := subprocess.run(command, check=False, env=environment, cwd=ROOT).returncode:
            raise SystemExit(f"{contender.module} ended with {status}")
        return exchange.outcome(self.folder)


def scored(matrix: Csr, holdout: Holdout) -> NDArray[np.float64]:
    """NDCG@100 of every test user, by scores x A Aᵀ."""
    A = sp.csr_matrix(sp.diags(holdout.known.astype(np.float32)) @ matrix)
    rankings = rank_scores(lambda histories: ((histories @ A) @ A.T).toarray(), holdout)
    return quality(rankings, holdout.targets).ndcg_100


def _synthetic() -> Interactions:
    drawn = bench_sizing.draw(_SIZE).cast({"user_id": str, "item_id": str})
    return binarise(drawn, SYNTHETIC)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _dataset(text: str) -> str:
    if text not in (*NAMES, SYNTHETIC):
        raise argparse.ArgumentTypeError(f"{text} is none of {', '.join((*NAMES, SYNTHETIC))}")
    return text


def _whole(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="*", type=_dataset, metavar="DATASET", help="none: only the tables")
    parser.add_argument("--peer-python", type=Path, metavar="FILE", help="interpreter with compresso-recsys")
    parser.add_argument("--only", action="append", choices=CONTENDERS, help="may be given several times")
    parser.add_argument("--seeds", type=_whole, default=[1, 2, 3])
    parser.add_argument("--k", type=_whole, default=[8, 16, 32, 64])
    parser.add_argument("--dims", type=int, help="width of all contenders; default: that of our fit")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--again", action="store_true", help="measure what is known as well")
    parser.add_argument("--out", type=Path, default=Path("reports/train.jsonl"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, Path(folder))
        for data in arguments.datasets:
            bench.run(data)
    print(document(bench.known))


if __name__ == "__main__":
    main()
