"""How many weights an item keeps at each epoch. Every schedule ends exactly at k, whatever the width."""

from collections.abc import Callable, Mapping
from itertools import groupby
from typing import NamedTuple

from trainer.errors import ConfigurationError


class Stage(NamedTuple):
    """A stretch of training with `k` weights an item for `epochs` epochs, with one support unless it is `regrown`."""

    k: int
    epochs: int
    regrown: float = 0.0
    """Share of an item's weights that is exchanged before the first epoch; it falls linearly."""
    regrown_later: float = 0.0
    """The share that it falls to by the end of the stage."""

    def exchanged(self, epoch: int) -> int:
        """Weights an item that are exchanged before an epoch, from 0: at least one, and never all."""
        share = self.regrown_later + (self.regrown - self.regrown_later) * (1 - epoch / self.epochs)
        return min(max(round(share * self.k), 1), self.k - 1) if share > 0 else 0


def constant(n_dims: int, k: int, epochs: int) -> list[int]:
    """K from the first epoch on."""
    return [k] * epochs


def linear(n_dims: int, k: int, epochs: int) -> list[int]:
    """Equal steps from n_dims down to k, one an epoch."""
    return [_between(n_dims + (k - n_dims) * _share(epoch, epochs), n_dims, k) for epoch in range(epochs)]


def exponential(n_dims: int, k: int, epochs: int) -> list[int]:
    """Equal ratios from n_dims down to k, one an epoch."""
    return [_between(n_dims * (k / n_dims) ** _share(epoch, epochs), n_dims, k) for epoch in range(epochs)]


def step(n_dims: int, k: int, epochs: int) -> list[int]:
    """Halvings from n_dims down to k, each kept for equally many epochs as far as they divide."""
    values = [n_dims]
    while values[-1] > k:
        values.append(max(k, values[-1] // 2))
    return [values[min(epoch * len(values) // epochs, len(values) - 1)] for epoch in range(epochs - 1)] + [k]


SCHEDULES: Mapping[str, Callable[[int, int, int], list[int]]] = {
    "constant": constant,
    "linear": linear,
    "exponential": exponential,
    "step": step,
}


def stages(
    name: str,
    *,
    n_dims: int,
    k: int,
    dense_epochs: int,
    prune_epochs: int,
    final_epochs: int,
    regrow_epochs: int = 0,
    regrow: float = 0.0,
    start: int | None = None,
) -> list[Stage]:
    """Dense epochs, the schedule `name` over `prune_epochs`, a regrown stage at k, and one of `final_epochs` at k.

    With `start` no item ever has more weights than that, and all stages but the last are regrown, by a share that falls
    from `regrow` to 0 until the stage at k, which begins with `regrow` again. The values never rise. Nothing is regrown
    where nothing was pruned. Raises ConfigurationError for sizes that no schedule can have.
    """
    _check(n_dims, k, min(dense_epochs, prune_epochs, regrow_epochs), final_epochs, regrow)
    if start is not None and not k <= start < n_dims:
        raise ConfigurationError(
            f"--start-nonzeros must be between --nonzeros ({k}) and {n_dims - 1}, below --dims, got {start}"
        )
    values = [n_dims] * dense_epochs + (SCHEDULES[name](n_dims, k, prune_epochs) if prune_epochs else [])
    if start is not None:
        regrown = [Stage(k, regrow_epochs, regrow)] if regrow_epochs and regrow else []
        return [*_regrown([min(value, start) for value in values], regrow), *regrown, Stage(k, final_epochs)]
    if not regrow_epochs or not regrow or k == n_dims:
        values += [k] * final_epochs
        return [Stage(value, len(list(run))) for value, run in groupby(values)]
    pruned = [Stage(value, len(list(run))) for value, run in groupby(values)]
    return [*pruned, Stage(k, regrow_epochs, regrow), Stage(k, final_epochs)]


def warm_stages(*, n_dims: int, k: int, final_epochs: int, regrow_epochs: int, regrow: float) -> list[Stage]:
    """A regrown stage at k, where that means anything, and one of `final_epochs` at k. Raises ConfigurationError."""
    _check(n_dims, k, regrow_epochs, final_epochs, regrow)
    regrown = [Stage(k, regrow_epochs, regrow)] if regrow_epochs and regrow and k < n_dims else []
    return [*regrown, Stage(k, final_epochs)]


def _check(n_dims: int, k: int, least_epochs: int, final_epochs: int, regrow: float) -> None:
    if not 1 <= k <= n_dims:
        raise ConfigurationError(f"--nonzeros must be between 1 and --dims ({n_dims}), got {k}")
    if least_epochs < 0 or final_epochs < 1:
        raise ConfigurationError("epochs must not be negative, and the last stage needs at least one")
    if not 0 <= regrow < 1:
        raise ConfigurationError(f"--regrow must be a share from 0 to below 1, got {regrow}")


def _regrown(values: list[int], share: float) -> list[Stage]:
    """A stage of each value, of whose weights a share is exchanged that falls to 0 over all of them."""
    stages, done = [], 0
    for value, run in groupby(values):
        epochs = len(list(run))
        before, after = (share * (1 - epoch / len(values)) for epoch in (done, done + epochs))
        stages.append(Stage(value, epochs, before, after))
        done += epochs
    return stages


def _share(epoch: int, epochs: int) -> float:
    """0 at the first epoch, 1 at the last."""
    return epoch / (epochs - 1) if epochs > 1 else 1.0


def _between(value: float, n_dims: int, k: int) -> int:
    return min(max(round(value), k), n_dims)
