"""CompresSAE: a sparse signed code for each row of a dense item matrix (Kasalický et al., RecSys'25).

"The Future is Sparse: Embedding Compression for Scalable Retrieval in Recommender Systems". In the paper's Table 1 it
stands behind dense ELSA, as ELSA + SAE. Shapes: x (batch, width) rows of length 1, codes (batch, hidden), or of them
only the k non-zeros, as two rectangles: dims and values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from index.embedding import ItemEmbedding
from trainer.errors import ConfigurationError, TrainingError
from trainer.fit_options import Precision

WIDER = 4  # the second term of the loss decodes this many times k activations
WIDER_SHARE = 1 / 8  # and counts this much
MOST_BATCH = 1024  # the authors'
_LEAST_LENGTH = 1e-8  # as torch's cosine_similarity has it


@dataclass(frozen=True)
class AutoencoderOptions:
    """Everything that decides the codes, together with the matrix, k and the number of threads."""

    hidden: int
    """Dims of a code."""
    learning_rate: float
    epochs: int
    """Most epochs; all of them where nobody validates."""
    rhythm: int = 5
    """Epochs between two validations."""
    patience: int = 3
    """Validations without a better one after which the run ends."""
    batch_size: int | None = None
    """Items a step; None: the power of two that makes about 32 steps an epoch, from 64 to the authors' 1024."""
    seed: int = 1
    """Of the initial values and of the order of items."""
    precision: Precision = "float32"
    """Of a step's products; everything else is float32."""


def default_batch_size(n_items: int) -> int:
    """Small catalogues need more steps than the authors' batch leaves them: ML-1M's nDCG@100 gains 1 to 2 % by 128."""
    return int(min(max(2 ** round(np.log2(max(n_items / 32, 1))), 64), MOST_BATCH))


