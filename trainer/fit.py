"""The training run: stages of a schedule, one support each, and early stopping in the last."""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from index.embedding import ItemEmbedding
from trainer import initial_weights
from trainer.checkpoint import Checkpoint
from trainer.errors import DataError, TrainingError
from trainer.evaluate import quality, rank_embedding
from trainer.fit_options import Epoch, FitOptions, Watcher, default_batch_size
from trainer.interactions import Csr
from trainer.ranks import ALONE, Ranks, summed
from trainer.schedule import Stage
from trainer.split import Holdout
from trainer.steps import choice, costs, growth
from trainer.steps.autograd import AutogradStep
from trainer.steps.dense import DenseStep
from trainer.steps.gram import GramStep
from trainer.steps.outputs import Sample, SampledSteps, Steps, WholeSteps
from trainer.steps.room import Room
from trainer.steps.sparse import SparseStep
from trainer.steps.step import Step
from trainer.steps.threads import Threads
from trainer.weights import Weights


def fit(
    train: Csr,
    validation: Holdout | None,
    options: FitOptions,
    watch: Watcher,
    *,
    device: str = "cpu",
    resumed: Checkpoint | None = None,
    keep: Callable[[Checkpoint], None] = lambda _: None,
    ranks: Ranks = ALONE,
    start: ItemEmbedding | None = None,
) -> ItemEmbedding:
    """Learns the item matrix. The same arguments, device and thread count give the same bits, resumed or not.

    Without `validation` the last stage runs through; with it the best epoch of the last stage is kept.
    `keep` is given the state after every epoch, and `resumed` goes on from one. With `ranks` these are the rank's
    users, and all else is the same on every rank; the number of ranks changes nothing but the order of sums.
    A warm start begins with the codes of `start`, where items without one are new.
    Raises ConfigurationError for options that do not fit together, TrainingError where the loss is lost.
    """
    run = TrainingRun(train, validation, options, device, ranks=ranks, start=start)
    if resumed is not None:
        run.restore(resumed)
    while not run.finished:
        epoch = run.advance()
        keep(run.state())
        watch(epoch)
    return run.embedding()


