"""NAdam with torch's formula and defaults: "Incorporating Nesterov Momentum into Adam" (Dozat, 2016).

Its state belongs to the weights and is written into the same checkpoint, so that a step may be made by any of the ways.
"""

from typing import NamedTuple

import numpy as np

BETA1, BETA2 = 0.9, 0.999
MOMENTUM_DECAY = 4e-3


class Step(NamedTuple):
    """The numbers of one step, in float64. With gradient g: m = lerp(m, g), v = lerp(v, g²), and w falls by
    (gradient g + momentum m) / (sqrt(correction v) + epsilon).
    """

    gradient: float
    momentum: float
    correction: float
    epsilon: float


def next_step(steps: int, mu_product: float, learning_rate: float, epsilon: float) -> tuple[Step, float]:
    """The step after `steps` of them, and the product of all momentum factors with its own."""
    t = steps + 1
    mu, following = (BETA1 * (1 - 0.5 * 0.96 ** (at * MOMENTUM_DECAY)) for at in (t, t + 1))
    mu_product *= mu
    with np.errstate(over="ignore"):
        found = Step(
            learning_rate * (1 - mu) / (1 - mu_product),
            learning_rate * following / (1 - mu_product * following),
            1 / (1 - BETA2**t),
            epsilon,
        )
    return found, mu_product
