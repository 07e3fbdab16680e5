"""PyPI's compresso-recsys (the paper's first author), run by an interpreter that has it; see benchmarks.bench_train.

What the task does not say is as in its documentation's example of compressed ELSA: NAdam at 0.1, ten stages that end
when their mask is stable (or after so many epochs), then ten epochs with a decaying rate. It takes no validation users.
Its `fit` has no callback, so what has to happen in a step goes around the public `train_step`.
"""

import contextlib
import os
import time
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from compresso_recsys.models import ELSACompressionConfig, ELSAConfig, ELSATrainer

from benchmarks.peers.exchange import Arrays, Csr, Task, from_rectangles, measure

EPOCHS, STAGES = 10, 10


class TimeIsUpError(Exception):
    """The limit in the processor's seconds has passed."""


def trained(train: Csr, _: Arrays, task: Task) -> tuple[Csr, Mapping[str, Any]]:
    torch.set_num_threads(task.threads)
    asked = {"num_stages": 2, "max_epochs_per_stage": 1, "epochs": 1} if task.brief else {}
    settings = {**task.settings, **asked}
    trainer = ELSATrainer(
        ELSAConfig(
            latent_dim=task.dims,
            batch_size=settings.get("batch_size") or task.batch_size,
            max_output=settings["max_output"],
            epochs=settings.get("epochs", EPOCHS),
            lr=0.1,
            decay=True,
            use_relu=settings["use_relu"],
            seed=task.seed,
            show_progress=False,
            compression=ELSACompressionConfig(
                k_target=task.k,
                num_stages=settings.get("num_stages", STAGES),
                max_epochs_per_stage=settings["max_epochs_per_stage"],
            ),
        )
    )
    began = time.process_time()
    seconds = {"search": 0.0, "final": 0.0}
    steps = {"search": 0, "final": 0}
    limit, step = settings.get("limit_cpu_seconds", float("inf")), trainer.train_step

    def limited(*arguments: Any) -> Any:
        phase = "final" if trainer.elsa.is_sparse else "search"
        began_step = time.process_time()
        if began_step - began > limit:
            raise TimeIsUpError
        found = step(*arguments)
        seconds[phase] += time.process_time() - began_step
        steps[phase] += 1
        return found

    trainer.train_step = limited
    cut = False
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):  # it prints a line a stage
            trainer.fit(train)
    except TimeIsUpError:
        cut = True
    notes = {
        "epochs": len(trainer.history),
        "forced_stages": sum(record.get("transition") == "forced" for record in trainer.history),
        "search_steps": steps["search"],
        "final_steps": steps["final"],
        "search_cpu_seconds": seconds["search"],
        "final_cpu_seconds": seconds["final"],
        "cut": cut,
        **{name: version(name) for name in ("compresso-recsys", "compresso-pytorch", "torch")},
    }
    return exported(trainer, task), notes


@torch.no_grad()
def exported(trainer: Any, task: Task) -> Csr:
    """Its sparse factors; where the search for a mask was cut short, the k largest of the weights so far."""
    if trainer.elsa.is_sparse:
        factors = trainer.elsa.export_item_embeddings()
        dims, weights = factors.cols, factors.vals
    else:
        weight = trainer.elsa.masked_A.weight
        dims = weight.abs().topk(task.k, dim=1).indices
        weights = torch.nn.functional.normalize(weight.gather(1, dims), dim=1)
    return from_rectangles(dims.numpy().astype(np.int64), weights.numpy(), task.dims)


if __name__ == "__main__":
    measure(trained)
