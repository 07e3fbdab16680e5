"""The gradient by weights that do not exist: where a support would grow.

"Rigging the Lottery: Making All Tickets Winners" (Evci et al., ICML 2020) exchanges the smallest weights of a sparse
network for the missing ones with the largest gradients.
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor

from trainer.fit_options import FitOptions
from trainer.interactions import Csr
from trainer.ranks import ALONE, Ranks
from trainer.steps import costs, dense_kernels, gram_kernels
from trainer.steps.autograd import Reconstruction, dense_inputs, item_matrix
from trainer.steps.batch import batch_of
from trainer.steps.dense import DenseProducts
from trainer.steps.kernels import LEAST_LENGTH, Batch
from trainer.steps.step import TYPES
from trainer.steps.threads import Threads
from trainer.weights import Weights, array_of

_LEAST_ROWS = 64


def gradients(
    weights: Weights, users: Csr, options: FitOptions, threads: Threads, ranks: Ranks = ALONE
) -> Iterator[tuple[int, Tensor]]:
    """Of all ranks' users: that of some rows of A at a time, with the first of them, or where that is not possible of
    all rows at once.

    A dense start has all of A anyway, and with `relu` there is no way but through predictions.
    """
    in_parts = options.first_nonzeros is not None and options.loss == "linear"
    whole = [] if in_parts else [(0, gradient(weights, users, options, threads))]
    for first, found in in_blocks(weights, users, options, threads) if in_parts else whole:
        ranks.sum_(found)
        yield first, found


def gradient(weights: Weights, users: Csr, options: FitOptions, threads: Threads) -> Tensor:
    """Of the users' loss by A (n_items, n_dims), pruned or not, up to a factor."""
    total = torch.zeros(weights.n_items, weights.n_dims, device=weights.values.device)
    size = options.batch_size or users.shape[0]
    parts = (users[start : start + size] for start in range(0, users.shape[0], size))
    if weights.values.device.type != "cpu":
        return _on_accelerator(weights, parts, options, total)
    products = DenseProducts(weights, options, threads)
    for part in parts:
        batch = batch_of(part)
        z, E, zE, _ = products.forward(batch)
        for first, G in products.gradients(z, E):
            found = array_of(G), array_of(zE), array_of(total)
            threads.ranges(dense_kernels.add_gradients, len(G), first, batch, *found)
    return total


def _on_accelerator(weights: Weights, parts: Iterable[Csr], options: FitOptions, total: Tensor) -> Tensor:
    dims = None if weights.dims is None else weights.dims.long()
    A = item_matrix(weights.values, dims, weights.n_dims, options.precision).requires_grad_()
    for part in parts:
        x = dense_inputs(batch_of(part), total.device)
        loss = Reconstruction.apply(A, x, options.loss == "relu", len(x))  # type: ignore[no-untyped-call]
        total += torch.autograd.grad(loss, A)[0] * len(x)
    return total


def in_blocks(weights: Weights, users: Csr, options: FitOptions, threads: Threads) -> Iterator[tuple[int, Tensor]]:
    """The same of the linear loss, without a prediction and without any n_items x n_dims: A M + xᵀ q.

    M (n_dims, n_dims) and q (n_users, n_dims) are those of gram_kernels.errors. A row may change once it has come.
    """
    kind, batch = TYPES[options.precision], batch_of(users)
    M, q = _of_users(_profiles(weights, users, batch, threads), weights, users, kind)
    for first, A in _blocks(weights):
        found = (A.to(kind) @ M).float()
        if found.device.type == "cpu":
            threads.ranges(dense_kernels.add_of_users, len(A), first, batch, array_of(q), array_of(found))
        else:
            found += _inputs(users, first, A).T @ q
        yield first, found


def _profiles(weights: Weights, users: Csr, batch: Batch, threads: Threads) -> Tensor:
    z = torch.zeros(users.shape[0], weights.n_dims, device=weights.values.device)
    if z.device.type == "cpu":
        codes = array_of(weights.codes())
        threads.ranges(gram_kernels.fold_in, len(z), batch, weights.state().dims, codes, array_of(z))
        return z
    for first, A in _blocks(weights):
        z += _inputs(users, first, A) @ A
    return z


def _of_users(z: Tensor, weights: Weights, users: Csr, kind: torch.dtype) -> tuple[Tensor, Tensor]:
    """M and q, times half the number of users, from their profiles; q is where those were."""
    squares = torch.zeros(weights.n_dims, weights.n_dims, device=z.device)
    for _, A in _blocks(weights):
        rounded = A.to(kind)
        squares += rounded.T @ rounded
    counts = torch.from_numpy(users.getnnz(axis=1)).float().to(z.device)
    M, squares = torch.zeros_like(squares), squares.to(kind)
    at_once = _rows_at_once(weights.n_dims)
    for first in range(0, len(z), at_once):
        part, count = z[first : first + at_once], counts[first : first + at_once]
        right = part.to(kind)
        y = (right @ squares).float()
        norms = torch.linalg.vecdot(part, part)
        length = (torch.linalg.vecdot(part, y) - 2 * norms + count).clamp_min_(0).sqrt_().clamp_min_(LEAST_LENGTH)
        size = count.sqrt().clamp_min_(LEAST_LENGTH)
        cosine = (norms - count) / (length * size)
        alpha, beta = cosine / length.square(), 1 / (length * size)
        M += (part * alpha[:, None]).to(kind).T @ right
        part.mul_(-2 * (alpha + beta)[:, None]).add_(y.mul_(alpha[:, None]))
    return M.to(kind), z


def _blocks(weights: Weights) -> Iterator[tuple[int, Tensor]]:
    """Some rows of A at a time, all dims of them, with the first of them."""
    assert weights.dims is not None
    at_once = _rows_at_once(weights.n_dims)
    for first in range(0, weights.n_items, at_once):
        values, dims = weights.values[first : first + at_once], weights.dims[first : first + at_once]
        yield first, item_matrix(values, dims.long(), weights.n_dims, "float32")


def _rows_at_once(n_dims: int) -> int:
    return max(costs.AT_ONCE // n_dims, _LEAST_ROWS)


def _inputs(users: Csr, first: int, A: Tensor) -> Tensor:
    """X (n_users, rows of A), for products on an accelerator, which are dense."""
    return torch.from_numpy(users[:, first : first + len(A)].toarray()).to(A.device)
