"""All that is learned and named, in memory: what an artifact stores and a Recommender answers from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.kernels import Rows
from index.packed import PackedEmbedding
from index.samples import Samples
from index.segments import Segments
from index.vocabulary import Vocabulary

Embedding = ItemEmbedding | PackedEmbedding


@dataclass(frozen=True)
class Model:
    embedding: Embedding
    popularity: NDArray[np.float32]  # (n_items,) share of users who have the item
    vocabulary: Vocabulary
    catalog: Catalog
    segments: Segments
    samples: Samples | None = None

    def take(self, rows: Rows) -> "Model":
        """The same with its items in another order: item `i` is what `rows[i]` was."""
        return Model(
            self.embedding.take(rows),
            self.popularity[rows],
            Vocabulary.of(self.vocabulary.item_id(row) for row in rows),
            self.catalog.take(rows),
            self.segments.take(rows),
            None if self.samples is None else self.samples.take(rows),
        )

    def violation(self) -> str | None:
        """The first broken invariant in words, or None; each names the file it is about."""
        n_items = self.embedding.n_items
        if problem := self.embedding.violation():
            return f"{self.embedding.stored_as}: {problem}"
        if self.popularity.shape != (n_items,) or not ((self.popularity >= 0) & (self.popularity <= 1)).all():
            return "popularity.npy: it must hold a share between 0 and 1 for every item"
        if len(self.vocabulary) != n_items:
            return f"strings/item_ids: {len(self.vocabulary)} ids for {n_items} items"
        if problem := self.vocabulary.violation():
            return f"strings/item_ids: {problem}"
        if problem := self.segments.violation(n_items):
            return f"segments: {problem}"
        if problem := self.catalog.violation(n_items):
            return f"catalog: {problem}"
        if self.samples is not None and (problem := self.samples.violation(n_items)):
            return f"samples: {problem}"
        return None
