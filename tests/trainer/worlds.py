"""Data to train on: the synthetic catalogue split once, and small random tables."""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from index.catalog import Catalog
from trainer.datasets import Tables
from trainer.fit_options import FitOptions
from trainer.interactions import Csr, Interactions
from trainer.split import Holdout, Split

FIT_QUICKLY = (
    "fit --dataset synthetic --threads 1 --precision float32 --dims 32 --nonzeros 4 --prune-epochs 4 --regrow-epochs 2 "
    "--final-epochs 4 --batch-size 128"
).split()

QUICK = FitOptions(dims=32, nonzeros=4, prune_epochs=4, regrow_epochs=2, final_epochs=4, batch_size=128)


@dataclass(frozen=True)
class Shop:
    """The synthetic catalogue on its way to a model."""

    tables: Tables
    interactions: Interactions
    catalog: Catalog
    parts: Split

    @property
    def validation(self) -> Holdout:
        assert self.parts.validation is not None
        return self.parts.validation

    @property
    def test(self) -> Holdout:
        assert self.parts.test is not None
        return self.parts.test


def random_matrix(seed: int, n_users: int, n_items: int, density: float = 0.3) -> Csr:
    """Ones and zeros; every user has the item of its own number (modulo the items), so that no row is empty."""
    rng = np.random.default_rng(seed)
    dense = (rng.random((n_users, n_items)) < density).astype(np.float32)
    dense[np.arange(n_users), np.arange(n_users) % n_items] = 1.0
    return sp.csr_matrix(dense)


def interactions_of(matrix: Csr) -> Interactions:
    users = [f"u{user:06}" for user in range(matrix.shape[0])]
    items = [f"i{item:06}" for item in range(matrix.shape[1])]
    return Interactions(matrix, users, items, "none", None)
