"""Which items the steps of an epoch have as outputs: all of them, or a sample that holds the users' own.

What is no output of a step is neither read nor moved by it (row-sparse updates): the outputs' weights are taken out, a
step is made as if there were no other items, and they are put back. What NAdam would have done meanwhile to an item
that had no gradient is made up for when it comes again, or at the epoch's end.
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.interactions import Csr
from trainer.ranks import ALONE, Ranks
from trainer.steps import nadam
from trainer.steps.batch import batch_of, within
from trainer.steps.step import Step
from trainer.weights import Weights

Rows = NDArray[np.int64]
_ROWS_AT_ONCE = 2**16  # when all items make up for what they missed


class Steps(Protocol):
    """An epoch's steps, on one support. `settle` when these are all."""

    way: str

    def __call__(self, users: Csr, n_together: int) -> float:
        """Moves weights once; the mean loss of `users` before it. The step has `n_together` users on all ranks."""
        ...

    def settle(self) -> None: ...


class WholeSteps:
    """Every item is an output of each step."""

    def __init__(self, step: Step) -> None:
        self.step, self.way = step, step.way

    def __call__(self, users: Csr, n_together: int) -> float:
        return self.step(batch_of(users, n_together))

    def settle(self) -> None: ...


class Sample:
    """The outputs of a step: the items of its users, on all ranks, and random others up to `most`."""

    def __init__(self, n_items: int, most: int, generator: torch.Generator, ranks: Ranks = ALONE) -> None:
        """`generator` has the same state on all ranks."""
        self.n_items, self.most, self.generator, self.ranks = n_items, most, generator, ranks
        self._place = np.full(n_items, -1, np.int32)  # of an item among the outputs

    def rows(self, users: Csr) -> Rows:
        """The items, those of users first; the same on all ranks."""
        own = self.ranks.union(np.unique(users.indices).astype(np.int64))
        seed = int(torch.randint(2**62, (), generator=self.generator))
        if len(own) >= self.most:
            return own
        drawn = np.random.default_rng(seed).choice(self.n_items, self.most, replace=False)
        self._place[own] = 0
        others = drawn[self._place[drawn] < 0][: self.most - len(own)]
        self._place[own] = -1
        return np.concatenate([own, others])

    def places(self, users: Csr, rows: Rows) -> NDArray[np.int32]:
        """What the users' items are called among `rows`, (n_interactions,)."""
        self._place[rows] = np.arange(len(rows), dtype=np.int32)
        found = self._place[users.indices]
        self._place[rows] = -1
        return found


class SampledSteps:
    """Each step is made by `make`, for the weights of its outputs alone."""

    def __init__(self, weights: Weights, sample: Sample, make: Callable[[Weights], Step], learning_rate: float) -> None:
        self.weights, self.sample, self.make, self.learning_rate = weights, sample, make, learning_rate
        self._moved = np.zeros(weights.n_items, np.int64)  # the last step that moved an item, from the first of these
        self._drift = np.zeros(
            1
        )  # by such a step, how far a momentum over a square root of a variance moves since then
        self.way = ""

    def __call__(self, users: Csr, n_together: int) -> float:
        rows = self.sample.rows(users)
        part = self._taken(rows)
        self._count_step()
        step = self.make(part)
        loss = step(within(users, self.sample.places(users, rows), len(rows), n_together))
        self.way = step.way
        self.weights.put(rows, part)
        self._moved[rows] = self._steps
        return loss

    def settle(self) -> None:
        """All items make up for the steps that they were no outputs of."""
        for first in range(0, self.weights.n_items, _ROWS_AT_ONCE):
            rows = np.arange(first, min(first + _ROWS_AT_ONCE, self.weights.n_items))
            rows = rows[self._moved[rows] < self._steps]
            self.weights.put(rows, self._taken(rows))
        self._moved[:] = self._steps

    @property
    def _steps(self) -> int:
        return len(self._drift) - 1

    def _count_step(self) -> None:
        """What the next step of NAdam does to items without a gradient: momentum and variance fade, and the momentum
        over the root of the variance, without epsilon, moves the values, by factors that are the same for all.
        """
        rates, _ = nadam.next_step(self.weights.steps, self.weights.mu_product, self.learning_rate, 0.0)
        missed = np.arange(len(self._drift), 0, -1)
        root = np.sqrt(nadam.BETA2**missed * rates.correction)
        self._drift = np.append(self._drift + rates.momentum * nadam.BETA1**missed / root, 0.0)

    def _taken(self, rows: Rows) -> Weights:
        part, moved = self.weights.rows(rows), self._moved[rows]
        if (moved == self._steps).all():
            return part
        missed, drift = (
            torch.from_numpy(factor).to(part.values.device, torch.float32)[:, None]
            for factor in (self._steps - moved, self._drift[moved])
        )
        root = part.variance.sqrt().clamp_min_(torch.finfo(torch.float32).tiny)
        part.values.sub_(drift * part.momentum / root)
        part.momentum.mul_(nadam.BETA1**missed)
        part.variance.mul_(nadam.BETA2**missed)
        return part
