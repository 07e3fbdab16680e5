"""A step whose products touch non-zeros only, on the CPU: for supports of few dims. Everything is float32.

Its bits depend neither on the number of threads nor on a library of products.
"""

from typing import Any, ClassVar

import numpy as np

from trainer.fit_options import FitOptions
from trainer.steps import kernels, sparse_kernels
from trainer.steps.kernels import LANES, Batch, Values
from trainer.steps.step import CompiledStep, next_rates
from trainer.steps.threads import Threads
from trainer.weights import Weights, array_of


class SparseStep(CompiledStep):
    way: ClassVar[str] = "sparse"

    def __init__(self, weights: Weights, options: FitOptions, threads: Threads, **more: Any) -> None:
        super().__init__(weights, options, threads, **more)
        self.codes = self._take("codes", (weights.n_items, weights.k))
        threads.ranges(kernels.write_codes, weights.n_items, weights.state().w, self.codes)

    def __call__(self, batch: Batch) -> float:
        state, codes, relu = self.weights.state(), self.codes, self.options.loss == "relu"
        n_blocks = -(-batch.n_users // LANES)
        z, zE = (self._take(name, (n_blocks, self.weights.n_dims, LANES)) for name in ("z", "zE"))
        E = self._take("E", (n_blocks, batch.n_items, LANES))
        losses = np.empty(batch.n_users, np.float32)

        def forward_and_back(block: int) -> None:
            sparse_kernels.fold_in(block, batch, state.dims, codes, z[block])
            sparse_kernels.predict(state.dims, codes, z[block], E[block])
            sparse_kernels.errors(block, batch, relu, E[block], losses)
            sparse_kernels.spread(state.dims, codes, E[block], zE[block])

        self.threads.each(forward_and_back, n_blocks)
        G = self.room.take("G", (batch.n_items, self.weights.k))
        self.threads.ranges(sparse_kernels.gradients, batch.n_items, batch, state.dims, E, z, zE, array_of(G))
        self.ranks.sum_(G)
        rates = next_rates(self.weights, self.options)
        self.threads.ranges(sparse_kernels.update, batch.n_items, array_of(G), state, codes, rates)
        return float(losses.sum(dtype=np.float64)) / max(batch.n_users, 1)

    def _take(self, name: str, shape: tuple[int, ...]) -> Values:
        return array_of(self.room.take(name, shape))
