"""ELSA with so few dims that its dense rows fit the budget: what one does without sparsity."""

from collections.abc import Sequence
from typing import ClassVar

from trainer.baselines.dense_elsa import dense_bytes, dense_options, learn
from trainer.baselines.system import PAPER_WEIGHT_BYTES, Context, Learned, Setting
from trainer.evaluate import embedding_scores
from trainer.interactions import Csr
from trainer.split import Holdout


class LowDimElsa:
    """A dim for every four bytes."""

    title: ClassVar[str] = "Low-dimensional ELSA"
    sized: ClassVar[bool] = True
    on_device: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings: Sequence[Setting] = tuple({"learning_rate": rate} for rate in (0.003, 0.01, 0.03, 0.1))

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        assert budget is not None
        dims = budget // PAPER_WEIGHT_BYTES
        options = dense_options(dims, self.context)
        embedding, found = learn(train, validation, options, setting, self.context.device)
        return Learned(embedding_scores(embedding), budget, PAPER_WEIGHT_BYTES * dims, found)

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        return dense_bytes(n_users, n_items, (budget or 0) // PAPER_WEIGHT_BYTES, self.context)
