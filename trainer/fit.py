"""The training loop: stages of a schedule, one support each, and early stopping in the last."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import torch
from torch import Tensor

from index.embedding import ItemEmbedding
from trainer import schedule
from trainer.errors import ConfigurationError, TrainingError
from trainer.evaluate import quality, rank_embedding
from trainer.export import to_embedding
from trainer.interactions import Csr
from trainer.model import CompressedElsa, Loss, xavier_uniform
from trainer.schedule import Stage
from trainer.split import Holdout

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class FitOptions:
    """Everything that decides the result, together with the data and the number of threads."""

    dims: int
    """Width of the latent space."""
    nonzeros: int
    """k: weights that an item keeps."""
    seed: int = 1
    """Of the initial values and of the order of users."""
    schedule: str = "exponential"
    """How the number of weights falls from `dims` to `nonzeros`."""
    restart: bool = False
    """After each pruning the survivors start again from their initial values."""
    loss: Loss = "linear"
    """`linear` is the paper's formula; `clip` clips predictions to [0, 6] as the authors' code does."""
    dense_epochs: int = 0
    """Epochs before the schedule starts."""
    prune_epochs: int = 20
    """Epochs over which the schedule runs."""
    final_epochs: int = 20
    """Most epochs at `nonzeros` after the schedule has reached it."""
    patience: int = 4
    """Epochs without a better validation nDCG@100 after which the last stage ends."""
    batch_size: int | None = None
    """Users a step; None: the power of two that makes about eight steps an epoch, from 64 to 1024."""
    learning_rate: float = 0.03
    epsilon: float = 1e-8
    precision: Precision = "float32"
    """Of the two matrix products; everything else is float32."""

    def stages(self) -> list[Stage]:
        return schedule.stages(
            self.schedule,
            n_dims=self.dims,
            k=self.nonzeros,
            dense_epochs=self.dense_epochs,
            prune_epochs=self.prune_epochs,
            final_epochs=self.final_epochs,
        )


@dataclass(frozen=True)
class Epoch:
    """What the progress bar and the log are told."""

    number: int  # from 1
    total: int
    stage: int  # from 1
    k: int
    loss: float
    validation: float | None  # nDCG@100, in the last stage


class Watcher(Protocol):
    def __call__(self, epoch: Epoch, /) -> None: ...


def default_dims(n_items: int) -> int:
    """The power of two nearest (n_items / 100)^1.8, from 64 to 4096: what won on three data sets (docs/defaults.md)."""
    return int(min(max(2 ** round(np.log2(max(n_items / 100, 1) ** 1.8)), 64), 4096))


def default_batch_size(n_users: int) -> int:
    """The power of two nearest n_users / 8, from 64 to 1024 (docs/defaults.md)."""
    return int(min(max(2 ** round(np.log2(max(n_users / 8, 1))), 64), 1024))


def bytes_needed(n_items: int, options: FitOptions) -> int:
    """About the peak of `fit`, at its dense start: weights, initial values, gradient, two moments, A twice; a batch."""
    return 4 * n_items * (7 * options.dims + 6 * (options.batch_size or 1024))


def default_precision() -> Precision:
    """bfloat16 where the processor multiplies it in hardware (AMX), float32 elsewhere."""
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return "bfloat16" if capabilities.get("amx_bf16") else "float32"


def fit(train: Csr, validation: Holdout | None, options: FitOptions, watch: Watcher) -> ItemEmbedding:
    """Learns the item matrix. The same arguments and thread count give the same bits.

    Without `validation` the last stage runs through; with it the best epoch of the last stage is kept.
    Raises ConfigurationError for options that do not fit together, TrainingError where the loss is lost.
    """
    stages = options.stages()
    if options.patience < 1:
        raise ConfigurationError("--patience must be at least 1")
    if not 0 < options.learning_rate < np.inf or (options.batch_size is not None and options.batch_size < 1):
        raise ConfigurationError("--learning-rate and --batch-size must be positive")
    generator = torch.Generator().manual_seed(options.seed)
    batch_size = options.batch_size or default_batch_size(train.shape[0])
    model = CompressedElsa(xavier_uniform(train.shape[1], options.dims, generator))
    trained = train.getnnz(axis=0) > 0  # an item that no training user has would keep its random start
    total = sum(stage.epochs for stage in stages)
    best: tuple[float, ItemEmbedding] | None = None
    number = 0
    for place, stage in enumerate(stages, start=1):
        if stage.k < options.dims:
            model.prune(stage.k, restart=options.restart)
        optimiser = torch.optim.NAdam([model.weight], lr=options.learning_rate, eps=options.epsilon)
        since_best = 0
        for _ in range(stage.epochs):
            number += 1
            users = torch.randperm(train.shape[0], generator=generator).numpy()
            loss = _epoch(model, train[users], optimiser, options, batch_size)
            score = None
            if validation is not None and place == len(stages):
                embedding = to_embedding(model.item_matrix(), options.nonzeros, trained)
                score = float(quality(rank_embedding(embedding, validation), validation.targets).ndcg_100.mean())
                since_best += 1
                if best is None or score > best[0]:
                    best, since_best = (score, embedding), 0
            watch(Epoch(number, total, place, stage.k, loss, score))
            if score is not None and since_best >= options.patience:
                break
    chosen = best[1] if best else to_embedding(model.item_matrix(), options.nonzeros, trained)
    if not np.isfinite(chosen.weights).all() or not chosen.coded[trained].all():
        raise TrainingError("the weights have overflowed; lower --learning-rate")
    return chosen


def _epoch(
    model: CompressedElsa, users: Csr, optimiser: torch.optim.Optimizer, options: FitOptions, batch_size: int
) -> float:
    """One pass over the users in the order given; the mean loss."""
    n_users = users.shape[0]
    total = 0.0
    for start in range(0, n_users, batch_size):
        x: Tensor = torch.from_numpy(users[start : start + batch_size].toarray())
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bfloat16"):
            loss = model.loss(x, options.loss)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        total += loss.item() * len(x)
    mean = total / n_users
    if not np.isfinite(mean):
        raise TrainingError("the loss is no longer a number; lower --learning-rate")
    return mean
