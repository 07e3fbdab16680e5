"""Item-kNN: an item is scored by its nearest items in the history (Deshpande and Karypis, TOIS 2004).

As tuned by Ferrari Dacrema, Cremonesi and Jannach (RecSys'19), "Are we really making much progress?": cosine similarity
with a shrinkage, and every candidate keeps its own K nearest, K a column of S.
"""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import dims_type
from trainer.baselines.system import PAPER_NONZERO_BYTES, Context, Learned, Setting
from trainer.interactions import Csr
from trainer.split import Holdout

_CHUNK_ENTRIES = 2**23  # of chunk x n_items similarities that are dense at once, 64 MiB in float64
_DENSE_COPIES = 6  # similarities, counts, their partition and masks
_SPARSE_BYTES = 32  # of a kept similarity: as it is gathered, and in the CSR that is made of it


class ItemKnn:
    """A System: one S for every byte budget."""

    title: ClassVar[str] = "Item-kNN"
    sized: ClassVar[bool] = False
    on_device: ClassVar[bool] = False
    settings: Sequence[Setting] = (
        {"neighbours": 10, "shrinkage": 0.0},
        {"neighbours": 30, "shrinkage": 0.0},
        {"neighbours": 100, "shrinkage": 10.0},
        {"neighbours": 300, "shrinkage": 10.0},
    )  # the number decides far more than the shrinkage: ML-1M wants 100, Goodbooks 10, and shrinkage moves little there

    def __init__(self, context: Context) -> None:
        """Nothing is random, nothing has a width: the context decides nothing."""

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        """S of `train` (n_users, n_items); validation users decide nothing beside the setting."""
        neighbours = min(int(setting["neighbours"]), train.shape[1])
        weights = fit(train, neighbours, float(setting["shrinkage"]))
        index_bytes = np.dtype(dims_type(train.shape[1])).itemsize
        stored_bytes = (weights.dtype.itemsize + index_bytes) * neighbours
        return Learned(partial(scores, weights), PAPER_NONZERO_BYTES * neighbours, stored_bytes, dict(setting))

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        """About the peak of the dearest setting: a dense chunk at work, and S."""
        most = min(max(int(setting["neighbours"]) for setting in self.settings), n_items)
        return 8 * _DENSE_COPIES * _chunk_items(n_items) * n_items + _SPARSE_BYTES * n_items * most


def fit(train: Csr, neighbours: int, shrinkage: float) -> Csr:
    """S (n_items, n_items) with scores x S: S_ij = c_ij / (|i| |j| + shrinkage) where i is near j, else 0.

    c_ij counts the users who have both, |i| is the root of those who have i. Near j are the `neighbours` items most
    similar to it, ties by row; j itself and items without a user in common with it never are.
    Costs one sparse product; of S as it would be whole, only a chunk of columns exists at a time.
    """
    n_items = train.shape[1]
    items: sp.csr_matrix[np.float32] = sp.csr_matrix(train.T)
    frequencies = np.asarray(train.getnnz(axis=0), np.float64)
    rows, columns, values = [], [], []
    step = _chunk_items(n_items)
    for start in range(0, n_items, step):
        chunk = np.arange(start, min(start + step, n_items))
        similar = np.asarray((items[chunk] @ train).toarray(), np.float64)  # (chunk, n_items) the columns of S, lying
        lengths = np.sqrt(frequencies[chunk][:, None] * frequencies) + shrinkage
        np.divide(similar, lengths, out=similar, where=lengths > 0)
        similar[np.arange(len(chunk)), chunk] = 0.0
        places, near = np.nonzero(nearest(similar, neighbours))
        rows.append(near)
        columns.append(chunk[places])
        values.append(similar[places, near].astype(np.float32))
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sp.csr_matrix(entries, shape=(n_items, n_items))


def nearest(similar: NDArray[np.float64], neighbours: int) -> NDArray[np.bool_]:
    """Which entries of each row are positive and among its `neighbours` largest; of equal ones the first are taken."""
    positive = similar > 0
    if neighbours >= similar.shape[1]:
        return positive
    place = similar.shape[1] - neighbours
    last = np.partition(similar, place, axis=1)[:, place, None]  # the smallest that is still among the largest
    above, level = similar > last, similar == last
    left = neighbours - above.sum(axis=1, keepdims=True)
    return np.asarray(positive & (above | (level & (level.cumsum(axis=1) <= left))))


def scores(weights: Csr, histories: Csr) -> NDArray[np.float32]:
    """X S as (n_users, n_items)."""
    return np.asarray((histories @ weights).toarray())


def _chunk_items(n_items: int) -> int:
    return max(_CHUNK_ENTRIES // max(n_items, 1), 1)
