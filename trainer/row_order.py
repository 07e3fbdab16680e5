"""The order of a large catalogue's rows: neighbours have alike codes, so that the index can pass over them together."""

import logging
import math

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from index.model import Model
from index.search import LARGE

logger = logging.getLogger(__name__)

_TOGETHER = 8  # rows that a group has on average
_SAMPLE, _ROUNDS = 32, 6  # of k-means: rows a centre, and how often centres move
_ROWS_AT_ONCE = 2**13


def ordered(model: Model, codes: ItemEmbedding, least: int = LARGE) -> Model:
    """The model with its rows in the order of their `codes`; as it is where it has fewer than `least` items."""
    if model.embedding.n_items < least:
        return model
    logger.info("rows are put in an order in which neighbours are alike, which makes searches faster")
    return model.take(row_order(codes))


def row_order(codes: ItemEmbedding) -> NDArray[np.int32]:
    """Rows by group, in groups of groups: spherical k-means, twice. O(n_items^1.5 k)."""
    starts = np.arange(codes.n_items + 1, dtype=np.int64) * codes.k
    shape = codes.n_items, codes.n_dims
    matrix = sp.csr_matrix((codes.weights.ravel(), codes.dims.ravel().astype(np.int32), starts), shape)
    rng = np.random.default_rng(0)
    outer = _by_group(matrix, math.ceil(math.sqrt(codes.n_items / _TOGETHER)), rng)
    return np.concatenate(
        [rows[inner] for rows in outer for inner in _by_group(matrix[rows], len(rows) // _TOGETHER, rng)]
    )


def _by_group(matrix: sp.csr_matrix, n_groups: int, rng: np.random.Generator) -> list[NDArray[np.int32]]:
    """The rows of each group, ascending."""
    n_rows = matrix.shape[0]
    if n_groups < 2:
        return [np.arange(n_rows, dtype=np.int32)]
    sample = matrix[np.sort(rng.choice(n_rows, min(n_rows, _SAMPLE * n_groups), replace=False))]
    centres = sample[rng.choice(sample.shape[0], n_groups, replace=False)].toarray()
    for _ in range(_ROUNDS):
        labels = _nearest(sample, centres)
        members = sp.csr_matrix(
            (np.ones(len(labels), np.float32), (labels, np.arange(len(labels)))), (n_groups, len(labels))
        )
        sums = (members @ sample).toarray()
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.divide(sums, lengths, out=centres, where=lengths > 0)  # an empty group keeps its centre
    labels = _nearest(matrix, centres)
    order = np.argsort(labels, kind="stable").astype(np.int32)
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def _nearest(matrix: sp.csr_matrix, centres: NDArray[np.float32]) -> NDArray[np.int64]:
    turned = np.ascontiguousarray(centres.T)
    pieces = range(0, matrix.shape[0], _ROWS_AT_ONCE)
    return np.concatenate([(matrix[start : start + _ROWS_AT_ONCE] @ turned).argmax(axis=1) for start in pieces])
