"""Everybody gets what most users have."""

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from trainer.baselines.system import PAPER_WEIGHT_BYTES, Context, Learned, Setting
from trainer.interactions import Csr
from trainer.split import Holdout


def popularity(train: Csr) -> NDArray[np.float32]:
    """(n_items,) share of users who have the item."""
    return np.asarray(train.getnnz(axis=0) / max(train.shape[0], 1), np.float32)


def scores(train: Csr, histories: Csr) -> NDArray[np.float32]:
    """(n_users, n_items) the popularity, for every history the same."""
    return np.tile(popularity(train), (histories.shape[0], 1))


class Popular:
    """The floor: a number an item, and nothing to choose."""

    title: ClassVar[str] = "Popularity"
    sized: ClassVar[bool] = False
    on_device: ClassVar[bool] = False

    def __init__(self, context: Context) -> None:
        self.settings: Sequence[Setting] = ({},)

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        return Learned(partial(scores, train), PAPER_WEIGHT_BYTES, PAPER_WEIGHT_BYTES, setting)

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        return 0
