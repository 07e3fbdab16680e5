"""EASE, "Embarrassingly Shallow Autoencoders for Sparse Data" (Steck, WWW'19)."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trainer.baselines.system import PAPER_WEIGHT_BYTES, Context, Learned, Setting
from trainer.errors import ConfigurationError
from trainer.evaluate import quality, rank_scores
from trainer.interactions import Csr
from trainer.split import Holdout, Split

LAMBDAS = (50.0, 150.0, 400.0, 800.0)


def bytes_needed(n_items: int) -> int:
    """The peak of `choose`: Gram matrix, inverse, B, the best B so far and the work space of the inversion, float64."""
    return 5 * 8 * n_items * n_items


def check_memory(n_items: int, available: int) -> None:
    """Refuses what cannot fit into `available` bytes, before it is tried. Raises ConfigurationError."""
    needed = bytes_needed(n_items)
    if needed > available:
        raise ConfigurationError(
            f"EASE on {n_items:,} items takes about {needed / 2**30:.1f} GiB, {available / 2**30:.1f} are there; "
            "leave --compare out"
        )


def choose(parts: Split) -> tuple[float, NDArray[np.float64]]:
    """The lambda of LAMBDAS with the best validation nDCG@100, and its B."""
    if parts.validation is None:
        raise ConfigurationError("EASE's lambda is chosen on held-out users; leave --no-holdout out")
    best: tuple[float, float, NDArray[np.float64]] | None = None
    for regularisation in LAMBDAS:
        weights = fit(parts.train, regularisation)
        rankings = rank_scores(partial(scores, weights), parts.validation)
        score = float(quality(rankings, parts.validation.targets).ndcg_100.mean())
        if best is None or score > best[0]:
            best = score, regularisation, weights
    assert best is not None
    return best[1], best[2]


def fit(train: Csr, regularisation: float) -> NDArray[np.float64]:
    """B (n_items, n_items) with scores x B: P = (XᵀX + lambda I)⁻¹, B_ij = -P_ij / P_jj, zero diagonal. O(n_items³)."""
    gram = (train.T @ train).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularisation
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def scores(weights: NDArray[np.float64], histories: Csr) -> NDArray[np.float64]:
    """X B as (n_users, n_items)."""
    return np.asarray(histories @ weights)


class Ease:
    """The whole matrix: n_items weights an item."""

    title: ClassVar[str] = "EASE"
    sized: ClassVar[bool] = False
    on_device: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.settings: Sequence[Setting] = tuple({"lambda": value} for value in LAMBDAS)

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        weights = fit(train, setting["lambda"])
        n_bytes = PAPER_WEIGHT_BYTES * train.shape[1]
        return Learned(partial(scores, weights), n_bytes, n_bytes, setting)

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        return bytes_needed(n_items)
