"""Versions of an artifact that answer differently, and what each of them must answer."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.checked_load import expected
from index import artifact
from index.artifact import Artifact
from index.embedding import ItemEmbedding
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender

HISTORIES, HISTORY = 64, 30


class ServedVersions:
    """Written to a folder; `right` is what they answer to `histories`."""

    def __init__(self, folder: Path, model: Model, n_versions: int) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)
        coded = np.flatnonzero(model.embedding.coded)
        rows = [rng.choice(coded, HISTORY, replace=False) for _ in range(HISTORIES)]
        self.histories: Sequence[Sequence[str]] = [[model.vocabulary.item_id(row) for row in each] for each in rows]
        self.versions = [_another(folder, model, seed) for seed in range(n_versions)]
        self.right = expected([Recommender(one.model, one.version) for one in self.versions], self.histories)

    def point_at(self, which: int) -> None:
        artifact.point_at(self.folder, self.versions[which % len(self.versions)].version)


def _another(artifacts: Path, model: Model, seed: int) -> Artifact:
    """The same codes with other weights."""
    rng = np.random.default_rng(seed)
    dense = model.embedding.to_dense()
    dense *= rng.uniform(0.5, 1.5, dense.shape).astype(np.float32)
    embedding = PackedEmbedding.pack(ItemEmbedding.from_dense(dense, model.embedding.k))
    changed = replace(model, embedding=embedding)
    return artifact.write(artifacts, changed, name=f"v{seed}", options={}, data={}, metrics={}, libraries={})
