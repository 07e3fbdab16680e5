"""ELSA, "Scalable Linear Shallow Autoencoder for Collaborative Filtering" (Vančura et al., RecSys'22).

It is Compressed ELSA with as many non-zeros as dims, so nothing is pruned, trained by the same
code with the same early stopping.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from index.embedding import ItemEmbedding
from trainer import footprint
from trainer.baselines.system import PAPER_WEIGHT_BYTES, Context, Learned, Setting
from trainer.evaluate import embedding_scores
from trainer.fit import fit
from trainer.fit_options import Epoch, FitOptions, default_batch_size
from trainer.interactions import Csr
from trainer.split import Holdout

MOST_EPOCHS = 40


def learn(
    train: Csr, validation: Holdout | None, options: FitOptions, setting: Setting, device: str
) -> tuple[ItemEmbedding, Setting]:
    """Fits with `setting` put over `options`. The setting returned has the epochs that the validation users chose."""
    chosen = replace(options, **setting)
    best: list[Epoch] = []

    def watch(epoch: Epoch) -> None:
        if epoch.validation is not None and (not best or epoch.validation > (best[-1].validation or 0.0)):
            best.append(epoch)

    embedding = fit(train, validation, chosen, watch, device=device)
    if not best:
        return embedding, setting
    final_epochs = best[-1].number - chosen.dense_epochs - chosen.prune_epochs
    return embedding, {**setting, "final_epochs": max(final_epochs, 0)}


class DenseElsa:
    """As many weights an item as Compressed ELSA starts from, or half of them."""

    title: ClassVar[str] = "ELSA (dense)"
    sized: ClassVar[bool] = False

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
        final_epochs=MOST_EPOCHS,
        seed=context.seed,
        precision=context.precision,
    )


def dense_bytes(n_users: int, n_items: int, dims: int, context: Context) -> int:
    """A training run's peak, and the matrix twice more: the best epoch's, and the one that is ranked with."""
    options = replace(dense_options(dims, context), batch_size=default_batch_size(n_users))
    return footprint.bytes_needed(n_items, options) + 2 * 4 * n_items * dims
