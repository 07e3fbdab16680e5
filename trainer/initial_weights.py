"""What training begins with: random values, of all dims or on a random support, or the codes of an earlier version."""

import numpy as np
import torch
from torch import Tensor

from index.embedding import ItemEmbedding
from trainer.fit_options import FitOptions
from trainer.weights import Weights

_ROWS_AT_ONCE = 2**14


def drawn(n_items: int, options: FitOptions, generator: torch.Generator, device: torch.device) -> Weights:
    """Random ones: `start_nonzeros` of them an item, or of all dims."""
    k, support = options.start_nonzeros, None
    if k is not None:
        support = random_support(n_items, options.dims, k, generator).to(device)
    initial = xavier_uniform(n_items, options.dims, generator, k).to(device)
    return Weights(initial, support, n_dims=options.dims, restart=options.restart)


def continued(start: ItemEmbedding, generator: torch.Generator, device: torch.device) -> Weights:
    """Those of an earlier version, and random ones for items without a code."""
    values, dims = rectangles(start, generator)
    return Weights(values.to(device), None if start.k == start.n_dims else dims.to(device), n_dims=start.n_dims)


def rectangles(start: ItemEmbedding, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Values and support (n_items, k): those of `start`, and random ones for items without a code.

    A row with fewer than k weights gets others of 0 on random dims.
    """
    living = start.weights != 0
    dims = torch.from_numpy(np.where(living, start.dims.astype(np.int32), -1))
    values = torch.from_numpy(start.weights.copy())
    new = torch.from_numpy(~start.coded)
    lacking = torch.from_numpy(np.flatnonzero(~living.all(axis=1)))
    for rows in torch.split(lacking, _ROWS_AT_ONCE):
        dims[rows] = _filled(dims[rows], random_support(len(rows), start.n_dims, start.k, generator))
    values[new] = xavier_uniform(start.n_items, start.n_dims, generator, start.k)[new]
    order = dims.argsort(dim=1)
    return values.gather(1, order), dims.gather(1, order)


def _filled(dims: Tensor, candidates: Tensor) -> Tensor:
    """`dims` (n_rows, k) with one of the row's `candidates` (n_rows, k) that it has not yet for each -1."""
    taken = (candidates[:, :, None] == dims[:, None, :]).any(dim=2)
    free = candidates.gather(1, taken.int().argsort(dim=1, stable=True))
    lacking = dims < 0
    place = (lacking.cumsum(dim=1) - 1).clamp_min_(0)
    return torch.where(lacking, free.gather(1, place), dims)


def xavier_uniform(n_items: int, n_dims: int, generator: torch.Generator, k: int | None = None) -> Tensor:
    """Initial values uniform in ± sqrt(6 / (n_items + n_dims)), of all dims or of `k` an item."""
    bound = (6 / (n_items + n_dims)) ** 0.5
    return torch.rand(n_items, k or n_dims, generator=generator).mul_(2).sub_(1).mul_(bound)


def random_support(n_items: int, n_dims: int, k: int, generator: torch.Generator) -> Tensor:
    """Of each item `k` dims, ascending, (n_items, k) int32: one from each of k equal stretches of the dims."""
    starts = torch.arange(k + 1) * n_dims // k
    widths = starts.diff()
    place = torch.rand(n_items, k, generator=generator).mul_(widths).to(torch.int32)
    return place.clamp_(max=(widths - 1).to(torch.int32)).add_(starts[:-1].to(torch.int32))
