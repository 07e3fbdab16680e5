"""Times other engines on what benchmarks.bench_search wrote: python -m benchmarks.peers.search_engines FOLDER.

FOLDER/task.json names the engines and the queries; codes.npz holds the item matrix (starts, dims, weights, n_dims),
vectors.npy (n_items, 256) what a dense model would have, queries-H-N.npz the histories of length H, their profiles and
the best N rows. A line a cell goes to FOLDER/cells.jsonl. One thread; an engine's query is what its users would write,
with all that can be prepared beforehand left out of the time. Runs in the peers' interpreter: nothing of ours is
imported.

Of signed codes: Seismic assumes that nothing is negative, so a dim becomes two, one a sign, and a profile has both;
Qdrant takes them as they are. Engines that cannot leave items out are asked for as many more.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")

import numpy as np

Rows = np.ndarray[Any, np.dtype[np.int32]]
Search = Callable[[int, int], Any]  # of a query's number and n: the time is its
Answer = Callable[[Any], list[int]]  # its rows, outside the time
_BATCH = 10_000


class Queries:
    """Of one length of history and one n."""

    def __init__(self, folder: Path, history: int, n: int) -> None:
        stored = np.load(folder / f"queries-{history}-{n}.npz")
        self.profiles, self.histories, self.best = stored["profiles"], stored["histories"], stored["best"]


class Data:
    def __init__(self, folder: Path) -> None:
        stored = np.load(folder / "codes.npz")
        self.starts, self.dims, self.weights = stored["starts"], stored["dims"], stored["weights"]
        self.n_dims, self.n_items = int(stored["n_dims"]), len(self.starts) - 1
        self.vectors = np.load(folder / "vectors.npy", mmap_mode="r")

    def rows(self) -> Iterator[tuple[int, Any, Any]]:
        for row in range(self.n_items):
            begin, end = self.starts[row], self.starts[row + 1]
            if begin < end:
                yield row, self.dims[begin:end], self.weights[begin:end]


# ------------------------------------------------------------ engines of sparse vectors


def seismic(data: Data, cut: int) -> tuple[float, Callable[[Queries], tuple[Search, Answer]]]:
    import seismic as engine  # type: ignore[import-not-found]

    kind = engine.get_seismic_string()
    names = np.array([str(dim) for dim in range(2 * data.n_dims)], dtype=kind)
    items = engine.SeismicDataset()
    for row, dims, weights in data.rows():
        items.add_document(str(row), names[dims + data.n_dims * (weights < 0)], np.abs(weights).astype(np.float32))
    index = engine.SeismicIndex.build_from_dataset(items, num_threads=1)
    with tempfile.TemporaryDirectory() as folder:
        index.save(str(Path(folder, "index")))
        size = sum(file.stat().st_size for file in Path(folder).iterdir())

    def prepared(queries: Queries) -> tuple[Search, Answer]:
        ready = []
        for profile in queries.profiles:
            dims = np.flatnonzero(profile)
            values = np.abs(profile[dims]).astype(np.float32)
            same, other = (
                names[dims + data.n_dims * (profile[dims] < 0)],
                names[dims + data.n_dims * (profile[dims] > 0)],
            )
            ready.append((np.concatenate([same, other]), np.concatenate([values, -values])))
        return (
            lambda query, n: index.search("", *ready[query], k=n, query_cut=cut, heap_factor=0.9),
            lambda found: [int(row) for _, _, row in found],
        )

    return size / data.n_items, prepared


def qdrant(data: Data) -> tuple[float, Callable[[Queries], tuple[Search, Answer]]]:
    import qdrant_edge as engine

    folder = tempfile.mkdtemp()
    config = engine.EdgeConfig(
        sparse_vectors={"code": engine.EdgeSparseVectorParams(on_disk=False)}, max_search_threads=1
    )
    shard, points = engine.EdgeShard.create(folder, config), []
    for row, dims, weights in data.rows():
        points.append(engine.Point(row, {"code": engine.SparseVector(dims.tolist(), weights.tolist())}))
        if len(points) == _BATCH:
            shard.update(engine.UpdateOperation.upsert_points(points))
            points = []
    if points:
        shard.update(engine.UpdateOperation.upsert_points(points))
    shard.optimize()
    shard.flush()
    size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file() and "wal" not in file.parts)

    def prepared(queries: Queries) -> tuple[Search, Answer]:
        ready = []
        for profile in queries.profiles:
            dims = np.flatnonzero(profile)
            vector = engine.SparseVector(dims.tolist(), profile[dims].tolist())
            ready.append(engine.Query.Nearest(vector, "code"))
        return (
            lambda query, n: shard.query(engine.QueryRequest(limit=n, query=ready[query])),
            lambda found: [int(point.id) for point in found],
        )

    return size / data.n_items, prepared


# ------------------------------------------------------------ engines of dense vectors


def faiss_flat(data: Data) -> tuple[float, Callable[[Queries], tuple[Search, Answer]]]:
    import faiss

    faiss.omp_set_num_threads(1)
    index = faiss.IndexFlatIP(data.vectors.shape[1])
    for start in range(0, data.n_items, 2**16):
        index.add(np.ascontiguousarray(data.vectors[start : start + 2**16]))
    return 4 * data.vectors.shape[1], _faiss_queries(data, index)


def faiss_hnsw(data: Data, explored: int) -> tuple[float, Callable[[Queries], tuple[Search, Answer]]]:
    import faiss

    faiss.omp_set_num_threads(1)
    neighbours = 32
    index = faiss.IndexHNSWFlat(data.vectors.shape[1], neighbours, faiss.METRIC_INNER_PRODUCT)
    for start in range(0, data.n_items, 2**16):
        index.add(np.ascontiguousarray(data.vectors[start : start + 2**16]))
        _say(f"hnsw: {index.ntotal} of {data.n_items}")
    index.hnsw.efSearch = explored
    return 4 * data.vectors.shape[1] + 8 * neighbours, _faiss_queries(data, index)


def _faiss_queries(data: Data, index: Any) -> Callable[[Queries], tuple[Search, Answer]]:
    def prepared(queries: Queries) -> tuple[Search, Answer]:
        ready = [data.vectors[rows] for rows in queries.histories]
        return (
            lambda query, n: index.search(ready[query].sum(axis=0, keepdims=True), n)[1][0],
            lambda found: [int(row) for row in found],
        )

    return prepared


def implicit(data: Data) -> tuple[float, Callable[[Queries], tuple[Search, Answer]]]:
    import scipy.sparse as sp
    from implicit.cpu.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=data.vectors.shape[1], num_threads=1)
    model.item_factors = np.array(data.vectors)

    def prepared(queries: Queries) -> tuple[Search, Answer]:
        model.user_factors = np.array([data.vectors[rows].sum(axis=0) for rows in queries.histories])
        lengths = [len(rows) for rows in queries.histories]
        users = sp.csr_matrix(
            (np.ones(sum(lengths), np.float32), np.concatenate(queries.histories), np.cumsum([0, *lengths])),
            (len(lengths), data.n_items),
        )
        rows = [users[user] for user in range(len(lengths))]
        return lambda query, n: model.recommend(query, rows[query], N=n)[0], lambda found: [int(row) for row in found]

    return 4 * data.vectors.shape[1], prepared


ENGINES: dict[str, Callable[[Data], tuple[float, Callable[[Queries], tuple[Search, Answer]]]]] = {
    "seismic, cut 20": lambda data: seismic(data, 20),
    "seismic, cut 200": lambda data: seismic(data, 200),
    "qdrant-edge": qdrant,
    "faiss flat 256": faiss_flat,
    "faiss HNSW 256": lambda data: faiss_hnsw(data, 256),
    "implicit 256": implicit,
}
_DENSE = {"faiss flat 256", "faiss HNSW 256", "implicit 256"}  # whose best are those of the dense vectors


def main() -> None:
    folder = Path(sys.argv[1])
    task, data = json.loads((folder / "task.json").read_text()), Data(folder)
    with (folder / "cells.jsonl").open("a") as file:
        for engine in task["engines"]:
            began = time.perf_counter()
            bytes_per_item, of_queries = ENGINES[engine](data)
            _say(f"{engine}: built in {time.perf_counter() - began:.0f} s")
            for history, n in task["cells"]:
                queries = Queries(folder, history, n)
                cell = measured(engine, data, queries, of_queries(queries), n)
                cell |= {"contender": engine, "history": history, "n": n, "bytes_per_item": bytes_per_item}
                file.write(json.dumps(cell) + "\n")
                file.flush()


def measured(engine: str, data: Data, queries: Queries, ready: tuple[Search, Answer], n: int) -> dict[str, float]:
    (search, answer), seconds, shares = ready, [], []
    for query, history in enumerate(queries.histories):
        began = time.perf_counter()
        found = search(query, n if engine.startswith("implicit") else n + len(history))  # which leaves them out
        seconds.append(time.perf_counter() - began)
        hidden = set(history.tolist())
        rows = [row for row in answer(found) if row not in hidden][:n]
        shares.append(len(set(rows) & best_of(engine, data, queries, query, n)) / n)
    p50, p95, p99 = (float(np.quantile(seconds[1:], q) * 1e6) for q in (0.5, 0.95, 0.99))
    return {"p50": p50, "p95": p95, "p99": p99, "queries": len(seconds) - 1, "recall": float(np.mean(shares))}


def best_of(engine: str, data: Data, queries: Queries, query: int, n: int) -> set[int]:
    if engine not in _DENSE:
        return set(queries.best[query].tolist())
    scores = data.vectors @ data.vectors[queries.histories[query]].sum(axis=0)
    scores[queries.histories[query]] = -np.inf
    return set(np.argpartition(-scores, n)[:n].tolist())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
