r"""Exact search beside what would be put in its place: time, and what is found of the best.

python3 -m venv search && search/bin/pip install numpy scipy faiss-cpu==1.15.1 implicit==0.7.3 \
  pyseismic-lsr==0.5.4 qdrant-edge-py==0.9.0
python -m benchmarks.bench_search ml-1m published synthetic-100k synthetic-1m hard-1m --peer-python search/bin/python

Matrices: MovieLens 1M and Goodbooks as `fit` trains them, the published weights (SPARSESHELF_TEST_DATA names the
folder), and what benchmarks/synthetic_codes.py makes: trained-like ones, and hard ones without clusters.
Contenders: `ours`, from Python with the mask of the history; its two ways, `lists` and `scan` (every item scored), of
which it takes the one that it expects to be cheaper; `scipy A z`,
a CSR matrix times a dense profile; `scipy z A^T`, sparse times sparse, as the paper's code does it; `dense 256`, a
product of float32 vectors of 256 dims as a dense model would have (its answers are another model's, so nothing is said
of them); and in the peers' interpreter those of benchmarks/peers/search_engines.py, of which --engines chooses.
numpy's partition finds the best of all.

One thread. The contenders take turns of ten queries, so that all meet the same noise, and each its own data in the
caches, as in a service; peers follow when a matrix is done. A line a cell is added to --out; what is there is not
measured again. Progress goes to stderr, tables to stdout.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.search_matrices import NAMES, Matrix, load
from benchmarks.search_peers import ENGINES, run_peers
from benchmarks.search_table import table
from index.kernels import Rows
from index.packed import PackedEmbedding
from index.search import Mask, PackedSearch
from index.search_kernels import LISTS, SCAN

DENSE = 256
_TURN = 10  # queries
_MOST_DENSE = 2 * 10**6  # items, of which vectors are kept in memory
_SLOW = {"scipy z A^T", f"dense {DENSE}"}  # not compared closely
Search = Callable[[Rows, int], Rows]


@dataclass(frozen=True)
class Cell:
    """Microseconds of one contender's queries, and the share of the best n that it found."""

    matrix: str
    contender: str
    history: int
    n: int
    p50: float
    p95: float
    p99: float
    queries: int
    recall: float | None
    bytes_per_item: float
    entries: float = 0  # of lists, that ours reads where it does not scan, median
    scored: float = 0  # items scored by their codes


class Contenders:
    """Of one matrix."""

    def __init__(self, matrix: Matrix) -> None:
        packed = PackedEmbedding.pack(matrix.codes)
        dims, weights = packed.codes_of(np.arange(packed.n_items, dtype=np.int32))
        starts = np.arange(packed.n_items + 1, dtype=np.int64) * packed.k
        self.packed, self.search = packed, PackedSearch(packed)
        self.csr = sp.csr_matrix(
            (weights.ravel(), dims.ravel().astype(np.int32), starts), (packed.n_items, packed.n_dims)
        )
        self.turned = self.csr.T.tocsr()
        self.vectors = vectors_of(self.csr) if packed.n_items <= _MOST_DENSE else None
        self.search.warm_up()
        sparse = self.csr.data.nbytes + self.csr.indices.nbytes + self.csr.indptr.nbytes
        lists = self.search.index.postings
        of_lists = lists.entries.nbytes + lists.starts.nbytes + lists.lengths.nbytes
        self.bytes = {
            "ours": packed.codes.nbytes + of_lists,
            "lists": packed.codes.nbytes + of_lists,
            "scan": packed.codes.nbytes,
            "scipy A z": sparse,
            "scipy z A^T": sparse,
            f"dense {DENSE}": 4 * DENSE * packed.n_items,
        }

    def named(self) -> dict[str, Search]:
        named: dict[str, Search] = {
            "ours": self._ours,
            "lists": partial(self._by, LISTS),
            "scan": partial(self._by, SCAN),
            "scipy A z": self._product,
            "scipy z A^T": self._sparse_product,
        }
        return named if self.vectors is None else named | {f"dense {DENSE}": self._dense}

    def profile(self, history: Rows) -> NDArray[np.float64]:
        return self.packed.profile(history, np.ones(len(history)))

    def _ours(self, history: Rows, n: int) -> Rows:
        return self.search.best(self.profile(history), n, Mask.hiding(history)).rows

    def _by(self, way: int, history: Rows, n: int) -> Rows:
        return self.search.search(self.profile(history), n, Mask.hiding(history), way)[0].rows

    def _product(self, history: Rows, n: int) -> Rows:
        return best(self.csr @ self.profile(history).astype(np.float32), history, n)

    def _sparse_product(self, history: Rows, n: int) -> Rows:
        users = sp.csr_matrix((np.ones(len(history), np.float32), history, [0, len(history)]), (1, self.packed.n_items))
        return best((users @ self.csr @ self.turned).toarray()[0], history, n)

    def _dense(self, history: Rows, n: int) -> Rows:
        assert self.vectors is not None
        return best(self.vectors @ self.vectors[history].sum(axis=0), history, n)


def vectors_of(codes: sp.csr_matrix) -> NDArray[np.float32]:
    """Dense vectors with the neighbours of the codes: their projections on random directions, of length 1."""
    directions = np.random.default_rng(0).standard_normal((codes.shape[1], DENSE), np.float32)
    vectors = np.empty((codes.shape[0], DENSE), np.float32)
    for start in range(0, codes.shape[0], 2**16):
        part = codes[start : start + 2**16] @ directions
        vectors[start : start + 2**16] = part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
    return vectors


