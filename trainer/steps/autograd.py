"""A step by torch's own operations, on any device: accelerators have it, and tests compare the others with it."""

from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import normalize

from trainer.fit_options import FitOptions, Precision
from trainer.ranks import ALONE, Ranks
from trainer.steps.kernels import LEAST_LENGTH, Batch
from trainer.steps.step import TYPES, next_rates
from trainer.weights import Weights


class AutogradStep:
    way: ClassVar[str] = "autograd"

    def __init__(self, weights: Weights, options: FitOptions, *, ranks: Ranks = ALONE) -> None:
        self.weights, self.options, self.ranks = weights, options, ranks
        self.dims = None if weights.dims is None else weights.dims.long()

    def __call__(self, batch: Batch) -> float:
        device = self.weights.values.device
        x = dense_inputs(batch, device)
        values = self.weights.values.requires_grad_()
        A = item_matrix(values, self.dims, self.weights.n_dims, self.options.precision)
        loss = Reconstruction.apply(A, x, self.options.loss == "relu", batch.n_together)  # type: ignore[no-untyped-call]
        (gradient,) = torch.autograd.grad(loss, values)
        self.ranks.sum_(gradient)
        self._move(values.detach_(), gradient)
        return float(loss.item()) * batch.n_together / max(batch.n_users, 1)

    def _move(self, values: Tensor, gradient: Tensor) -> None:
        """NAdam."""
        rates = next_rates(self.weights, self.options)
        momentum, variance = self.weights.momentum, self.weights.variance
        momentum.lerp_(gradient, float(rates.rest1))
        variance.mul_(float(rates.beta2)).addcmul_(gradient, gradient, value=float(rates.rest2))
        size = (variance * float(rates.correction)).sqrt_().add_(float(rates.epsilon))
        values.addcdiv_(gradient, size, value=-float(rates.gradient))
        values.addcdiv_(momentum, size, value=-float(rates.momentum))


def dense_inputs(batch: Batch, device: torch.device) -> Tensor:
    """X (users, items), made where it is needed."""
    users = np.repeat(np.arange(batch.n_users), np.diff(batch.starts))
    x = torch.zeros(batch.n_users, batch.n_items, device=device)
    x[torch.from_numpy(users).to(device), torch.from_numpy(batch.columns).long().to(device)] = 1.0
    return x


def item_matrix(values: Tensor, dims: Tensor | None, n_dims: int, precision: Precision) -> Tensor:
    """A (n_items, n_dims), each row of length 1, from weights (n_items, k) on a support, or on all dims.

    `precision` is that of the products.
    """
    codes: Tensor = normalize(values, dim=1).to(TYPES[precision])
    if dims is None:
        return codes
    starts = torch.arange(len(codes), device=codes.device)[:, None] * n_dims
    flat = codes.new_zeros(len(codes) * n_dims)
    matrix: Tensor = flat.index_copy_(0, (starts + dims).ravel(), codes.ravel())  # scatter_ copies all of it first
    return matrix.view(len(codes), n_dims)


class Reconstruction(torch.autograd.Function):
    """Of x (batch, n_items) and A (n_items, n_dims), which is in the precision of the products.

    The loss is the sum over users of 2 - 2 cos, over `n_together`. With `relu` negative
    predictions are 0. The gradient goes to A only.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, x: Tensor, relu: bool, n_together: int) -> Tensor:
        inputs = x.to(A.dtype)
        profiles = inputs @ A
        predicted = (profiles @ A.T).float()
        predicted -= x
        inside = None
        if relu:
            inside = predicted > 0
            predicted.relu_()
        product = torch.linalg.vecdot(predicted, x)
        length = torch.linalg.vector_norm(predicted, dim=1).clamp_min_(LEAST_LENGTH)
        size = torch.linalg.vector_norm(x, dim=1).clamp_min_(LEAST_LENGTH)
        cosine = product / (length * size)
        ctx.save_for_backward(A, inputs, profiles, predicted, x, inside, length, size, cosine)
        ctx.n_together = n_together
        loss: Tensor = (2 - 2 * cosine).sum() / n_together
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None]:
        """With c the cosine: of the error p it is 2 (c p / |p| - x / |x|) / |p|, and p = x A Aᵀ - x."""
        A, inputs, profiles, error, x, inside, length, size, cosine = ctx.saved_tensors
        scale = (2 * upstream[0] / ctx.n_together) / length
        error *= (scale * cosine / length)[:, None]
        error.addcmul_(x, (scale / size)[:, None], value=-1)
        if inside is not None:
            error *= inside
        error = error.to(A.dtype)
        gradient = error.T @ profiles
        gradient += inputs.T @ (error @ A)
        return gradient, None, None, None
