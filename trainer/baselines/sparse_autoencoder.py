"""CompresSAE: a sparse signed code for each row of a dense item matrix (Kasalický et al., RecSys'25).

"The Future is Sparse: Embedding Compression for Scalable Retrieval in Recommender Systems". In the paper's Table 1 it
stands behind dense ELSA, as ELSA + SAE. Shapes: x (batch, width) rows of length 1, codes (batch, hidden) of which only
the k non-zeros exist, as two rectangles: dims and values.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cosine_similarity, embedding_bag, normalize

from index.embedding import ItemEmbedding
from trainer.errors import ConfigurationError, TrainingError
from trainer.fit_options import Precision

WIDER = 4  # the second term of the loss decodes this many times k activations
WIDER_SHARE = 1 / 8  # and counts this much
MOST_BATCH = 1024  # the authors'


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
    """Of the encoder's product; everything else is float32."""


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

    def activations(self, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k largest |activations|, largest first: dims and values, both (batch, k)."""
        dense = (x @ self.encoder.T).float() + self.bias
        dims = dense.abs().topk(k, dim=1).indices
        return dims, dense.gather(1, dims)

    def decode(self, dims: Tensor, values: Tensor) -> Tensor:
        """Codes times decoder, (batch, width): the sum of the decoder's rows that the codes name."""
        decoded: Tensor = embedding_bag(dims, self.decoder, per_sample_weights=values, mode="sum")
        return decoded

    def loss(self, x: Tensor) -> Tensor:
        """(1 - cos(x, x̂_k)) + (1 - cos(x, x̂_4k)) / 8, a mean over items.

        x̂_4k is decoded from 4k activations, or all where there are fewer; its term keeps the others alive.
        """
        dims, values = self.activations(x, min(WIDER * self.k, len(self.bias)))
        narrow = cosine_similarity(self.decode(dims[:, : self.k], values[:, : self.k]), x, dim=1)
        wide = cosine_similarity(self.decode(dims, values), x, dim=1)
        return ((1 - narrow) + (1 - wide) * WIDER_SHARE).mean()

    @torch.no_grad()
    def normalise(self) -> None:
        """Gives the decoder's rows length 1; due after each step."""
        self.decoder.copy_(normalize(self.decoder, dim=1))


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
    optimiser = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
    best: tuple[float, ItemEmbedding, int] | None = None
    for epoch in range(1, options.epochs + 1):
        order = items[torch.randperm(len(items), generator=generator)].to(device)
        _pass(model, optimiser, x[order], options)
        if validate is not None and (epoch % options.rhythm == 0 or epoch == options.epochs):
            codes = encode(model, x)
            score = validate(codes)
            if best is None or score > best[0]:
                best = score, codes, epoch
            elif epoch - best[2] >= options.patience * options.rhythm:
                break
    return (encode(model, x), options.epochs) if best is None else best[1:]


def _pass(model: SparseAutoencoder, optimiser: torch.optim.Optimizer, x: Tensor, options: AutoencoderOptions) -> None:
    """One pass over the items in the order given."""
    size = options.batch_size or default_batch_size(len(x))
    for start in range(0, len(x), size):
        batch = x[start : start + size]
        with torch.autocast(x.device.type, torch.bfloat16, enabled=options.precision == "bfloat16"):
            loss = model.loss(batch)
        if not torch.isfinite(loss):
            raise TrainingError("the autoencoder's loss is no longer a number; lower its learning rate")
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        model.normalise()


@torch.no_grad()
def encode(model: SparseAutoencoder, x: Tensor) -> ItemEmbedding:
    """The codes of x (n_items, width), rows of length 1; a zero row of x has a zero code whatever the bias."""
    dims, values = model.activations(x, model.k)
    values = values * (x != 0).any(dim=1, keepdim=True)
    return ItemEmbedding.from_entries(dims.cpu().numpy(), values.cpu().numpy(), len(model.bias))
