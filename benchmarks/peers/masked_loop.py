"""The paper's training as its text and its authors' settings say, in plain torch: dense float32, masked in every step.

"Efficient Learning of Sparse Representations from Interactions", WWW'26. Exponential schedule: a halving in ten epochs,
a value an epoch, then ten epochs at k. After each pruning the survivors start again from their initial values with a
new optimiser. NAdam, learning rate 0.1, epsilon 1e-7, loss a mean over users and items. No validation, no ReLU.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from benchmarks.peers.exchange import Arrays, Csr, Task, from_rectangles, measure

HALVING, LAST = 10, 10  # epochs
LEARNING_RATE, EPSILON = 0.1, 1e-7


def trained(train: Csr, _: Arrays, task: Task) -> tuple[Csr, Mapping[str, Any]]:
    torch.set_num_threads(task.threads)
    generator = torch.Generator().manual_seed(task.seed)
    n_users, n_items = train.shape
    bound = (6 / (n_items + task.dims)) ** 0.5
    initial = (torch.rand(n_items, task.dims, generator=generator) * 2 - 1) * bound
    P = initial.clone().requires_grad_()
    optimiser = torch.optim.NAdam([P], lr=LEARNING_RATE, eps=EPSILON)
    values, before = [task.dims, task.k] if task.brief else schedule(task.dims, task.k), task.dims
    for k in values:
        if k != before:
            with torch.no_grad():
                P = torch.where(mask(P, k), initial, 0.0).requires_grad_()
            optimiser, before = torch.optim.NAdam([P], lr=LEARNING_RATE, eps=EPSILON), k
        users = train[torch.randperm(n_users, generator=generator).numpy()]
        for start in range(0, n_users, task.batch_size):
            x = torch.from_numpy(users[start : start + task.batch_size].toarray())
            A = item_matrix(P, k)
            loss = (normalize(x @ A @ A.T - x) - normalize(x)).square().mean()
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    with torch.no_grad():
        weights, dims = item_matrix(P, task.k).abs().topk(task.k, dim=1)
        weights = item_matrix(P, task.k).gather(1, dims)
    notes = {"epochs": len(values), "torch": torch.__version__}
    return from_rectangles(dims.numpy().astype(np.int64), weights.numpy(), task.dims), notes


def schedule(dims: int, k: int) -> list[int]:
    """Non-zeros an item at each epoch."""
    n_pruning = int(np.ceil(HALVING * np.log2(dims / k)))
    return [max(k, int(dims * 2 ** (-epoch / HALVING))) for epoch in range(n_pruning)] + [k] * LAST


def mask(P: Tensor, k: int) -> Tensor:
    return torch.zeros_like(P, dtype=torch.bool).scatter_(1, P.abs().topk(k, dim=1).indices, value=True)


def item_matrix(P: Tensor, k: int) -> Tensor:
    """A: rows of length 1 with the k largest |P|."""
    return normalize(P * mask(P.detach(), k), dim=1)


if __name__ == "__main__":
    measure(trained)
