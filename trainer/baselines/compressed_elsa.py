"""Compressed ELSA, what `python -m trainer fit` trains: k signed non-zeros an item, reached by pruning."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from trainer import footprint
from trainer.baselines.dense_elsa import learn
from trainer.baselines.system import PAPER_NONZERO_BYTES, Context, Learned, Setting
from trainer.evaluate import embedding_scores
from trainer.fit_options import FitOptions, default_batch_size
from trainer.interactions import Csr
from trainer.split import Holdout


class CompressedElsa:
    """The defaults of `fit`; the search is over the length of the schedule and the learning rate."""

    title: ClassVar[str] = "Compressed ELSA"
    sized: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings: Sequence[Setting] = tuple(
            {"prune_epochs": epochs, "learning_rate": rate} for epochs in (20, 40) for rate in (0.03, 0.1)
        )
        if context.options:  # Figure 1 compares schedules and widths, all at one setting
            self.settings = ({"prune_epochs": 40, "learning_rate": 0.03},)

    def _options(self, budget: int | None) -> FitOptions:
        assert budget is not None
        nonzeros = budget // PAPER_NONZERO_BYTES
        options = FitOptions(
            dims=max(self.context.dims, nonzeros),
            nonzeros=nonzeros,
            seed=self.context.seed,
            precision=self.context.precision,
        )
        return replace(options, **self.context.options)

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        embedding, found = learn(train, validation, self._options(budget), setting, self.context.device)
        n_bytes = PAPER_NONZERO_BYTES * embedding.k
        return Learned(embedding_scores(embedding), n_bytes, embedding.bytes_per_item, found)

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        options = replace(self._options(budget), batch_size=default_batch_size(n_users))
        return footprint.bytes_needed(n_items, options)