class SparseAutoencoder(torch.nn.Module):
    """A linear encoder, the k largest |activations| with their signs, and a linear decoder with rows of length 1."""

    encoder: torch.nn.Parameter  # (hidden, width)
    bias: torch.nn.Parameter  # (hidden,)
    decoder: torch.nn.Parameter  # (hidden, width)

    def __init__(self, width: int, hidden: int, k: int, generator: torch.Generator) -> None:
        super().__init__()
        self.k = k
        bound = (6 / width) ** 0.5  # Kaiming uniform of a linear map
        initial = (torch.rand(hidden, width, generator=generator) * 2 - 1) * bound
        self.encoder = torch.nn.Parameter(initial)
        self.bias = torch.nn.Parameter(torch.zeros(hidden))
        self.decoder = torch.nn.Parameter(normalize(initial, dim=1))

    def activations(self, x: Tensor, k: int, encoder: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The k largest |activations|, largest first: dims and values, both (batch, k).

        `encoder` is a rounded copy of the model's, of the type of x.
        """
        dense = (x @ (self.encoder if encoder is None else encoder).T).to(self.bias.dtype).add_(self.bias)
        dims = dense.abs().topk(k, dim=1).indices
        return dims, dense.gather(1, dims)

    @torch.no_grad()
    def normalise(self) -> None:
        """Gives the decoder's rows length 1; due after each step."""
        self.decoder.div_(torch.linalg.vector_norm(self.decoder, dim=1, keepdim=True).clamp_min_(_LEAST_LENGTH))


class Descent:
    """Steps of Adam down the loss, whose gradient is written out as five products of dense matrices.

    Of sparse codes as of dense ones: a gather of decoder rows waits for memory, a product in bfloat16 hardly. Fresh
    memory of a matrix's size (64 MB at 4096 dims) costs as much as a product, so all of it is made here, once.
    """

    def __init__(self, model: SparseAutoencoder, learning_rate: float, precision: Precision = "float32") -> None:
        self.model = model
        self.optimiser = torch.optim.Adam(model.parameters(), lr=learning_rate, fused=True)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        self.encoder, self.decoder = model.encoder.detach(), model.decoder.detach()  # as the products take them
        self.rounded = precision == "bfloat16"
        if self.rounded:
            self.encoder, self.decoder = self.encoder.bfloat16(), self.decoder.bfloat16()
            self._product = torch.empty_like(self.encoder)

    @torch.no_grad()
    def step(self, x: Tensor) -> None:
        """Raises TrainingError where the loss is lost."""
        if not torch.isfinite(self.differentiate(x)):
            raise TrainingError("the autoencoder's loss is no longer a number; lower its learning rate")
        self.optimiser.step()
        self.model.normalise()
        if self.rounded:
            self.encoder.copy_(self.model.encoder)
            self.decoder.copy_(self.model.decoder)

    @torch.no_grad()
    def differentiate(self, x: Tensor) -> Tensor:
        """(1 - cos(x, x̂_k)) + (1 - cos(x, x̂_4k)) / 8, a mean over items; its gradient is left in the parameters.

        x̂_4k is decoded from 4k activations, or all where there are fewer; its term keeps the others alive. Below, the
        narrow codes and the wide ones lie one behind the other: (2, batch, hidden), decoded (2, batch, width).
        """
        k, (hidden, width) = self.model.k, self.encoder.shape
        inputs = x.to(self.encoder.dtype)
        dims, values = self.model.activations(inputs, min(WIDER * k, hidden), self.encoder)
        codes = inputs.new_zeros(2, len(x), hidden)
        codes[0].scatter_(1, dims[:, :k], values[:, :k].to(codes.dtype))
        codes[1].scatter_(1, dims, values.to(codes.dtype))
        decoded = (codes.view(-1, hidden) @ self.decoder).view(2, len(x), width).to(x.dtype)

        # of 1 - cos, by what is decoded: (cos x̂ / |x̂| - x) / |x̂|
        length = torch.linalg.vector_norm(decoded, dim=2).clamp_min_(_LEAST_LENGTH)
        cosine = torch.linalg.vecdot(decoded, x) / length
        share = x.new_tensor([1.0, WIDER_SHARE])[:, None]
        scale = share / len(x) / length
        decoded *= (scale * cosine / length)[:, :, None]
        decoded.addcmul_(x, scale[:, :, None], value=-1)
        slope = decoded.to(codes.dtype).view(-1, width)
        self._set_gradient(self.model.decoder, codes.view(-1, hidden), slope)

        # of a code's values, where it has them: the narrow ones are the first k of the wide
        narrow, wide = (slope @ self.decoder.T).view(2, len(x), hidden)
        by_value = wide.gather(1, dims).to(x.dtype)
        by_value[:, :k] += narrow.gather(1, dims[:, :k])
        by_activation = x.new_zeros(len(x), hidden)
        by_activation.scatter_(1, dims, by_value)
        self.model.bias.grad = by_activation.sum(dim=0)
        self._set_gradient(self.model.encoder, by_activation.to(inputs.dtype), inputs)
        loss: Tensor = ((1 - cosine) * share).sum(dim=0).mean()
        return loss

    def _set_gradient(self, parameter: Tensor, left: Tensor, right: Tensor) -> None:
        """leftᵀ right becomes the gradient."""
        assert parameter.grad is not None
        product = self._product if self.rounded else parameter.grad
        torch.mm(left.T.contiguous(), right, out=product)  # a view takes twice as long in bfloat16
        if self.rounded:
            parameter.grad.copy_(product)


def learn(
    matrix: NDArray[np.float32],
    k: int,
    options: AutoencoderOptions,
    validate: Callable[[ItemEmbedding], float] | None = None,
    device: str = "cpu",
) -> tuple[ItemEmbedding, int]:
    """Codes of at most k non-zeros for the rows of `matrix` (n_items, width), and the epochs that made them.

    `validate` says how good codes are, the higher the better; the best are kept. Without it all epochs run. The same
    arguments, device and thread count give the same bits. A zero row, an item never trained, gets a zero code.
    Raises ConfigurationError for a k that `hidden` cannot hold, TrainingError where the loss is lost.
    """
    if not 1 <= k <= options.hidden:
        raise ConfigurationError(f"an autoencoder with {options.hidden} dims has no codes of {k} non-zeros")
    generator = torch.Generator().manual_seed(options.seed)
    model = SparseAutoencoder(matrix.shape[1], options.hidden, k, generator).to(device)
    x = normalize(torch.tensor(matrix, device=device), dim=1)
    items = torch.from_numpy(np.flatnonzero((matrix != 0).any(axis=1)))
    descent = Descent(model, options.learning_rate, options.precision)
    size = options.batch_size or default_batch_size(len(items))
    best: tuple[float, ItemEmbedding, int] | None = None
    for epoch in range(1, options.epochs + 1):
        order = items[torch.randperm(len(items), generator=generator)].to(device)
        for start in range(0, len(order), size):
            descent.step(x[order[start : start + size]])
        if validate is not None and (epoch % options.rhythm == 0 or epoch == options.epochs):
            codes = encode(model, x)
            score = validate(codes)
            if best is None or score > best[0]:
                best = score, codes, epoch
            elif epoch - best[2] >= options.patience * options.rhythm:
                break
    return (encode(model, x), options.epochs) if best is None else best[1:]


@torch.no_grad()
def encode(model: SparseAutoencoder, x: Tensor) -> ItemEmbedding:
    """The codes of x (n_items, width), rows of length 1; a zero row of x has a zero code whatever the bias."""
    dims, values = model.activations(x, model.k)
    values = values * (x != 0).any(dim=1, keepdim=True)
    return ItemEmbedding.from_entries(dims.cpu().numpy(), values.cpu().numpy(), len(model.bias))
