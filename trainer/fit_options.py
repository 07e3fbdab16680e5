"""What decides a training run, what it will take, and what is told of it. No tensors here."""

from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol

import numpy as np

from index.arrays import MOST_DIMS
from trainer import schedule
from trainer.errors import ConfigurationError
from trainer.schedule import Stage

Precision = Literal["float32", "bfloat16"]
Loss = Literal["linear", "relu"]


@dataclass(frozen=True)
class FitOptions:
    """Everything that decides the result, together with the data, the device and the number of threads."""

    dims: int
    """Width of the latent space."""
    nonzeros: int
    """k: weights that an item keeps."""
    seed: int = 1
    """Of the initial values and of the order of users."""
    start_nonzeros: int | None = None
    """Weights that an item starts with, on a random support that grows where it is needed; None: all `dims`."""
    warm: bool = False
    """Training starts from an earlier version's codes, of `nonzeros` weights an item, so that nothing is pruned."""
    schedule: str = "exponential"
    """How the number of weights falls from `dims` to `nonzeros`; it stays at `start_nonzeros` until it is below."""
    restart: bool = False
    """After each pruning the survivors start again from their initial values."""
    loss: Loss = "linear"
    """`linear` is the paper's formula; with `relu` negative predictions are 0: better where `dims` are too few."""
    dense_epochs: int = 0
    """Epochs before the schedule starts."""
    prune_epochs: int = 20
    """Epochs over which the schedule runs."""
    regrow_epochs: int = 10
    """Epochs at `nonzeros` before each of which an item's smallest weights give way to missing ones."""
    regrow: float = 0.5
    """Share of an item's weights that do so before the first of these epochs; it falls to 0 linearly. After a start
    with `start_nonzeros` the same happens over the epochs before."""
    warm_epochs: int = 5
    """The same epochs of a warm start, which has no others but the last stage."""
    final_epochs: int = 20
    """Most epochs at `nonzeros` after that, with one support."""
    patience: int = 4
    """Epochs without a better validation nDCG@100 after which the last stage ends."""
    batch_size: int | None = None
    """Users a step; None: the power of two that makes about eight steps an epoch, from 64 to 1024."""
    max_outputs: int | None = None
    """Items a step predicts: those of its users and random others up to this many; None: all items."""
    learning_rate: float = 0.03
    epsilon: float = 1e-8
    precision: Precision = "float32"
    """Of the large matrix products; everything else is float32."""
    sparse_below: int | None = None
    """Non-zeros an item under which a step on the CPU touches only them; None: see trainer/steps/choice.py."""

    def recorded(self) -> dict[str, Any]:
        """As a version has them, but for what a warm start is told, and a sparse one where that was not chosen."""
        left_out = {"warm", "warm_epochs"} | ({"start_nonzeros"} if self.start_nonzeros is None else set())
        return {name: value for name, value in asdict(self).items() if name not in left_out}

    @property
    def first_nonzeros(self) -> int | None:
        """Weights that an item starts with; None: all `dims`."""
        return self.nonzeros if self.warm else self.start_nonzeros

    def stages(self) -> list[Stage]:
        """The schedule's stages. Raises ConfigurationError for options that do not fit together."""
        if self.dims > MOST_DIMS:
            raise ConfigurationError(f"--dims must be at most {MOST_DIMS}, got {self.dims}")
        if self.patience < 1:
            raise ConfigurationError("--patience must be at least 1")
        if not 0 < self.learning_rate < np.inf:
            raise ConfigurationError("--learning-rate must be positive")
        if min(self.batch_size or 1, self.max_outputs or 1) < 1 or 0 in (self.batch_size, self.max_outputs):
            raise ConfigurationError("--batch-size and --max-outputs must be positive")
        if self.sparse_below is not None and self.sparse_below < 0:
            raise ConfigurationError("--sparse-below must not be negative")
        if self.warm:
            return schedule.warm_stages(
                n_dims=self.dims,
                k=self.nonzeros,
                final_epochs=self.final_epochs,
                regrow_epochs=self.warm_epochs,
                regrow=self.regrow,
            )
        if self.restart and self.start_nonzeros is not None:
            raise ConfigurationError("--restart needs all initial weights; leave it or --start-nonzeros out")
        return schedule.stages(
            self.schedule,
            n_dims=self.dims,
            k=self.nonzeros,
            dense_epochs=self.dense_epochs,
            prune_epochs=self.prune_epochs,
            final_epochs=self.final_epochs,
            regrow_epochs=self.regrow_epochs,
            regrow=self.regrow,
            start=self.start_nonzeros,
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
    way: str = "dense"  # of its steps: dense, sparse, gram or autograd


class Watcher(Protocol):
    def __call__(self, epoch: Epoch, /) -> None: ...


def default_dims(n_items: int) -> int:
    """The power of two nearest (n_items / 100)^1.8, from 64 to 4096: what won on three data sets (docs/defaults.md)."""
    return int(min(max(2 ** round(np.log2(max(n_items / 100, 1) ** 1.8)), 64), 4096))


def default_loss(dims: int, n_items: int) -> Loss:
    """`relu` up to a quarter of the default width: there it won on two data sets, and lost at the full width."""
    return "relu" if 4 * dims <= default_dims(n_items) else "linear"


def default_batch_size(n_users: int) -> int:
    """The power of two nearest n_users / 8, from 64 to 1024 (docs/defaults.md)."""
    return int(min(max(2 ** round(np.log2(max(n_users / 8, 1))), 64), 1024))
