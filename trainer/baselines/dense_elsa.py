"""ELSA, "Scalable Linear Shallow Autoencoder for Collaborative Filtering" (Vančura et al., RecSys'22).

It is Compressed ELSA with as many non-zeros as dims, so nothing is pruned, trained by the same
code with the same early stopping.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import numpy as np

from index.embedding import ItemEmbedding
from trainer import footprint
from trainer.baselines.system import PAPER_WEIGHT_BYTES, Context, Learned, Setting
from trainer.evaluate import embedding_scores
from trainer.fit import TrainingRun
from trainer.fit_options import Epoch, FitOptions, default_batch_size
from trainer.interactions import Csr
from trainer.split import Holdout

MOST_EPOCHS = 40


def learn(
    train: Csr, validation: Holdout | None, options: FitOptions, setting: Setting, device: str
) -> tuple[ItemEmbedding, Setting]:
    """Fits with `setting` put over `options`; its `epochs` are where training ends, whatever the schedule has left.

    The setting returned has the epochs that the validation users chose.
    """
    chosen = replace(options, **{name: value for name, value in setting.items() if name != "epochs"})
    run = TrainingRun(train, validation, chosen, device)
    best: Epoch | None = None
    while not run.finished and run.number < setting.get("epochs", np.inf):
        epoch = run.advance()
        if epoch.validation is not None and (best is None or epoch.validation > (best.validation or 0.0)):
            best = epoch
    return run.embedding(), setting if best is None else {**setting, "epochs": best.number}


class DenseElsa:
    """As many weights an item as Compressed ELSA starts from, or half of them."""

    title: ClassVar[str] = "ELSA (dense)"
    sized: ClassVar[bool] = False
    on_device: ClassVar[bool] = True

    def __init__(self, context: Context) -> None:
        self.context = context
        self.settings: Sequence[Setting] = tuple(
            {"dims": dims, "learning_rate": rate} for dims in (context.dims, context.dims // 2) for rate in (0.01, 0.03)
        )

    def learn(self, train: Csr, validation: Holdout | None, setting: Setting) -> tuple[ItemEmbedding, Setting]:
        """The embedding, all of whose dims are weights, and the setting with the epochs that it took."""
        return learn(train, validation, dense_options(setting["dims"], self.context), setting, self.context.device)

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        embedding, found = self.learn(train, validation, setting)
        n_bytes = PAPER_WEIGHT_BYTES * embedding.n_dims
        return Learned(embedding_scores(embedding), n_bytes, n_bytes, found)

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        return dense_bytes(n_users, n_items, self.context.dims, self.context)


def dense_options(dims: int, context: Context) -> FitOptions:
    return FitOptions(
        dims=dims,
        nonzeros=dims,
        prune_epochs=0,
        regrow_epochs=0,
        final_epochs=MOST_EPOCHS,
        seed=context.seed,
        precision=context.precision,
    )


def dense_bytes(n_users: int, n_items: int, dims: int, context: Context) -> int:
    """A training run's peak, and the matrix twice more: the best epoch's, and the one that is ranked with."""
    options = replace(dense_options(dims, context), batch_size=default_batch_size(n_users))
    return footprint.bytes_needed(n_items, options, context.device) + 2 * 4 * n_items * dims
