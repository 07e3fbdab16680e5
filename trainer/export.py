"""From the trainer's tensor to the index's ItemEmbedding."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from index.embedding import ItemEmbedding


@torch.no_grad()
def to_embedding(matrix: Tensor, k: int, trained: NDArray[np.bool_]) -> ItemEmbedding:
    """The k largest |weights| of each row of (n_items, n_dims); rows that are not `trained` become zero."""
    dims = matrix.abs().topk(k, dim=1).indices
    weights = matrix.gather(1, dims).float().cpu().numpy() * trained[:, None]
    return ItemEmbedding.from_entries(dims.cpu().numpy(), weights, matrix.shape[1])