class TrainingRun:
    """Weights between two epochs, and all that decides how they go on."""

    def __init__(
        self,
        train: Csr,
        validation: Holdout | None,
        options: FitOptions,
        device: str = "cpu",
        *,
        ranks: Ranks = ALONE,
        start: ItemEmbedding | None = None,
    ) -> None:
        self.stages = options.stages()
        self.train, self.validation, self.options, self.ranks = train, validation, options, ranks
        self.n_users = int(summed([train.shape[0]], ranks)[0])
        self.batch_size = min(options.batch_size or default_batch_size(self.n_users), self.n_users)
        self.device = torch.device(device)
        self.threads = Threads(torch.get_num_threads())
        self.generator = torch.Generator().manual_seed(options.seed)
        if start is None:
            self.weights = initial_weights.drawn(train.shape[1], options, self.generator, self.device)
        else:
            self.weights = initial_weights.continued(start, self.generator, self.device)
        # an item that no training user has would keep its random start
        self.trained = summed(train.getnnz(axis=0), ranks) > 0
        if start is not None:
            self.trained |= start.coded
        self.number = self.since_best = 0
        self.best: tuple[float, ItemEmbedding] | None = None
        self.way = ""
        self._begin(0)

    def _begin(self, stage: int) -> None:
        self.stage, self.epochs_of_stage = stage, 0
        if self.current.k < self.weights.k:
            self.weights.prune(self.current.k, self.threads)

    def _exchange(self, n: int) -> None:
        """`n` weights an item give way to those that the users, or some of many, miss most."""
        users = self.train
        if self.n_users > costs.USERS_ASKED:
            users = self._own(torch.randperm(self.n_users, generator=self.generator)[: costs.USERS_ASKED].numpy())
        missed = growth.gradients(self.weights, users, self._counted, self.threads, self.ranks)
        self.weights.exchange(min(n, self.options.dims - self.current.k), missed, self.threads)

    def _steps(self) -> Steps:
        n_items, most, room = self.weights.n_items, self.options.max_outputs, Room()
        if most is None or most >= n_items:
            return WholeSteps(self._step(self.weights, room))
        sample = Sample(n_items, most, self.generator, self.ranks)
        return SampledSteps(self.weights, sample, lambda part: self._step(part, room), self.options.learning_rate)

    def _step(self, weights: Weights, room: Room) -> Step:
        """The way that is fastest here for the weights' support."""
        if self.device.type != "cpu":
            return AutogradStep(weights, self.options, ranks=self.ranks)
        k, counted = self.current.k, replace(self._counted, max_outputs=None)  # the outputs are the weights' items
        way: type[DenseStep | SparseStep | GramStep] = SparseStep
        if weights.dims is None or k >= self.sparse_below:
            way = DenseStep
        elif costs.gram(counted, weights.n_items, k) < costs.sparse(counted, weights.n_items, k):
            way = GramStep
        return way(weights, self.options, self.threads, room=room, ranks=self.ranks)

    @property
    def _counted(self) -> FitOptions:
        """The options with the users that a step has."""
        return replace(self.options, batch_size=self.batch_size)

    @cached_property
    def sparse_below(self) -> int:
        """Non-zeros an item under which a step touches only them."""
        asked = self.options.sparse_below
        if asked is not None:
            return asked
        return choice.sparse_below(self._counted, self.train.shape[1])

    @property
    def current(self) -> Stage:
        return self.stages[self.stage]

    @property
    def finished(self) -> bool:
        if self.stage + 1 < len(self.stages):
            return False
        waited = self.validation is not None and self.since_best >= self.options.patience
        return waited or self.epochs_of_stage == self.current.epochs

    def advance(self) -> Epoch:
        """Trains one epoch; in the last stage looks at the validation users after it."""
        if self.epochs_of_stage == self.current.epochs:
            self._begin(self.stage + 1)
        if n := self.current.exchanged(self.epochs_of_stage):
            self._exchange(n)
        loss = self._pass(torch.randperm(self.n_users, generator=self.generator).numpy())
        self._check_replicas()
        self.number += 1
        self.epochs_of_stage += 1
        score = None
        if self.validation is not None and self.stage + 1 == len(self.stages):
            score = self._validate(self.validation)
        total = sum(stage.epochs for stage in self.stages)
        return Epoch(self.number, total, self.stage + 1, self.current.k, loss, score, self.way)

    def _validate(self, validation: Holdout) -> float:
        embedding = self._exported()
        own = validation.every(self.ranks.number, self.ranks.rank)
        scores = quality(rank_embedding(embedding, own), own.targets).ndcg_100
        score = float(summed([scores.sum()], self.ranks)[0] / validation.n_users)
        self.since_best += 1
        if self.best is None or score > self.best[0]:
            self.best, self.since_best = (score, embedding), 0
        return score

    def _pass(self, users: NDArray[np.int64]) -> float:
        """One pass over all ranks' users in the order given; the mean loss."""
        step, total = self._steps(), 0.0  # anew, as after an interruption: lengths are then summed in the same order
        for start in range(0, len(users), self.batch_size):
            batch = users[start : start + self.batch_size]
            own = self._own(batch)
            total += step(own, len(batch)) * own.shape[0]
        step.settle()
        self.way = step.way
        mean = float(summed([total], self.ranks)[0]) / self.n_users
        if not np.isfinite(mean):
            raise TrainingError("the loss is no longer a number; lower --learning-rate")
        return mean

    def _check_replicas(self) -> None:
        """All ranks have the same weights, or their sums of gradients meant nothing. Raises TrainingError."""
        if self.ranks.number > 1:
            sums, values = np.zeros(self.ranks.number), self.weights.values
            sums[self.ranks.rank] = int(values.view(torch.int32).sum(dtype=torch.int64)) % 2**52  # exact
            if len(np.unique(summed(sums, self.ranks))) > 1:
                raise TrainingError(
                    "ranks have come to different weights; use the same release on machines of one kind"
                )

    def _own(self, users: NDArray[np.int64]) -> Csr:
        """Those of the users that this rank has."""
        n_ranks = self.ranks.number
        own: Csr = self.train[users[users % n_ranks == self.ranks.rank] // n_ranks]
        return own

    # ------------------------------------------------------------ results and states

    def _exported(self) -> ItemEmbedding:
        return self.weights.embedding(self.trained)

    def embedding(self) -> ItemEmbedding:
        """What was learned: the best epoch of the last stage. Raises TrainingError for weights that overflowed."""
        chosen = self.best[1] if self.best else self._exported()
        if not np.isfinite(chosen.weights).all() or not chosen.coded[self.trained].all():
            raise TrainingError("the weights have overflowed; lower --learning-rate")
        return chosen

    def state(self) -> Checkpoint:
        """All that `restore` needs. The arrays are the run's own: write them before it goes on."""
        arrays: dict[str, NDArray[Any]] = {
            "weight": _array(self.weights.values),
            "generator": self.generator.get_state().numpy(),
        }
        if self.weights.dims is not None:
            arrays["dims"] = _array(self.weights.dims)
        if not self._is_before_pruning(self.stage, self.epochs_of_stage):  # which has a new optimiser
            arrays |= {
                "momentum": _array(self.weights.momentum),
                "variance": _array(self.weights.variance),
                "optimiser": np.array([self.weights.steps, self.weights.mu_product]),
            }
        if self.best is not None:
            arrays |= {"best_dims": self.best[1].dims, "best_weights": self.best[1].weights}
        return Checkpoint(
            self.number, self.stage, self.epochs_of_stage, self.since_best, self.best[0] if self.best else None, arrays
        )

    def _is_before_pruning(self, stage: int, epochs: int) -> bool:
        following = self.stages[stage + 1 :]
        return epochs == self.stages[stage].epochs and (not following or following[0].k < self.stages[stage].k)

    def restore(self, state: Checkpoint) -> None:
        """Goes back to the end of the epoch that `state` was taken after. Raises DataError where it does not fit."""
        try:
            self._restore(state)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise DataError(
                f"the checkpoint does not fit this run ({error}); leave --resume out to start from the beginning"
            ) from error

    def _restore(self, state: Checkpoint) -> None:
        stage, arrays = self.stages[state.stage], state.arrays
        shape = (self.train.shape[1], stage.k)
        within = not self._is_before_pruning(state.stage, state.epochs_of_stage)
        expected: dict[str, tuple[type, tuple[int, ...]]] = {
            "weight": (np.float32, shape),
            "generator": (np.uint8, self.generator.get_state().shape),
        }
        if stage.k < self.options.dims:
            expected["dims"] = (np.int32, shape)
        if within:
            expected |= {
                "momentum": (np.float32, shape),
                "variance": (np.float32, shape),
                "optimiser": (np.float64, (2,)),
            }
        state.refuse_unlike(expected)
        if "dims" in expected and not (arrays["dims"].min() >= 0 and arrays["dims"].max() < self.options.dims):
            raise ValueError("dims out of range")
        if not 0 < state.epochs_of_stage <= stage.epochs:
            raise ValueError(f"{state.epochs_of_stage} epochs of a stage of {stage.epochs}")
        self.number, self.stage, self.epochs_of_stage = state.number, state.stage, state.epochs_of_stage
        self.generator.set_state(_tensor(arrays["generator"]))
        dims = _tensor(arrays["dims"]).to(self.device) if "dims" in expected else None
        self.weights.take(_tensor(arrays["weight"]).to(self.device), dims)
        if within:
            self.weights.momentum = _tensor(arrays["momentum"]).to(self.device)
            self.weights.variance = _tensor(arrays["variance"]).to(self.device)
            self.weights.steps, self.weights.mu_product = int(arrays["optimiser"][0]), float(arrays["optimiser"][1])
        self.since_best = state.since_best
        if state.best_score is not None:
            best = ItemEmbedding(arrays["best_dims"], arrays["best_weights"], self.options.dims)
            if problem := best.violation():
                raise ValueError(f"the best epoch: {problem}")
            self.best = state.best_score, best


def _array(tensor: Tensor) -> NDArray[Any]:
    found: NDArray[Any] = tensor.detach().cpu().numpy()
    return found


def _tensor(array: NDArray[Any]) -> Tensor:
    """A copy where torch aligns its own: products of memory aligned otherwise may differ in the last bit."""
    return torch.tensor(array)
