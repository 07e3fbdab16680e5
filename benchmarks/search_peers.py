"""Hands benchmarks.bench_search's matrix and queries to other engines, which run in an interpreter of their own."""

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.kernels import Rows

ENGINES = (
    "seismic, cut 20",
    "seismic, cut 200",
    "qdrant-edge",
    "faiss flat 256",
    "faiss HNSW 256",
    "implicit 256",
)
_ROOT = Path(__file__).parent.parent
Query = tuple[Rows, NDArray[np.float64], Rows]  # a history, its profile, the best rows


def run_peers(
    python: Path,
    codes: sp.csr_matrix,
    vectors: NDArray[np.float32],
    queries: Mapping[tuple[int, int], list[Query]],
    left: Mapping[str, list[tuple[int, int]]],
) -> Iterator[dict[str, Any]]:
    """The cells that are `left` of each engine; `queries` by length of history and n. An engine that fails is named."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        kept = codes.data != 0
        starts = np.concatenate([[0], np.cumsum(kept)])[codes.indptr]
        np.savez(
            folder / "codes.npz",
            starts=starts,
            dims=codes.indices[kept],
            weights=codes.data[kept],
            n_dims=codes.shape[1],
        )
        np.save(folder / "vectors.npy", vectors)
        for (length, n), asked in queries.items():
            if asked:
                histories, profiles, best = (np.array(column) for column in zip(*asked, strict=True))
                np.savez(folder / f"queries-{length}-{n}.npz", histories=histories, profiles=profiles, best=best)
        for engine, cells in left.items():
            known = [cell for cell in cells if queries.get(cell)]
            (folder / "task.json").write_text(json.dumps({"engines": [engine], "cells": known}))
            (folder / "cells.jsonl").unlink(missing_ok=True)
            command = [str(python), "-m", "benchmarks.peers.search_engines", name]
            done = subprocess.run(command, cwd=_ROOT, env=os.environ, check=False)
            if (folder / "cells.jsonl").exists():
                yield from map(json.loads, (folder / "cells.jsonl").read_text().splitlines())
            if done.returncode:
                print(f"{engine} ended with {done.returncode}", flush=True)
