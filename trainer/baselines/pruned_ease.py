"""EASE of which each item keeps its k largest weights: the paper's sparse baseline without learning."""

import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import dims_type
from trainer.baselines import ease
from trainer.baselines.system import PAPER_NONZERO_BYTES, Context, Learned, Setting
from trainer.interactions import Csr
from trainer.split import Holdout


def prune(weights: NDArray[np.float64], k: int) -> "sp.csr_matrix[np.float64]":
    """Keeps the k largest |B_ij| of each row, that is of each source item, of B (n_items, n_items)."""
    n_items = len(weights)
    if k >= n_items:
        return sp.csr_matrix(weights)
    kept = np.argpartition(-np.abs(weights), k - 1, axis=1)[:, :k]
    values = np.take_along_axis(weights, kept, axis=1)
    return sp.csr_matrix((values.ravel(), kept.ravel(), np.arange(n_items + 1) * k), shape=weights.shape)


def scores(weights: "sp.csr_matrix[np.float64]", histories: Csr) -> NDArray[np.float64]:
    """X B as (n_users, n_items)."""
    return np.asarray(sp.csr_matrix(histories @ weights).toarray())


class PrunedEase:
    """One inversion serves all budgets: the last B is kept."""

    title: ClassVar[str] = "Pruned EASE"
    sized: ClassVar[bool] = True
    on_device: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.settings: Sequence[Setting] = tuple({"lambda": value} for value in ease.LAMBDAS)
        self._whole: tuple[Csr, float, NDArray[np.float64], float] | None = None

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        assert budget is not None
        regularisation = setting["lambda"]
        seconds_before = 0.0
        if self._whole is None or self._whole[0] is not train or self._whole[1] != regularisation:
            self._whole = None  # two would not fit where one does
            began = time.perf_counter()
            whole = ease.fit(train, regularisation)
            self._whole = train, regularisation, whole, time.perf_counter() - began
        else:
            seconds_before = self._whole[3]
        k = min(budget // PAPER_NONZERO_BYTES, train.shape[1])
        index_bytes = np.dtype(dims_type(train.shape[1])).itemsize
        pruned = prune(self._whole[2], k)
        stored_bytes = (4 + index_bytes) * k
        return Learned(partial(scores, pruned), PAPER_NONZERO_BYTES * k, stored_bytes, setting, seconds_before)

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        return ease.bytes_needed(n_items)
