"""What the trainer does without: changes that were tried beside its defaults, on validation users. docs/defaults.md.

python -m benchmarks.bench_left_out goodbooks-sample --nonzeros 16
python -m benchmarks.bench_left_out goodbooks-sample --nonzeros 16 --dims 2048 --groups targets

The changes live here and not in the trainer. Groups: `last` changes the last stage only, from the same weights at its
beginning; `whole` changes options of the whole run; `histories` weights a history by popularity when it is served;
`targets` changes what the loss compares, through torch's autograd and with half the epochs. Each line: mean nDCG@100
over the seeds, the difference to its group's base paired over users (± standard error), a processor's seconds a run.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import scipy.sparse as sp
import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity

from benchmarks.public_data import NAMES, interactions_of
from index.embedding import ItemEmbedding
from trainer.evaluate import quality, rank_embedding, rank_scores
from trainer.fit import TrainingRun, fit
from trainer.fit_options import FitOptions, default_dims, default_loss
from trainer.machine import default_precision
from trainer.split import Holdout, Split, split
from trainer.steps.autograd import AutogradStep, dense_inputs, item_matrix
from trainer.steps.kernels import Batch
from trainer.steps.room import Room
from trainer.steps.step import TYPES, Step
from trainer.weights import Weights

Scores = np.ndarray[Any, np.dtype[np.float64]]
Line = tuple[str, Scores, float]  # of a change: nDCG@100 of the validation users, a processor's seconds


# ------------------------------------------------------------ the last stage


class Decayed(TrainingRun):
    """The learning rate of the last stage falls: by half every 4 epochs, as a cosine over 20, or to .3 at once."""

    shape = "half"

    def advance(self) -> Any:
        begun = self.epochs_of_stage == self.current.epochs
        epoch = 0 if begun else self.epochs_of_stage
        factor = {"half": 0.5 ** (epoch / 4), "cosine": 0.5 * (1 + np.cos(np.pi * epoch / 20)), "low": 0.3}[self.shape]
        options, self.options = self.options, replace(self.options, learning_rate=self.options.learning_rate * factor)
        try:
            return super().advance()
        finally:
            self.options = options


class Averaged(TrainingRun):
    """What is kept is a mean of the weights after each epoch of the last stage: of all, the last 4, or a moving one."""

    over = "all"

    def _exported(self) -> ItemEmbedding:
        own = self.weights.values
        if not hasattr(self, "past"):
            self.past: list[Tensor] = []
        self.past.append(own.clone())
        shares = {"all": 1.0, "4": 1.0, "moving": 0.7}[self.over] ** torch.arange(len(self.past) - 1, -1, -1)
        if self.over == "4":
            shares[:-4] = 0.0
        elif self.over == "moving":
            shares[1:] *= 0.3
        self.weights.values = torch.einsum("e,eik->ik", shares / shares.sum(), torch.stack(self.past))
        try:
            return super()._exported()
        finally:
            self.weights.values = own


LAST: dict[str, tuple[type[TrainingRun], dict[str, Any]]] = {
    "mean of all epochs of the last stage": (Averaged, {"over": "all"}),
    "mean of its last 4 epochs": (Averaged, {"over": "4"}),
    "moving average (.7)": (Averaged, {"over": "moving"}),
    "last rate halved every 4 epochs": (Decayed, {"shape": "half"}),
    "last rate falls as a cosine": (Decayed, {"shape": "cosine"}),
    "last rate .3 of it": (Decayed, {"shape": "low"}),
}


def last(parts: Split, options: FitOptions) -> Iterator[Line]:
    began = time.process_time()
    run = TrainingRun(parts.train, parts.validation, options)
    while run.stage + 2 < len(run.stages) or run.epochs_of_stage < run.current.epochs:
        run.advance()
    state = run.state()
    common = time.process_time() - began
    for name, (kind, attributes) in {"base": (TrainingRun, {}), **LAST}.items():
        began = time.process_time()
        changed = type(kind.__name__, (kind,), attributes)(parts.train, parts.validation, options)
        changed.restore(state)
        yield name, _scores(_finished(changed), parts), common + time.process_time() - began


# ------------------------------------------------------------ the whole run

WHOLE: dict[str, dict[str, Any]] = {
    "base": {},
    "learning rate .02": {"learning_rate": 0.02},
    "learning rate .05": {"learning_rate": 0.05},
    "learning rate .1": {"learning_rate": 0.1},
    "epsilon 1e-7": {"epsilon": 1e-7},
    "epsilon 1e-6": {"epsilon": 1e-6},
    "40 epochs of pruning": {"prune_epochs": 40},
    "10 epochs of pruning": {"prune_epochs": 10},
    "pruning in halvings (step)": {"schedule": "step"},
}


def whole(parts: Split, options: FitOptions) -> Iterator[Line]:
    for name, changes in WHOLE.items():
        began = time.process_time()
        run = TrainingRun(parts.train, parts.validation, replace(options, **changes))
        yield name, _scores(_finished(run), parts), time.process_time() - began


# ------------------------------------------------------------ histories as they are served


def histories(parts: Split, options: FitOptions) -> Iterator[Line]:
    began = time.process_time()
    A = sp.csr_matrix(_finished(TrainingRun(parts.train, parts.validation, options)).to_dense())
    seconds = time.process_time() - began
    count = np.asarray(parts.train.sum(axis=0)).ravel() + 1
    for power in (0.0, -0.1, -0.25, 0.25):
        weighted = sp.diags((count / count.mean()) ** power) @ A
        ranks = rank_scores(partial(_products, weighted, A), _validation(parts))
        name = f"weighted by popularity to the power {power:+}" if power else "base"
        yield name, quality(ranks, _validation(parts).targets).ndcg_100, seconds


def _products(weighted: Any, A: Any, histories: Any) -> Scores:
    scores: Scores = ((histories @ weighted) @ A.T).toarray()
    return scores


# ------------------------------------------------------------ what the loss compares


class ChangedLoss(AutogradStep):
    """The linear loss with inputs dropped, targets weighted (n_items,), or partly those of a teacher (n_items, d)."""

    dropped: ClassVar[float] = 0.0
    weight: ClassVar[Tensor | None] = None
    teacher: ClassVar[Tensor | None] = None
    taught: ClassVar[float] = 0.0

    def __call__(self, batch: Batch) -> float:
        x = dense_inputs(batch, self.weights.values.device)
        values = self.weights.values.requires_grad_()
        A = item_matrix(values, self.dims, self.weights.n_dims, self.options.precision)
        given = x * (torch.rand_like(x) >= self.dropped) if self.dropped else x
        error = _predicted(given, A)
        loss = _distance(error, x if self.weight is None else x * self.weight)
        if self.teacher is not None:
            with torch.no_grad():
                wanted = _predicted(x, self.teacher)
            loss = (1 - self.taught) * loss + self.taught * _distance(error, wanted)
        (gradient,) = torch.autograd.grad(loss, values)
        self._move(values.detach_(), gradient)
        return float(loss.item())


def _predicted(x: Tensor, A: Tensor) -> Tensor:
    return ((x.to(A.dtype) @ A) @ A.T).float() - x


def _distance(predicted: Tensor, wanted: Tensor) -> Tensor:
    return (2 - 2 * cosine_similarity(predicted, wanted)).mean()


class WithChangedLoss(TrainingRun):
    attributes: ClassVar[dict[str, Any]] = {}

    def _step(self, weights: Weights, _room: Room) -> Step:
        step: Step = type("Changed", (ChangedLoss,), self.attributes)(weights, self.options)
        return step


def targets(parts: Split, options: FitOptions) -> Iterator[Line]:
    short = replace(options, loss="linear", prune_epochs=10, regrow_epochs=10)
    dense = replace(options, nonzeros=options.dims, loss="linear", prune_epochs=0, regrow_epochs=0, final_epochs=30)
    full = fit(parts.train, parts.validation, dense, lambda _: None).to_dense()
    teacher = torch.from_numpy(full).to(TYPES[options.precision])
    count = torch.from_numpy(np.asarray(parts.train.sum(axis=0)).ravel() + 1).float()
    count /= count.mean()
    changes: dict[str, dict[str, Any]] = {
        "base": {},
        "a fifth of the inputs dropped": {"dropped": 0.2},
        "half of the inputs dropped": {"dropped": 0.5},
        "targets by popularity to the power -.15": {"weight": count**-0.15},
        "targets by popularity to the power +.15": {"weight": count**0.15},
        "half of the target from a dense ELSA": {"teacher": teacher, "taught": 0.5},
        "nine tenths from a dense ELSA": {"teacher": teacher, "taught": 0.9},
    }
    for name, attributes in changes.items():
        torch.manual_seed(options.seed)
        began = time.process_time()
        run = type("Run", (WithChangedLoss,), {"attributes": attributes})(parts.train, parts.validation, short)
        yield name, _scores(_finished(run), parts), time.process_time() - began


# ------------------------------------------------------------ the table

GROUPS = {"last": last, "whole": whole, "histories": histories, "targets": targets}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("--nonzeros", type=int, default=16)
    parser.add_argument("--dims", type=int, help="default: what the trainer takes")
    parser.add_argument("--groups", default="last,whole,histories")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    interactions = interactions_of(arguments.dataset)
    dims = arguments.dims or default_dims(interactions.n_items)
    chosen = FitOptions(
        dims, arguments.nonzeros, precision=default_precision(), loss=default_loss(dims, interactions.n_items)
    )
    splits = {int(seed): split(interactions, seed=int(seed)) for seed in arguments.seeds.split(",")}
    print(f"{arguments.dataset}: {dims} dims, {arguments.nonzeros} non-zeros, seeds {arguments.seeds}")
    for name in arguments.groups.split(","):
        found: dict[str, list[tuple[Scores, float]]] = {}
        for seed, parts in splits.items():
            for change, scores, seconds in GROUPS[name](parts, replace(chosen, seed=seed)):
                found.setdefault(change, []).append((scores, seconds))
                print(f"seed {seed}: {change}: {scores.mean():.4f}", file=sys.stderr)
        _print(name, found)


def _print(group: str, found: dict[str, list[tuple[Scores, float]]]) -> None:
    base = np.concatenate([scores for scores, _ in found["base"]])
    for change, runs in found.items():
        scores = np.concatenate([scores for scores, _ in runs])
        difference = scores - base
        error = difference.std() / np.sqrt(len(difference))
        seconds = sum(seconds for _, seconds in runs) / len(runs)
        print(
            f"{group:10} {change:42} {scores.mean():.4f}  {difference.mean():+.4f} ± {error:.4f} {seconds:6.0f} s",
            flush=True,
        )


def _finished(run: TrainingRun) -> ItemEmbedding:
    while not run.finished:
        run.advance()
    return run.embedding()


def _scores(embedding: ItemEmbedding, parts: Split) -> Scores:
    return quality(rank_embedding(embedding, _validation(parts)), _validation(parts).targets).ndcg_100


def _validation(parts: Split) -> Holdout:
    assert parts.validation is not None
    return parts.validation


if __name__ == "__main__":
    main()
