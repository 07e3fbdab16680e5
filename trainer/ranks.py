"""Processes that train one model together: each has its share of the users and all of the weights.

Of all training users rank r has the rows r, r + number, r + 2 number, …

What a step needs of the others is a sum of gradients; every rank then moves its weights in the same way, so that they
stay the same, bit for bit, on all of them.
"""

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Ranks(Protocol):
    rank: int  # 0 tells and writes
    number: int

    def sum_(self, tensor: Tensor) -> None:
        """Every rank's `tensor` becomes the sum of all. Raises TrainingError where a rank is gone."""
        ...

    def union(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """What any rank has, ascending, each once, as `rows` are."""
        ...


class Alone:
    """One process, which has all users."""

    rank, number = 0, 1

    def sum_(self, tensor: Tensor) -> None: ...

    def union(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        return rows


ALONE = Alone()


def summed(numbers: NDArray[Any] | list[float], ranks: Ranks) -> NDArray[np.float64]:
    """Of every rank's numbers the sums."""
    total = torch.tensor(np.asarray(numbers, np.float64))
    ranks.sum_(total)
    found: NDArray[np.float64] = total.numpy()
    return found
