"""The item matrices of benchmarks.bench_search, and histories of a given length for each."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from benchmarks import synthetic_codes
from benchmarks.public_data import interactions_of
from benchmarks.synthetic_codes import HARD, TRAINED, Shape
from index.embedding import ItemEmbedding
from index.kernels import Rows
from index.search import LARGE
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_dims
from trainer.machine import default_precision
from trainer.row_order import row_order
from trainer.split import split

logger = logging.getLogger(__name__)

NONZEROS = 32
_KEPT = Path("reports/search")  # matrices that took long to make
_SYNTHETIC = {
    "synthetic-10k": (10_000, 2_048, 16, TRAINED),
    "synthetic-100k": (100_000, 4_096, 32, TRAINED),
    "synthetic-1m": (1_000_000, 4_096, 32, TRAINED),
    "synthetic-5m": (5_000_000, 4_096, 32, TRAINED),
    "hard-100k": (100_000, 4_096, 32, HARD),
    "hard-1m": (1_000_000, 4_096, 32, HARD),
}
NAMES = ("ml-1m", "goodbooks-sample", "published", *_SYNTHETIC)


@dataclass(frozen=True)
class Matrix:
    codes: ItemEmbedding
    histories: Callable[[int, int], list[Rows]]
    """Up to so many histories of so many rows, ascending."""


def load(name: str) -> Matrix:
    if name in _SYNTHETIC:
        return _synthetic(name, *_SYNTHETIC[name])
    return _published() if name == "published" else _trained(name)


def _synthetic(name: str, n_items: int, n_dims: int, k: int, shape: Shape) -> Matrix:
    made = synthetic_codes.items(n_items, n_dims, k, shape)
    if n_items < LARGE:
        order = np.arange(n_items)
    else:  # as `fit` stores them
        kept = _KEPT / f"{name}.npy"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.save(kept, row_order(made.codes))
        order = np.load(kept)
    row = np.empty(n_items, np.int32)
    row[order] = np.arange(n_items, dtype=np.int32)

    def histories(length: int, n: int) -> list[Rows]:
        return [np.sort(row[rows]) for rows in synthetic_codes.histories(made, n, length, shape)]

    return Matrix(made.codes.take(order.astype(np.int32)), histories)


def _published() -> Matrix:
    folder = Path(os.environ["SPARSESHELF_TEST_DATA"], "published-weights")
    matrix = sp.csr_matrix(sp.load_npz(folder / "gb10_weights_2048_16nnz_sparse.npz"))
    matrix.sort_indices()
    codes = ItemEmbedding.from_rows(matrix.indptr, matrix.indices, matrix.data, matrix.shape[1])
    return Matrix(codes, _sampled(sp.csr_matrix(sp.load_npz(folder / "gb10_test_users.npz"))))


def _trained(name: str) -> Matrix:
    parts = split(interactions_of(name), seed=1)
    assert parts.test is not None
    kept = _KEPT / f"{name}.npz"
    if not kept.exists():
        torch.set_num_threads(1)
        options = FitOptions(
            dims=default_dims(parts.train.shape[1]), nonzeros=NONZEROS, seed=1, precision=default_precision()
        )
        codes = fit(parts.train, parts.validation, options, lambda _: None)
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, dims=codes.dims, weights=codes.weights, n_dims=codes.n_dims)
    stored = np.load(kept)
    histories = sp.csr_matrix(parts.test.history)
    return Matrix(ItemEmbedding(stored["dims"], stored["weights"], int(stored["n_dims"])), _sampled(histories))


def _sampled(users: sp.csr_matrix) -> Callable[[int, int], list[Rows]]:
    """Of users with longer histories, so many of their items by chance."""

    def histories(length: int, n: int) -> list[Rows]:
        rng = np.random.default_rng(0)
        lengths = np.diff(users.indptr)
        enough = np.flatnonzero(lengths >= length)
        return [
            np.sort(
                rng.choice(users.indices[users.indptr[user] : users.indptr[user + 1]], length, replace=False)
            ).astype(np.int32)
            for user in rng.permutation(enough)[:n]
        ]

    return histories
