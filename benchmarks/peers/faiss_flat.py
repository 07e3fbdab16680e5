"""Times faiss' exact inner product over float32 vectors: python -m benchmarks.peers.faiss_flat FOLDER.

FOLDER/task.json says how many items, histories and queries; a line a cell goes to FOLDER/cells.jsonl. Runs in the
peer's interpreter: nothing of ours is imported.
"""

import json
import sys
import time
from pathlib import Path

import faiss  # type: ignore[import-not-found]
import numpy as np

DENSE = 256


def main() -> None:
    folder = Path(sys.argv[1])
    task = json.loads((folder / "task.json").read_text())
    faiss.omp_set_num_threads(1)
    rng, n_items = np.random.default_rng(0), task["n_items"]
    index = faiss.IndexFlatIP(DENSE)
    for start in range(0, n_items, 2**16):
        vectors = rng.standard_normal((min(2**16, n_items - start), DENSE), np.float32)
        index.add(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    with (folder / "cells.jsonl").open("w") as file:
        for history in task["histories"]:
            for n in task["n"]:
                seconds = []
                for _ in range(task["queries"]):
                    rows = rng.choice(n_items, history, replace=False)
                    began = time.perf_counter()
                    profile = np.sum([index.reconstruct(int(row)) for row in rows], axis=0, keepdims=True)
                    index.search(profile, n + history)
                    seconds.append(time.perf_counter() - began)
                p50, p95, p99 = (float(np.quantile(seconds[1:], q) * 1e6) for q in (0.5, 0.95, 0.99))
                cell = {"history": history, "n": n, "p50": p50, "p95": p95, "p99": p99, "queries": len(seconds) - 1}
                file.write(json.dumps(cell) + "\n")


if __name__ == "__main__":
    main()
