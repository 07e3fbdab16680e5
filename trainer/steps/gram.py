"""A step of the linear loss through the Gram matrix AᵀA, on the CPU: for narrow supports of many items, in few dims.

|x A Aᵀ - x|² needs no predictions where AᵀA is known, so that a step costs n_items k² and batch n_dims², and not
batch x n_items x k. What is large is the products z AᵀA and zᵀ z, in float32 or bfloat16, by torch.
"""

from typing import Any, ClassVar

import numpy as np
import torch

from trainer.fit_options import FitOptions
from trainer.steps import gram_kernels, kernels, sparse_kernels
from trainer.steps.kernels import Batch
from trainer.steps.step import TYPES, CompiledStep, next_rates
from trainer.steps.threads import Threads
from trainer.weights import Weights, array_of


class GramStep(CompiledStep):
    way: ClassVar[str] = "gram"

    def __init__(self, weights: Weights, options: FitOptions, threads: Threads, **more: Any) -> None:
        assert options.loss == "linear"
        super().__init__(weights, options, threads, **more)
        self.type = TYPES[options.precision]
        self.codes = array_of(self.room.take("codes", (weights.n_items, weights.k)))
        state = weights.state()
        threads.ranges(kernels.write_codes, weights.n_items, state.w, self.codes)
        self.by_dim = gram_kernels.by_dim(state.dims, weights.n_dims)

    def __call__(self, batch: Batch) -> float:
        state, codes, n_dims = self.weights.state(), self.codes, self.weights.n_dims
        of_users, square, take = (batch.n_users, n_dims), (n_dims, n_dims), self.room.take
        z, q = take("z", of_users), array_of(take("q", of_users))
        self.threads.ranges(gram_kernels.fold_in, batch.n_users, batch, state.dims, codes, array_of(z))
        of_items = (*self.by_dim, state.dims, codes)
        squares = take("squares", square, self.type)
        self.threads.ranges(gram_kernels.gram, n_dims, *of_items, array_of(squares))
        right = take("right", of_users, self.type).copy_(z)
        y = torch.mm(right, squares, out=take("y", of_users, self.type))
        left, losses = take("left", of_users, self.type), np.empty(batch.n_users, np.float32)
        self.threads.ranges(
            gram_kernels.errors, batch.n_users, batch, array_of(z), array_of(y), array_of(left), q, losses
        )
        between = torch.mm(left.T.contiguous(), right, out=squares)  # AᵀA is not needed any more
        G = take("G", (batch.n_items, self.weights.k))
        self.threads.ranges(gram_kernels.gradients, n_dims, *of_items, array_of(between), array_of(G))
        self.threads.ranges(gram_kernels.add_of_users, batch.n_items, batch, state.dims, q, array_of(G))
        self.ranks.sum_(G)
        rates = next_rates(self.weights, self.options)
        self.threads.ranges(sparse_kernels.update, batch.n_items, array_of(G), state, codes, rates)
        return float(losses.sum(dtype=np.float64)) / max(batch.n_users, 1)
