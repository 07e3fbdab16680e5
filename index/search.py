"""History rows to profile to scores to ranking: r = z Aᵀ with z = x A, exact."""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from index import kernels
from index.kernels import Floats, Rows
from index.model import Embedding


class Ranking(NamedTuple):
    """Rows and their scores, best first, ties by row."""

    rows: Rows
    scores: Floats

    def then(self, other: "Ranking") -> "Ranking":
        return Ranking(np.concatenate([self.rows, other.rows]), np.concatenate([self.scores, other.scores]))


class ItemSearch:
    """Exact search over the items of an embedding, through its posting lists."""

    def __init__(self, embedding: Embedding) -> None:
        self.embedding = embedding
        self.postings = embedding.invert()
        self.uncoded = np.flatnonzero(~embedding.coded).astype(np.int32)

    def scores(self, profile: Floats) -> Floats:
        """The scores z Aᵀ as (n_items,). The paper's "- x" only touches the history's own items, which are masked."""
        return kernels.accumulate(self.postings, profile, self.embedding.n_items)


class Mask(NamedTuple):
    """Which rows may be answered: `only` (None: all) without `never`."""

    only: NDArray[np.integer] | None
    never: NDArray[np.integer]

    @classmethod
    def hiding(cls, never: NDArray[np.integer]) -> Self:
        return cls(None, never)

    def apply(self, scores: Floats) -> Floats:
        """The scores with -inf where a row may not appear. Never a product with 0: most scores are negative."""
        if self.only is None:
            masked = scores.copy()
        else:
            masked = np.full_like(scores, -np.inf)
            masked[self.only] = scores[self.only]
        masked[self.never] = -np.inf
        return masked


def rank(scores: Floats, n: int) -> Ranking:
    """The `n` best rows, or fewer where fewer are not -inf."""
    return Ranking(*kernels.top_n(scores, n))
