"""Our trainer with the defaults of `python -m trainer fit`: `trainer.fit.fit`, stopped by validation users."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch

from benchmarks.peers.exchange import Arrays, Csr, Task, from_rectangles, matrix_of, measure
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_loss
from trainer.machine import default_precision
from trainer.split import Holdout


def trained(train: Csr, validation: Arrays, task: Task) -> tuple[Csr, Mapping[str, Any]]:
    """The precision's probe is part of the time."""
    torch.set_num_threads(task.threads)
    holdout = Holdout(
        matrix_of(validation, "history_"),
        matrix_of(validation, "targets_"),
        validation["users"],
        validation["known"],
    )
    options = FitOptions(
        dims=task.dims,
        nonzeros=task.k,
        seed=task.seed,
        loss=default_loss(task.dims, train.shape[1]),
        precision=task.settings.get("precision") or default_precision("cpu"),
    )
    if task.brief:
        options = replace(options, prune_epochs=2, final_epochs=1)
    epochs: list[int] = []
    embedding = fit(train, holdout, options, lambda epoch: epochs.append(epoch.number))
    return (
        from_rectangles(embedding.dims, embedding.weights, embedding.n_dims),
        {"epochs": len(epochs), "precision": options.precision, "torch": torch.__version__},
    )


if __name__ == "__main__":
    measure(trained)