def best(scores: NDArray[np.float32], history: Rows, n: int) -> Rows:
    scores[history] = -np.inf
    found = np.argpartition(-scores, min(n, len(scores) - 1))[:n]
    rows: Rows = found[np.argsort(-scores[found], kind="stable")].astype(np.int32)
    return rows


class Bench:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments, self.out = arguments, arguments.out
        self.cells = (
            [Cell(**json.loads(line)) for line in self.out.read_text().splitlines()] if self.out.exists() else []
        )

    def run(self, name: str) -> None:
        wanted = [(length, n) for length in self.arguments.histories for n in self.arguments.n]
        left = self._left(name, "ours", wanted)
        engines = self.arguments.engines if self.arguments.peer_python else []
        left_of_peers = {engine: self._left(name, engine, wanted) for engine in engines}
        if not left and not any(left_of_peers.values()):
            return
        _say(f"{name}: making the matrix")
        matrix = load(name)
        contenders = Contenders(matrix)
        for length, n in left:
            if histories := matrix.histories(length, self.arguments.queries):
                self._measure(name, contenders, histories, n)
        if any(left_of_peers.values()):
            queries = {
                (length, n): [
                    (history, contenders.profile(history), contenders.named()["ours"](history, n))
                    for history in matrix.histories(length, self.arguments.slow_queries)
                ]
                for length, n in wanted
            }
            vectors = vectors_of(contenders.csr) if contenders.vectors is None else contenders.vectors
            for cell in run_peers(self.arguments.peer_python, contenders.csr, vectors, queries, left_of_peers):
                self._keep(Cell(matrix=name, **cell))

    def _left(self, name: str, contender: str, wanted: list[tuple[int, int]]) -> list[tuple[int, int]]:
        known = {(cell.history, cell.n) for cell in self.cells if (cell.matrix, cell.contender) == (name, contender)}
        return [pair for pair in wanted if pair not in known]

    def _measure(self, name: str, contenders: Contenders, histories: list[Rows], n: int) -> None:
        named, seconds, found = contenders.named(), dict[str, list[float]](), dict[str, list[Rows]]()
        for start in range(0, len(histories), _TURN):
            for contender, search in named.items():
                if contender in _SLOW and start >= self.arguments.slow_queries:
                    continue
                search(histories[start - 1], n)  # finds the caches as the one before left them
                for history in histories[start : start + _TURN]:
                    began = time.perf_counter()
                    rows = search(history, n)
                    seconds.setdefault(contender, []).append(time.perf_counter() - began)
                    found.setdefault(contender, []).append(rows)
        work = []
        for history in histories:
            profile = contenders.profile(history)
            work.append(contenders.search.search(profile, n, Mask.hiding(history), LISTS)[1])
        entries = float(np.median([one.entries for one in work]))
        scored = float(np.median([one.first_scored + one.last_scored for one in work]))
        for contender, times in seconds.items():
            shares = [len(np.intersect1d(a, b)) / len(b) for a, b in zip(found[contender], found["scan"], strict=False)]
            p50, p95, p99 = (float(np.quantile(times, q) * 1e6) for q in (0.5, 0.95, 0.99))
            recall = None if contender.startswith("dense") else float(np.mean(shares))
            size = contenders.bytes[contender] / contenders.packed.n_items
            length, ours = len(histories[0]), contender == "ours"
            cell = Cell(name, contender, length, n, p50, p95, p99, len(times), recall, size)
            self._keep(replace(cell, entries=entries, scored=scored) if ours else cell)

    def _keep(self, cell: Cell) -> None:
        self.cells.append(cell)
        self.out.parent.mkdir(parents=True, exist_ok=True)
        with self.out.open("a") as file:
            file.write(json.dumps(asdict(cell)) + "\n")
        _say(f"{cell.matrix}, history {cell.history}, top {cell.n}: {cell.contender} {cell.p50:,.0f} us")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _engines(text: str) -> list[str]:
    named = [engine.strip() for engine in text.split(";")]
    if unknown := set(named) - set(ENGINES):
        raise argparse.ArgumentTypeError(f"no such engine: {', '.join(sorted(unknown))}")
    return named


def _whole(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("matrices", nargs="*", choices=[[], *NAMES], metavar="MATRIX", help=", ".join(NAMES))
    parser.add_argument("--histories", type=_whole, default=[1, 5, 20, 77, 300])
    parser.add_argument("--n", type=_whole, default=[10, 100])
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--slow-queries", type=int, default=20, help="of the contenders that are not compared closely")
    parser.add_argument("--peer-python", type=Path, metavar="FILE", help="interpreter with the peers")
    parser.add_argument(
        "--engines",
        type=_engines,
        default=list(ENGINES),
        help=f"of the peers: {'; '.join(ENGINES)}",
    )
    parser.add_argument("--out", type=Path, default=Path("reports/search.jsonl"))
    arguments = parser.parse_args()
    bench = Bench(arguments)
    for name in arguments.matrices:
        bench.run(name)
    print(table([asdict(cell) for cell in bench.cells]))


if __name__ == "__main__":
    main()
