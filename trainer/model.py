"""Compressed ELSA: A as trainable weights on a support, and its loss. Equation numbers are the paper's.

"Efficient Learning of Sparse Representations from Interactions", WWW'26. Shapes: x (batch, n_items),
A (n_items, n_dims), z = x A (batch, n_dims).
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

Loss = Literal["linear", "clip"]
CLIP = 6.0  # the authors' code, not the paper: predictions are clipped to [0, 6] in training


class CompressedElsa(torch.nn.Module):
    """Of each item only the weights on its support exist: k of them, at first one for every dim."""

    weight: torch.nn.Parameter  # (n_items, k)
    dims: Tensor | None  # (n_items, k) the support; None: weight is (n_items, n_dims), nothing is pruned yet

    def __init__(self, initial: Tensor) -> None:
        super().__init__()
        self.initial = initial
        self.weight = torch.nn.Parameter(initial.clone())
        self.dims = None

    def item_matrix(self) -> Tensor:
        """A (n_items, n_dims), rows of length 1."""
        values: Tensor = normalize(self.weight, dim=1)
        if self.dims is None:
            return values
        matrix: Tensor = torch.zeros_like(self.initial).scatter(1, self.dims, values)
        return matrix

    def loss(self, x: Tensor, kind: Loss) -> Tensor:
        """Equation (2): the squared error between the normalised x and x (A Aᵀ - I), a mean over users.

        Of two vectors of length 1 the squared distance is 2 - 2 cos. Costs O(batch n_items n_dims).
        """
        A = self.item_matrix()
        predicted = ((x @ A) @ A.T).float() - x
        if kind == "clip":
            predicted = predicted.clamp(0.0, CLIP)
        return (2 - 2 * cosine_similarity(predicted, x, dim=1)).mean()

    @torch.no_grad()
    def prune(self, k: int, *, restart: bool) -> None:
        """Keeps each row's k largest |weights|; they go on from where they are, or restart from their initial values.

        What was pruned before stays out: supports are nested.
        """
        kept = self.weight.abs().topk(k, dim=1).indices.sort(dim=1).values
        self.dims = kept if self.dims is None else self.dims.gather(1, kept)
        survivors = self.initial.gather(1, self.dims) if restart else normalize(self.weight, dim=1).gather(1, kept)
        self.weight = torch.nn.Parameter(survivors)


def xavier_uniform(n_items: int, n_dims: int, generator: torch.Generator) -> Tensor:
    """Initial values uniform in ± sqrt(6 / (n_items + n_dims))."""
    bound = (6 / (n_items + n_dims)) ** 0.5
    values: Tensor = (torch.rand(n_items, n_dims, generator=generator) * 2 - 1) * bound
    return values
