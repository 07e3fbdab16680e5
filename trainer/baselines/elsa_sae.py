"""ELSA + SAE: dense ELSA, of which a sparse autoencoder compresses each item's row (see sparse_autoencoder)."""

import time
from collections.abc import Sequence
from functools import partial
from typing import ClassVar, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from trainer.baselines.dense_elsa import DenseElsa
from trainer.baselines.sparse_autoencoder import MOST_BATCH, AutoencoderOptions, learn
from trainer.baselines.system import PAPER_NONZERO_BYTES, Context, Learned, Setting
from trainer.errors import ConfigurationError
from trainer.evaluate import quality, rank_scores
from trainer.interactions import Csr
from trainer.split import Holdout

MOST_EPOCHS = 60
_COPIES = 5  # of the autoencoder's two matrices: themselves, gradients, two moments, and rounded ones for products


class Base(NamedTuple):
    """Dense ELSA, and what it was learned from."""

    train: Csr
    validation: Holdout | None
    asked: Setting
    found: Setting
    matrix: NDArray[np.float32]  # (n_items, width)
    seconds: float


class ElsaSae:
    """A System: one dense ELSA, and codes of it for every byte budget."""

    title: ClassVar[str] = "ELSA + SAE"
    sized: ClassVar[bool] = True
    on_device: ClassVar[bool] = True
    settings: Sequence[Setting] = (
        {"learning_rate": 0.01, "widening": 0.5},
        {"learning_rate": 0.02, "widening": 0.5},
        {"learning_rate": 0.01, "widening": 1.0},
        {"learning_rate": 0.02, "widening": 1.0},
    )

    def __init__(self, context: Context) -> None:
        self.context = context
        self._base: Base | None = None

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        """Codes of budget / 8 non-zeros. The setting that comes back names dense ELSA's too, as `base`.

        Raises ConfigurationError without a budget for at least one non-zero, or without dense ELSA's setting.
        """
        if budget is None or budget < PAPER_NONZERO_BYTES:
            raise ConfigurationError(f"a code takes at least {PAPER_NONZERO_BYTES} bytes an item, got {budget}")
        base = self._learned_base(train, validation, setting)
        k = budget // PAPER_NONZERO_BYTES
        options = AutoencoderOptions(
            hidden=max(int(self.context.dims * setting["widening"]), k),
            learning_rate=float(setting["learning_rate"]),
            epochs=int(setting.get("epochs", MOST_EPOCHS)),
            seed=self.context.seed,
            precision=self.context.precision,
        )
        validate = None if validation is None else partial(_ndcg, validation)
        embedding, epochs = learn(base.matrix, k, options, validate, self.context.device)
        found = {**setting, "epochs": epochs, "base": base.found}
        n_bytes = PAPER_NONZERO_BYTES * k
        return Learned(
            partial(scores, as_csr(embedding)), n_bytes, embedding.bytes_per_item, found, seconds_before=base.seconds
        )

    def _learned_base(self, train: Csr, validation: Holdout | None, setting: Setting) -> Base:
        """Dense ELSA by the setting's `base` or the context's; learned again only for other users or another base."""
        asked = setting.get("base", self.context.base)
        if asked is None:
            raise ConfigurationError("ELSA + SAE is made from dense ELSA: its setting must be chosen first")
        held = self._base
        if held is None or held.train is not train or held.validation is not validation or held.asked != asked:
            self._base = None  # two of them would take room
            began = time.perf_counter()
            found, matrix = dense_matrix(train, validation, asked, self.context)
            seconds = time.perf_counter() - began
            self._base = Base(train, validation, asked, found, matrix, seconds)
            return self._base._replace(seconds=0.0)  # this time it is in the seconds of the fit
        return held

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        """About the peak: while dense ELSA learns, or while its matrix, once more normalised, is compressed."""
        width = self.context.dims
        widest = int(width * max(setting["widening"] for setting in self.settings))
        step = 4 * MOST_BATCH * (widest + width)
        compressing = 4 * (3 * n_items * width + 2 * _COPIES * widest * width + step)
        return max(DenseElsa(self.context).bytes_needed(n_users, n_items, None), compressing)


def dense_matrix(
    train: Csr, validation: Holdout | None, setting: Setting, context: Context
) -> tuple[Setting, NDArray[np.float32]]:
    """Dense ELSA's setting with its epochs, and its A (n_items, width)."""
    embedding, found = DenseElsa(context).learn(train, validation, setting)
    return found, embedding.to_dense()


def as_csr(embedding: ItemEmbedding) -> Csr:
    """A (n_items, n_dims), only its non-zeros."""
    starts = np.arange(embedding.n_items + 1, dtype=np.int64) * embedding.k
    entries = embedding.weights.flatten(), embedding.dims.ravel().astype(np.int32), starts  # copies: zeros go in place
    matrix = sp.csr_matrix(entries, shape=(embedding.n_items, embedding.n_dims))
    matrix.eliminate_zeros()
    return matrix


def scores(codes: Csr, histories: Csr) -> NDArray[np.float32]:
    """(X A) Aᵀ as (n_users, n_items), at the cost of n_users x non-zeros of A."""
    profiles = (histories @ codes).toarray()
    return np.asarray((codes @ np.ascontiguousarray(profiles.T)).T)


def _ndcg(validation: Holdout, embedding: ItemEmbedding) -> float:
    rankings = rank_scores(partial(scores, as_csr(embedding)), validation)
    return float(quality(rankings, validation.targets).ndcg_100.mean())
