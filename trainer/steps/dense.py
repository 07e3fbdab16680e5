"""A step whose large products are dense, on the CPU: for supports of many dims.

Four products of batch x n_items x n_dims by torch, in float32 or bfloat16. The products of the sparse x are sums of
rows; and normalisation, its gradient, NAdam and the rounding of A are one pass. Beside the weights there is A in the
products' precision, and the errors of a batch; never the gradient of all items.
"""

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from trainer.fit_options import FitOptions
from trainer.steps import costs, dense_kernels, kernels
from trainer.steps.kernels import Batch
from trainer.steps.room import Room
from trainer.steps.step import TYPES, CompiledStep, next_rates
from trainer.steps.threads import Threads
from trainer.weights import Weights, array_of

LEAST_AT_ONCE = 256  # items that a product for the gradient is made of at a time


class DenseProducts:
    """A, and what a batch makes of it."""

    def __init__(self, weights: Weights, options: FitOptions, threads: Threads, room: Room | None = None) -> None:
        self.options, self.threads, self.room = options, threads, room or Room()
        self.type = TYPES[options.precision]
        self.A = self._take("A", (weights.n_items, weights.n_dims))
        state = weights.state()
        threads.ranges(kernels.write_rows, weights.n_items, state.w, state.dims, array_of(self.A))

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, float]:
        """The profiles z, the gradient E of the loss by the predictions, E A, and the loss."""
        A, of_users = self.A, (batch.n_users, self.A.shape[1])
        z = self._take("z", of_users)
        self.threads.ranges(dense_kernels.fold_in, batch.n_users, batch, array_of(A), array_of(z))
        E = torch.mm(z, A.T, out=self._take("E", (batch.n_users, batch.n_items)))
        losses, relu = np.empty(batch.n_users, np.float32), self.options.loss == "relu"
        self.threads.ranges(dense_kernels.errors, batch.n_users, batch, relu, array_of(E), losses)
        return (
            z,
            E,
            torch.mm(E, A, out=self._take("zE", of_users)),
            float(losses.sum(dtype=np.float64)) / max(batch.n_users, 1),
        )

    def gradients(self, z: Tensor, E: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Eᵀ z of some items at a time, with the first of them, so that it is never there as a whole."""
        at_once = max(costs.AT_ONCE // sum(z.shape), LEAST_AT_ONCE)
        for first in range(0, E.shape[1], at_once):
            columns = E[:, first : first + at_once]
            transposed = self._take("transposed", (columns.shape[1], columns.shape[0])).copy_(columns.T)
            yield first, torch.mm(transposed, z, out=self._take("G", (columns.shape[1], z.shape[1])))

    def _take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return self.room.take(name, shape, self.type)


class DenseStep(CompiledStep):
    way: ClassVar[str] = "dense"

    def __init__(self, weights: Weights, options: FitOptions, threads: Threads, **more: Any) -> None:
        super().__init__(weights, options, threads, **more)
        self.products = DenseProducts(weights, options, threads, self.room)

    def __call__(self, batch: Batch) -> float:
        z, E, zE, loss = self.products.forward(batch)
        state, A, rates = self.weights.state(), array_of(self.products.A), next_rates(self.weights, self.options)
        found = ((len(G), first, batch, array_of(G), array_of(zE)) for first, G in self.products.gradients(z, E))
        if self.ranks.number == 1:
            for part in found:
                self.threads.ranges(dense_kernels.update, *part, state, A, rates)
            return loss
        total = self.products.room.take("gradients", tuple(self.weights.values.shape))
        for part in found:
            self.threads.ranges(dense_kernels.gather, *part, state.dims, array_of(total))
        self.ranks.sum_(total)
        self.threads.ranges(dense_kernels.move, len(total), array_of(total), state, A, rates)
        return loss
