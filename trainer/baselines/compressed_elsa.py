"""Compressed ELSA as the paper has it: k signed non-zeros an item, reached by pruning; what is pruned stays out."""

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
    """The defaults of `fit` without regrowth; the search is over the width at the start and the schedule's length."""

    title: ClassVar[str] = "Compressed ELSA"
    sized: ClassVar[bool] = True
    on_device: ClassVar[bool] = True
    unchanged: ClassVar[FitOptions] = FitOptions(dims=1, nonzeros=1, regrow_epochs=0)

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings: Sequence[Setting] = tuple(
            {"dims": dims, "prune_epochs": epochs} for dims in (context.dims, context.dims // 2) for epochs in (20, 40)
        )
        if context.options:  # Figure 1 compares schedules and widths, all at one setting
            self.settings = ({"dims": context.dims, "prune_epochs": 20, **context.options},)

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        """Codes of budget / 8 non-zeros, from no fewer dims than these."""
        options = self._options(setting, budget)
        rest = {name: value for name, value in setting.items() if name != "dims"}
        embedding, found = learn(train, validation, options, rest, self.context.device)
        n_bytes = PAPER_NONZERO_BYTES * embedding.k
        return Learned(embedding_scores(embedding), n_bytes, embedding.bytes_per_item, {**setting, **found})

    def _options(self, setting: Setting, budget: int | None) -> FitOptions:
        assert budget is not None
        nonzeros = budget // PAPER_NONZERO_BYTES
        return replace(
            self.unchanged,
            dims=max(setting["dims"], nonzeros),
            nonzeros=nonzeros,
            seed=self.context.seed,
            precision=self.context.precision,
        )

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        options = self._options(self.settings[0], budget)
        restart = bool(self.context.options.get("restart"))
        options = replace(options, restart=restart, batch_size=default_batch_size(n_users))
        return footprint.bytes_needed(n_items, options, self.context.device)
