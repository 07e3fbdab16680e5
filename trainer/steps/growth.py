"""The gradient by weights that do not exist: where a support would grow.

"Rigging the Lottery: Making All Tickets Winners" (Evci et al., ICML 2020) exchanges the smallest weights of a sparse
network for the missing ones with the largest gradients.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from trainer.fit_options import FitOptions
from trainer.interactions import Csr
from trainer.steps import dense_kernels
from trainer.steps.autograd import Reconstruction, dense_inputs, item_matrix
from trainer.steps.batch import all_outputs
from trainer.steps.dense import DenseProducts
from trainer.steps.threads import Threads
from trainer.weights import Weights, array_of


def gradient(weights: Weights, users: Csr, options: FitOptions, threads: Threads) -> Tensor:
    """Of the users' loss by A (n_items, n_dims), pruned or not, up to a factor."""
    total = torch.zeros(weights.n_items, weights.n_dims, device=weights.values.device)
    size = options.batch_size or users.shape[0]
    parts = (users[start : start + size] for start in range(0, users.shape[0], size))
    if weights.values.device.type != "cpu":
        return _on_accelerator(weights, parts, options, total)
    products = DenseProducts(weights, options, threads)
    for part in parts:
        batch = all_outputs(part)
        z, E, zE, _ = products.forward(batch)
        for first, G in products.gradients(z, E):
            found = array_of(G), array_of(zE), array_of(total)
            threads.ranges(dense_kernels.add_gradients, len(G), first, batch, *found)
    return total


def _on_accelerator(weights: Weights, parts: Iterable[Csr], options: FitOptions, total: Tensor) -> Tensor:
    dims = None if weights.dims is None else weights.dims.long()
    A = item_matrix(weights.values, dims, weights.n_dims, None, options.precision).requires_grad_()
    for part in parts:
        x = dense_inputs(all_outputs(part), total.device)
        loss = Reconstruction.apply(A, x, options.loss == "relu")  # type: ignore[no-untyped-call]
        total += torch.autograd.grad(loss, A)[0] * len(x)
    return total
