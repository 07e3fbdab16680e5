"""What the users of a step have, by user and by item, without users x items."""

import numpy as np
from numpy.typing import NDArray

from trainer.interactions import Csr
from trainer.steps.kernels import Batch, Places, by_item


def all_outputs(users: Csr) -> Batch:
    """Every item is an output."""
    every = np.arange(users.shape[1], dtype=np.int32)
    return _batch(users, users.indices.astype(np.int32), every, every)


def sampled_outputs(users: Csr, own: NDArray[np.integer], others: NDArray[np.integer]) -> Batch:
    """The items of the batch's users, and after them others that none of them has."""
    rows = np.concatenate([own, others]).astype(np.int32)
    place = np.full(users.shape[1], -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    return _batch(users, place[users.indices], rows, place)


def _batch(users: Csr, columns: Places, rows: Places, place: Places) -> Batch:
    starts = users.indptr.astype(np.int64)
    return Batch(starts, columns, rows, place, *by_item(starts, columns, len(rows)))
