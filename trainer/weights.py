"""What is trained: of each item k weights on its support, and what the optimiser remembers of them."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from index.embedding import ItemEmbedding
from trainer.steps import support_kernels
from trainer.steps.kernels import State
from trainer.steps.threads import Threads


class Weights:
    """Rows of any length: what they stand for, A, has rows of length 1."""

    values: Tensor  # (n_items, k) float32
    dims: Tensor | None  # (n_items, k) int32 the support, ascending; None: all dims, nothing is pruned yet
    momentum: Tensor  # (n_items, k) NAdam's first moment
    variance: Tensor  # (n_items, k) and its second
    steps: int  # since the moments were zero
    mu_product: float  # NAdam's momentum factors so far
    initial: Tensor | None  # (n_items, n_dims) where survivors restart from it

    def __init__(
        self, initial: Tensor, dims: Tensor | None = None, *, n_dims: int | None = None, restart: bool = False
    ) -> None:
        """Of all dims, or with `dims` on that support of `n_dims`.

        `restart`: after each pruning the survivors start again from their initial values, which are of all dims.
        """
        assert not restart or dims is None
        self.n_items, self.n_dims = len(initial), n_dims or initial.shape[1]
        self.initial = initial if restart else None
        self.take(initial.clone() if restart else initial, dims)

    @property
    def k(self) -> int:
        return int(self.values.shape[1])

    def take(self, values: Tensor, dims: Tensor | None) -> None:
        """Goes on with these values on this support, both (n_items, k); the optimiser remembers nothing."""
        self.values, self.dims = values, dims
        self.momentum = self.variance = torch.empty(0)  # the old ones go before the new ones come
        self.momentum, self.variance = torch.zeros_like(values), torch.zeros_like(values)
        self.steps, self.mu_product = 0, 1.0

    def codes(self) -> Tensor:
        """A's values on the support, (n_items, k): each row of length 1."""
        return normalize(self.values, dim=1)

    def prune(self, k: int, threads: Threads) -> None:
        """Keeps each row's k largest |weights|; they go on from where they are, or restart from their initial values.

        What was pruned before stays out: supports are nested. The optimiser starts anew.
        """
        self.momentum = self.variance = torch.empty(0)
        self.take(*(self._pruned_on_cpu(k, threads) if self.values.device.type == "cpu" else self._pruned(k)))

    def _pruned_on_cpu(self, k: int, threads: Threads) -> tuple[Tensor, Tensor]:
        values, dims = torch.empty(self.n_items, k), torch.empty(self.n_items, k, dtype=torch.int32)
        before = (array_of(self.values), array_of(self.dims, torch.int32), array_of(self.initial))
        threads.ranges(support_kernels.keep_largest, self.n_items, *before, values.numpy(), dims.numpy())
        return values, dims

    def _pruned(self, k: int) -> tuple[Tensor, Tensor]:
        kept = self.values.abs().topk(k, dim=1).indices.sort(dim=1).values
        dims = kept if self.dims is None else self.dims.gather(1, kept)
        values = self.codes().gather(1, kept) if self.initial is None else self.initial.gather(1, dims.long())
        return values, dims.to(torch.int32)

    def exchange(self, n: int, gradients: Iterable[tuple[int, Tensor]], threads: Threads) -> None:
        """The `n` smallest |weights| of each row give way to dims outside its support with the largest |gradients|.

        At most as many as are outside. Each of `gradients` is that of some rows, (n_rows, n_dims), after the first of
        them, and is spoilt; every row is among them once, and changes when its gradient has come. What comes starts at
        0; the optimiser goes on.
        """
        assert self.dims is not None
        assert n <= self.n_dims - self.k
        on_cpu = self.values.device.type == "cpu"
        for first, gradient in gradients:
            rows = slice(first, first + len(gradient))
            before = [tensor[rows] for tensor in (self.values, self.momentum, self.variance, self.dims)]
            after = _exchanged_on_cpu(before, n, gradient, threads) if on_cpu else _exchanged(before, n, gradient)
            for old, new in zip(before, after, strict=True):
                old.copy_(new)

    def rows(self, rows: NDArray[np.int64]) -> "Weights":
        """A copy of those of some items, with what the optimiser remembers of them."""
        index = torch.from_numpy(rows).to(self.values.device)
        dims = None if self.dims is None else self.dims[index]
        found = Weights.__new__(Weights)
        found.n_items, found.n_dims, found.initial, found.dims = len(rows), self.n_dims, None, dims
        found.values, found.momentum, found.variance = (
            tensor[index] for tensor in (self.values, self.momentum, self.variance)
        )
        found.steps, found.mu_product = self.steps, self.mu_product
        return found

    def put(self, rows: NDArray[np.int64], changed: "Weights") -> None:
        """Takes those items back, on the same support."""
        index = torch.from_numpy(rows).to(self.values.device)
        for name in ("values", "momentum", "variance"):
            getattr(self, name).index_copy_(0, index, getattr(changed, name))
        self.steps, self.mu_product = changed.steps, changed.mu_product

    def state(self) -> State:
        """The same memory, on the CPU, for kernels to change."""
        return State(
            array_of(self.values), array_of(self.momentum), array_of(self.variance), array_of(self.dims, torch.int32)
        )

    def embedding(self, trained: NDArray[np.bool_]) -> ItemEmbedding:
        """The code of every item: all weights of its support; rows that are not `trained` (n_items,) become zero."""
        weights = self.codes().cpu().numpy()
        weights[~trained] = 0.0
        if self.dims is None:
            dims = np.broadcast_to(np.arange(self.n_dims, dtype=np.int32), weights.shape)
        else:
            dims = self.dims.cpu().numpy()
        return ItemEmbedding.from_entries(dims, weights, self.n_dims)


def _exchanged_on_cpu(before: list[Tensor], n: int, gradient: Tensor, threads: Threads) -> list[Tensor]:
    after = [torch.empty_like(tensor) for tensor in before]
    states = (State(*(array_of(tensor) for tensor in tensors)) for tensors in (before, after))
    threads.ranges(support_kernels.exchange, len(gradient), next(states), n, array_of(gradient), next(states))
    return after


def _exchanged(before: list[Tensor], n: int, gradient: Tensor) -> list[Tensor]:
    *of_weights, dims = before
    kept = before[0].abs().topk(dims.shape[1] - n, dim=1).indices
    grown = gradient.abs_().clamp_min_(1e-30).scatter_(1, dims.long(), 0.0).topk(n, dim=1).indices
    together = torch.cat([dims.gather(1, kept), grown.to(torch.int32)], dim=1)
    order = together.argsort(dim=1)
    remaining = (tensor.gather(1, kept) for tensor in of_weights)
    moved = [torch.cat([tensor, tensor.new_zeros(len(dims), n)], dim=1).gather(1, order) for tensor in remaining]
    return [*moved, together.gather(1, order)]


def array_of(tensor: Tensor | None, kind: torch.dtype = torch.float32) -> NDArray[Any]:
    """The same memory as kernels take it: bfloat16 as uint16, and what is not there as an empty rectangle."""
    if tensor is None:
        tensor = torch.empty(0, 0, dtype=kind)
    if tensor.dtype == torch.bfloat16:
        halves: NDArray[Any] = tensor.view(torch.int16).numpy().view(np.uint16)
        return halves
    found: NDArray[Any] = tensor.numpy()
    return found
