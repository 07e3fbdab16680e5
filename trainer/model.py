"""Compressed ELSA: A as trainable weights on a support, and its loss. Equation numbers are the paper's.

"Efficient Learning of Sparse Representations from Interactions", WWW'26. Shapes: x (batch, n_items),
A (n_items, n_dims), z = x A (batch, n_dims).
"""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import normalize

from trainer.fit_options import Loss, Precision
from trainer.reconstruction import Reconstruction

_TYPES: Mapping[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class CompressedElsa(torch.nn.Module):
    """Of each item only the weights on its support exist: k of them, at first one for every dim."""

    weight: torch.nn.Parameter  # (n_items, k)
    dims: Tensor | None  # (n_items, k) the support; None: weight is (n_items, n_dims), nothing is pruned yet
    initial: Tensor | None  # (n_items, n_dims) where survivors restart from it

    def __init__(self, initial: Tensor, *, restart: bool = False) -> None:
        """`restart`: after each pruning the survivors start again from their initial values."""
        super().__init__()
        self.n_dims = initial.shape[1]
        self.initial = initial if restart else None
        self.weight = torch.nn.Parameter(initial.clone() if restart else initial)
        self.dims = None

    def item_matrix(self, rows: Tensor | None = None, precision: Precision = "float32") -> Tensor:
        """A (n_items, n_dims) or the rows of it that are asked for, each of length 1."""
        weight = self.weight if rows is None else self.weight[rows]
        values: Tensor = normalize(weight, dim=1).to(_TYPES[precision])
        if self.dims is None:
            return values
        dims = self.dims if rows is None else self.dims[rows]
        starts = torch.arange(len(values), device=values.device)[:, None] * self.n_dims
        flat = values.new_zeros(len(values) * self.n_dims)
        matrix: Tensor = flat.index_copy_(0, (starts + dims).ravel(), values.ravel())  # scatter_ copies all of it first
        return matrix.view(len(values), self.n_dims)

    def loss(self, x: Tensor, kind: Loss, rows: Tensor | None = None, precision: Precision = "float32") -> Tensor:
        """Equation (2): the squared error between the normalised x and x (A Aᵀ - I), a mean over users.

        Of two vectors of length 1 the squared distance is 2 - 2 cos. Costs O(batch outputs n_dims).
        `rows` are the items that the columns of x stand for, where they are not all; then A has only these rows.
        `precision` is that of the products.
        """
        A = self.item_matrix(rows, precision)
        found: Tensor = Reconstruction.apply(A, x, kind == "clip")  # type: ignore[no-untyped-call]
        return found

    @torch.no_grad()
    def prune(self, k: int) -> None:
        """Keeps each row's k largest |weights|; they go on from where they are, or restart from their initial values.

        What was pruned before stays out: supports are nested.
        """
        kept = self.weight.abs().topk(k, dim=1).indices.sort(dim=1).values
        dims = kept if self.dims is None else self.dims.gather(1, kept)
        if self.initial is None:
            self.take(normalize(self.weight, dim=1).gather(1, kept), dims)
        else:
            self.take(self.initial.gather(1, dims), dims)

    def take(self, weight: Tensor, dims: Tensor | None) -> None:
        """Goes on with these weights on this support, both (n_items, k)."""
        self.weight, self.dims = torch.nn.Parameter(weight), dims


def xavier_uniform(n_items: int, n_dims: int, generator: torch.Generator) -> Tensor:
    """Initial values uniform in ± sqrt(6 / (n_items + n_dims))."""
    bound = (6 / (n_items + n_dims)) ** 0.5
    values: Tensor = (torch.rand(n_items, n_dims, generator=generator) * 2 - 1) * bound
    return values
