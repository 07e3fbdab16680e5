"""What a step costs in each way: counts of operations, in nanoseconds of one core of a recent server processor.

They decide between ways. Counts are no clocks, so the same data and options decide alike, and a model that is trained
again has the same bits. How far they are from a clock: docs/sizing.md.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from trainer.fit_options import FitOptions, Precision

Counts = int | NDArray[np.int64]
USERS_ASKED = 2**14  # of many, what they miss
AT_ONCE = 2**22  # numbers that a dense product for the gradient is made of at a time
_PER_NANOSECOND: Mapping[Precision, int] = {"bfloat16": 300, "float32": 50}  # multiplications of a large product


def dense(options: FitOptions, n_items: int) -> float:
    """Three products of batch x outputs x dims, and a pass over the rows."""
    batch, outputs = _sizes(options, n_items)
    return 3 * batch * outputs * options.dims / _PER_NANOSECOND[options.precision] + outputs * options.dims


def sparse(options: FitOptions, n_items: int, k: Counts) -> NDArray[np.float64]:
    """Three products of batch x outputs x k, and a pass over the non-zeros."""
    batch, outputs = _sizes(options, n_items)
    return np.asarray(k * outputs * (0.25 * batch + 4.0))


def gram(options: FitOptions, n_items: int, k: Counts) -> NDArray[np.float64]:
    """Two loops of outputs x k², which forbid it for larger k, and two products of batch x dims², for wide matrices."""
    if options.loss != "linear":
        return np.asarray(k * np.inf)
    batch, outputs = _sizes(options, n_items)
    products = 2 * batch * options.dims**2 / _PER_NANOSECOND[options.precision]
    return np.asarray(2 * outputs * k * (14 + 0.9 * k) + 4.0 * outputs * k + products)


def sparse_below(options: FitOptions, n_items: int, dense_factor: float = 1.0) -> int:
    """Non-zeros an item under which the cheaper of the two other ways costs less than `dense_factor` dense steps.

    After a sparse start no step is dense: it would need A with all dims.
    """
    if options.first_nonzeros is not None:
        return options.dims
    k = np.arange(1, options.dims)
    narrow = np.minimum(sparse(options, n_items, k), gram(options, n_items, k))
    return 1 + int((narrow < dense_factor * dense(options, n_items)).sum())


def _sizes(options: FitOptions, n_items: int) -> tuple[int, int]:
    return options.batch_size or 1024, min(options.max_outputs or n_items, n_items)
