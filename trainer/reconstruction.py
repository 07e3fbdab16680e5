"""The loss of equation (2) and its gradient, with no more passes over large matrices than they need.

Autograd writes every step of the formula to memory, most of them users x items or items x dims, in float32. Here A is
kept in the precision of its products, and the users x items error is changed in place.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CLIP = 6.0  # the authors' code, not the paper: predictions are clipped to [0, 6] in training
_LEAST_LENGTH = 1e-8  # as torch's cosine_similarity has it


class Reconstruction(torch.autograd.Function):
    """Of x (batch, n_outputs) and A (n_outputs, n_dims), which is in the precision of the products.

    The loss is the mean over users of 2 - 2 cos. `clip` clips predictions to [0, CLIP]. The gradient goes to A only.
    """

    @staticmethod
    def forward(ctx: Any, A: Tensor, x: Tensor, clip: bool) -> Tensor:
        inputs = x.to(A.dtype)
        profiles = inputs @ A
        predicted = (profiles @ A.T).float()
        predicted -= x
        inside = None
        if clip:
            inside = (predicted > 0) & (predicted < CLIP)
            predicted.clamp_(0.0, CLIP)
        product = torch.linalg.vecdot(predicted, x)
        length = torch.linalg.vector_norm(predicted, dim=1).clamp_min_(_LEAST_LENGTH)
        size = torch.linalg.vector_norm(x, dim=1).clamp_min_(_LEAST_LENGTH)
        cosine = product / (length * size)
        ctx.save_for_backward(A, inputs, profiles, predicted, x, inside, length, size, cosine)
        loss: Tensor = (2 - 2 * cosine).mean()
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        """With c the cosine: of the error p it is 2 (c p / |p| - x / |x|) / |p|, and p = x A Aᵀ - x."""
        A, inputs, profiles, error, x, inside, length, size, cosine = ctx.saved_tensors
        scale = (2 * upstream[0] / len(x)) / length
        error *= (scale * cosine / length)[:, None]
        error.addcmul_(x, (scale / size)[:, None], value=-1)
        if inside is not None:
            error *= inside
        error = error.to(A.dtype)
        gradient = error.T @ profiles
        gradient += inputs.T @ (error @ A)
        return gradient, None, None
