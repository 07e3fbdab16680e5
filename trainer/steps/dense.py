"""A step whose large products are dense, on the CPU: for supports of many dims.

Four products of batch x n_outputs x n_dims by torch, in float32 or bfloat16. The products of the sparse x are sums of
rows; and normalisation, its gradient, NAdam and the rounding of A are one pass. Beside the weights there is A in the
products' precision, and the errors of a batch; never the gradient of all items.
"""

import numpy as np
import torch
from torch import Tensor

from trainer.fit_options import FitOptions
from trainer.steps import dense_kernels, kernels
from trainer.steps.kernels import Batch, Halves, Values
from trainer.steps.room import Room
from trainer.steps.step import TYPES, next_rates
from trainer.steps.threads import Threads
from trainer.weights import Weights, array_of

_AT_ONCE, _LEAST_AT_ONCE = 2**22, 256  # gradients of A, and outputs, for which a product is made at a time


class DenseStep:
    def __init__(self, weights: Weights, options: FitOptions, threads: Threads) -> None:
        self.weights, self.options, self.threads = weights, options, threads
        self.type = TYPES[options.precision]
        self.A = torch.empty(weights.n_items, weights.n_dims, dtype=self.type)
        self.room = Room()
        state = weights.state()
        threads.ranges(kernels.write_rows, weights.n_items, state.w, state.dims, array_of(self.A))

    def __call__(self, batch: Batch) -> float:
        A, of_users = self._outputs(batch), (batch.n_users, self.weights.n_dims)
        z = self._take("z", of_users)
        self.threads.ranges(dense_kernels.fold_in, batch.n_users, batch, array_of(A), array_of(z))
        E, loss = self._errors(batch, torch.mm(z, A.T, out=self._take("E", (batch.n_users, batch.n_outputs))))
        zE = torch.mm(E, A, out=self._take("zE", of_users))
        self._move(batch, E, z, array_of(zE))
        return loss

    def _move(self, batch: Batch, E: Tensor, z: Tensor, zE: Halves | Values) -> None:
        """Some outputs at a time, so that Eᵀ z is never there as a whole."""
        state, A, rates = self.weights.state(), array_of(self.A), next_rates(self.weights, self.options)
        at_once = max(_AT_ONCE // self.weights.n_dims, _LEAST_AT_ONCE)
        for first in range(0, batch.n_outputs, at_once):
            n = min(at_once, batch.n_outputs - first)
            transposed = self._take("transposed", (n, batch.n_users)).copy_(E[:, first : first + n].T)
            G = torch.mm(transposed, z, out=self._take("G", (n, self.weights.n_dims)))
            self.threads.ranges(dense_kernels.update, n, first, batch, array_of(G), zE, state, A, rates)
        if not batch.is_whole:
            self.threads.ranges(dense_kernels.drift, self.weights.n_items, batch, state, A, rates)

    def _take(self, name: str, shape: tuple[int, ...]) -> Tensor:
        return self.room.take(name, shape, self.type)

    def _outputs(self, batch: Batch) -> Tensor:
        """The rows of A that are outputs."""
        if batch.is_whole:
            return self.A
        rows = torch.from_numpy(batch.rows)
        return torch.index_select(self.A, 0, rows, out=self._take("A", (batch.n_outputs, self.weights.n_dims)))

    def _errors(self, batch: Batch, predicted: Tensor) -> tuple[Tensor, float]:
        """The gradient of the loss by the predictions x A Aᵀ, written over them, and the loss."""
        losses = np.empty(batch.n_users, np.float32)
        clip = self.options.loss == "clip"
        self.threads.ranges(dense_kernels.errors, batch.n_users, batch, clip, array_of(predicted), losses)
        return predicted, float(losses.mean(dtype=np.float64))
