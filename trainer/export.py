"""From the trainer's model to the index's ItemEmbedding."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from index.embedding import ItemEmbedding
from trainer.model import CompressedElsa


@torch.no_grad()
def to_embedding(model: CompressedElsa, trained: NDArray[np.bool_]) -> ItemEmbedding:
    """The code of every item: all weights of its support; rows that are not `trained` become zero."""
    weights = normalize(model.weight, dim=1).float().cpu().numpy() * trained[:, None]
    every = np.broadcast_to(np.arange(weights.shape[1]), weights.shape)  # they are the support where nothing is pruned
    return ItemEmbedding.from_entries(every if model.dims is None else model.dims.cpu().numpy(), weights, model.n_dims)
