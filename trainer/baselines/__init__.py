"""The systems of the paper's Table 1 by name, in its order; before them a floor, after them ours."""

import importlib
from collections.abc import Mapping

from trainer.baselines.system import Context, System

SYSTEMS: Mapping[str, str] = {
    "popular": "popular.Popular",
    "item-knn": "item_knn.ItemKnn",
    "ease": "ease.Ease",
    "pruned-ease": "pruned_ease.PrunedEase",
    "dense-elsa": "dense_elsa.DenseElsa",
    "low-dim-elsa": "low_dim_elsa.LowDimElsa",
    "elsa-sae": "elsa_sae.ElsaSae",
    "compressed-elsa": "compressed_elsa.CompressedElsa",
    "sparseshelf": "sparseshelf.Sparseshelf",
}


def system(name: str, context: Context) -> System:
    """The system, imported only now: half of them bring torch."""
    module, _, noun = SYSTEMS[name].partition(".")
    found: System = getattr(importlib.import_module(f"trainer.baselines.{module}"), noun)(context)
    return found
