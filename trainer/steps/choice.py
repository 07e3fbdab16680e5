"""Under how many non-zeros an item a step is no longer dense: by counts (costs), unless a clock says something else."""

import logging
import time
from functools import cache

import numpy as np
import scipy.sparse as sp
import torch

from trainer.fit_options import FitOptions
from trainer.steps import costs
from trainer.steps.batch import batch_of
from trainer.steps.dense import DenseStep
from trainer.steps.kernels import Batch
from trainer.steps.sparse import SparseStep
from trainer.steps.step import Step
from trainer.steps.threads import Threads
from trainer.weights import Weights

logger = logging.getLogger(__name__)
_WORTH_A_PROBE = 2**22  # weights at the dense start: smaller runs take no longer than the probe
_MOST_WEIGHTS, _MOST_USERS, _HISTORY, _ROUNDS = 2**24, 512, 50, 3
_PROBED = 32  # non-zeros
_DISTRUST = 2.0  # a clock within this factor of the counts, up or down, says the same


def sparse_below(options: FitOptions, n_items: int) -> int:
    """What the counts say, or where dense steps are much faster or slower here than counted, what they say then.

    Near the point where two ways take the same time it matters little which is chosen, and much that the same machine
    chooses alike.
    """
    worth = n_items * options.dims >= _WORTH_A_PROBE and options.first_nonzeros is None
    factor = _dense_factor(options, n_items) if worth else 1.0
    found = costs.sparse_below(options, n_items, factor)
    logger.info("steps compute with non-zeros only below %d an item, and with all %d dims above", found, options.dims)
    return found


def _dense_factor(options: FitOptions, n_items: int) -> float:
    """How many times longer than counted a dense step takes beside a sparse one; 1 where that is not much."""
    n_items = min(n_items, max(_MOST_WEIGHTS // options.dims, 64))
    n_users = min(options.batch_size or _MOST_USERS, _MOST_USERS)
    probe = FitOptions(dims=options.dims, nonzeros=_PROBED, precision=options.precision, batch_size=n_users)
    dense, sparse = _seconds(probe, n_items, torch.get_num_threads())
    counted = costs.dense(probe, n_items) / float(costs.sparse(probe, n_items, _PROBED))
    factor = dense / sparse / counted
    logger.debug("a step takes %.4f s dense, %.4f s with %d non-zeros", dense, sparse, _PROBED)
    return 1.0 if 1 / _DISTRUST <= factor <= _DISTRUST else float(2.0 ** round(np.log2(factor)))


@cache
def _seconds(options: FitOptions, n_items: int, n_threads: int) -> tuple[float, float]:
    """Of a dense step, and of a sparse one with the options' non-zeros."""
    rng, threads = np.random.default_rng(0), Threads(n_threads)
    batch = _batch(options.batch_size or _MOST_USERS, n_items, rng)
    weights = Weights(torch.from_numpy(rng.standard_normal((n_items, options.dims), np.float32)))
    dense = _best(DenseStep(weights, options, threads), batch)
    weights.prune(options.nonzeros, threads)
    return dense, _best(SparseStep(weights, options, threads), batch)


def _batch(n_users: int, n_items: int, rng: np.random.Generator) -> Batch:
    size = min(_HISTORY, n_items)
    items = np.concatenate([rng.choice(n_items, size, replace=False) for _ in range(n_users)])
    starts = np.arange(n_users + 1) * size
    return batch_of(sp.csr_matrix((np.ones(len(items), np.float32), items, starts), shape=(n_users, n_items)))


def _best(step: Step, batch: Batch) -> float:
    """Seconds of the best of a few rounds, after one that compiles."""
    step(batch)
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        step(batch)
        best = min(best, time.perf_counter() - began)
    return best
