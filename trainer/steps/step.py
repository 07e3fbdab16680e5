"""What every way of making a step promises, and what decides a step."""

from collections.abc import Mapping
from typing import ClassVar, Protocol

import numpy as np
import torch

from trainer.fit_options import FitOptions, Precision
from trainer.ranks import ALONE, Ranks
from trainer.steps import nadam
from trainer.steps.kernels import Batch, F, Rates
from trainer.steps.room import Room
from trainer.steps.threads import Threads
from trainer.weights import Weights

TYPES: Mapping[Precision, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Step(Protocol):
    """Made for weights on one support, and made anew when that changes."""

    way: ClassVar[str]

    def __call__(self, batch: Batch) -> float:
        """Moves the weights once; returns the mean loss of the batch's users before it.

        The loss is equation (2) of the paper: the squared error between the normalised x and x (A Aᵀ - I). Of two
        vectors of length 1 the squared distance is 2 - 2 cos.
        """
        ...


class CompiledStep:
    """What the ways on the CPU have in common; `room` is kept from step to step, where steps are made anew."""

    def __init__(
        self,
        weights: Weights,
        options: FitOptions,
        threads: Threads,
        *,
        room: Room | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        self.weights, self.options, self.threads, self.ranks = weights, options, threads, ranks
        self.room = room or Room()


def next_rates(weights: Weights, options: FitOptions) -> Rates:
    """Counts a step of the weights' optimiser, and says what it does."""
    step, weights.mu_product = nadam.next_step(
        weights.steps, weights.mu_product, options.learning_rate, options.epsilon
    )
    weights.steps += 1
    with np.errstate(over="ignore"):
        return Rates(
            F(nadam.BETA1),
            F(nadam.BETA2),
            F(1 - nadam.BETA1),
            F(1 - nadam.BETA2),
            *(F(number) for number in step),
        )
