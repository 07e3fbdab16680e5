"""What a run takes: memory at its peak and disk for its checkpoints; what would make it fit."""

from dataclasses import replace

import numpy as np

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from trainer.errors import ConfigurationError
from trainer.fit_options import FitOptions
from trainer.segmentation.describe import MOST_COLUMNS
from trainer.steps import costs

_FLOAT_BYTES = 4
_REST_BYTES = 3 * 2**23  # an epoch's users in their order, and what the allocator keeps
_PRODUCT_BYTES = {"float32": 4, "bfloat16": 2}
_STARTS = (4, 8, 16)  # dims are how many times the weights at a sparse start
_LEAST_BATCH, _LEAST_OUTPUTS = 16, 1024


def bytes_needed(n_items: int, options: FitOptions, device: str = "cpu", own_items: int = 0) -> int:
    """The peak of a run beyond the data: a step at the dense start, or the first sparse one where that takes more.

    `own_items` are those of a batch's users, which are its outputs whatever `max_outputs` says. How close this is to
    what is measured: docs/sizing.md.
    """
    outputs = min(max(options.max_outputs or n_items, own_items), n_items)
    always = _FLOAT_BYTES * n_items * options.dims * options.restart + _REST_BYTES
    if options.first_nonzeros is not None:
        return always + _sparse_start_bytes(n_items, outputs, options, options.first_nonzeros, device)
    if device != "cpu":
        return always + _accelerator_bytes(n_items, outputs, options)
    return always + max(_dense_bytes(n_items, outputs, options), _sparse_bytes(n_items, outputs, options))


def _dense_bytes(n_items: int, outputs: int, options: FitOptions) -> int:
    """Weights and two moments; A and, of sampled outputs, their rows of it; of a batch its errors, two profiles,
    and the gradients of some outputs at a time.
    """
    batch, dims = options.batch_size or 1024, options.dims
    products = (n_items + (outputs if outputs < n_items else 0)) * dims + batch * (outputs + 2 * dims)
    products += min(outputs * (batch + dims), costs.AT_ONCE)
    return _FLOAT_BYTES * 3 * n_items * dims + _PRODUCT_BYTES[options.precision] * products


def _sparse_bytes(n_items: int, outputs: int, options: FitOptions) -> int:
    """Values, two moments, dims, codes, entries by dim, and a gradient of the outputs; of a batch what is needed of it:
    through AᵀA that and five profiles, otherwise the errors and two profiles.
    """
    batch = options.batch_size or 1024
    below = options.sparse_below or costs.sparse_below(options, n_items)
    widest = options.first_nonzeros or max(options.nonzeros, min(below, options.dims // 2))
    through_gram = all(
        costs.gram(options, n_items, k) < costs.sparse(options, n_items, k) for k in (options.nonzeros, widest)
    )
    of_users = (options.dims + 5 * batch) * options.dims if through_gram else batch * (outputs + 2 * options.dims)
    return _FLOAT_BYTES * ((7 * n_items + outputs) * widest + of_users)


def _sparse_start_bytes(n_items: int, outputs: int, options: FitOptions, start: int, device: str) -> int:
    """The first step, or what finds where supports grow: values, moments and dims of the start are there meanwhile."""
    growth = _FLOAT_BYTES * 4 * n_items * start + _growth_bytes(n_items, options)
    if device != "cpu":
        step = _FLOAT_BYTES * (9 * n_items * start + 4 * (options.batch_size or 1024) * outputs)
        return max(step + (_FLOAT_BYTES + _PRODUCT_BYTES[options.precision]) * outputs * options.dims, growth)
    if start >= (options.sparse_below or options.dims):  # asked for
        dense = _dense_bytes(n_items, outputs, options) - _FLOAT_BYTES * 3 * n_items * options.dims
        return max(_FLOAT_BYTES * 4 * n_items * start + dense, growth)
    return max(_sparse_bytes(n_items, outputs, options), growth)


def _growth_bytes(n_items: int, options: FitOptions) -> int:
    """A profile of every user asked, two squares and what is computed of them, and some rows at a time; with `relu` a
    gradient and A of all items.
    """
    dims, batch = options.dims, options.batch_size or 1024
    if options.loss != "linear":
        of_batch = batch * (n_items + 2 * dims) + min(n_items * (batch + dims), costs.AT_ONCE)
        return _FLOAT_BYTES * n_items * dims + _PRODUCT_BYTES[options.precision] * (n_items * dims + of_batch)
    return _FLOAT_BYTES * ((costs.USERS_ASKED + 3 * dims) * dims + 5 * costs.AT_ONCE)


def _accelerator_bytes(n_items: int, outputs: int, options: FitOptions) -> int:
    """Torch's own steps: weights, gradient, moments and what is computed from them; of a batch four errors."""
    weights = (7 * n_items + 2 * outputs) * options.dims
    return _FLOAT_BYTES * (weights + 4 * (options.batch_size or 1024) * outputs)


def start_bytes(n_items: int, options: FitOptions) -> int:
    """What the machine needs while it draws the initial values, wherever they are trained."""
    if options.first_nonzeros is not None:
        return _FLOAT_BYTES * 4 * n_items * options.first_nonzeros
    return _FLOAT_BYTES * n_items * options.dims


def checkpoint_bytes(n_items: int, options: FitOptions) -> int:
    """The largest checkpoint: weights and dims after each stage, two moments more within one, the best epoch's code."""
    stages = options.stages()
    rectangles = max(stage.k * (4 if stage.epochs > 1 else 2) for stage in stages)
    return _FLOAT_BYTES * n_items * (rectangles + 2 * options.nonzeros) + 2**20


def artifact_bytes(n_items: int, nonzeros: int, catalog: Catalog) -> int:
    """About the size of the artifact, at most: weights in float32, and titles and attributes as they are in memory."""
    texts = sum(len(title) for title in catalog.titles) + 16 * n_items
    return n_items * (8 * nonzeros + 64) + 8 * texts + 2**20


def check_segments(embedding: ItemEmbedding, available: int) -> None:
    """Refuses a matrix in which segments could not be found: a group's descriptor has a column a dim, up to a bound.

    Raises ConfigurationError.
    """
    place = np.abs(embedding.weights).argmax(axis=1)[:, None]
    n_groups = min(2 * len(np.unique(np.take_along_axis(embedding.dims, place, axis=1))), embedding.n_items)
    needed = 3 * _FLOAT_BYTES * n_groups * min(embedding.n_dims, MOST_COLUMNS)
    if needed > available:
        raise ConfigurationError(
            f"segments of {n_groups:,} groups take about {needed / 2**30:.1f} GiB, {available / 2**30:.1f} are there; "
            "give it more memory, or a matrix whose items share more dims"
        )


def check_memory(n_items: int, options: FitOptions, available: int, device: str = "cpu") -> None:
    """Refuses what cannot fit into `available` bytes, before it is tried, and names settings that would.

    Raises ConfigurationError.
    """
    needed = bytes_needed(n_items, options, device)
    if needed > available:
        raise ConfigurationError(
            f"training {options.dims} dims of {n_items:,} items takes about {needed / 2**30:.1f} GiB, "
            f"{available / 2**30:.1f} are there; {_way_out(n_items, options, available, device)}"
        )


def _way_out(n_items: int, options: FitOptions, available: int, device: str) -> str:
    """Each of the settings alone where that helps; all of them at their least where none does alone."""
    batch, least_dims = options.batch_size or 1024, max(options.nonzeros, 64)
    smaller = {
        "--dims": [2**power for power in range(20, 5, -1) if least_dims <= 2**power < options.dims],
        "--batch-size": [batch >> shift for shift in range(1, 16) if batch >> shift >= _LEAST_BATCH],
        "--max-outputs": [2**power for power in range(30, 9, -1) if _LEAST_OUTPUTS <= 2**power < n_items],
    }
    if options.first_nonzeros is None and not options.restart and options.loss == "linear":
        starts = [options.dims // part for part in _STARTS if options.dims // part >= options.nonzeros]
        smaller = {"--start-nonzeros": starts, **smaller}
    fitting = []
    for name, values in smaller.items():
        fits = (value for value in values if bytes_needed(n_items, _changed(options, name, value), device) <= available)
        if value := next(fits, None):
            fitting.append(f"{name} {value}")
    if fitting:
        return "it would fit with " + ", or ".join(fitting)
    least = replace(options, dims=least_dims, batch_size=_LEAST_BATCH, max_outputs=_LEAST_OUTPUTS)
    if bytes_needed(n_items, least, device) <= available:
        return "lower --dims, --batch-size and --max-outputs together"
    return (
        f"even --dims {least_dims} with the smallest batches is too much: train on a larger machine or on fewer items"
    )


def _changed(options: FitOptions, name: str, value: int) -> FitOptions:
    match name:
        case "--start-nonzeros":
            return replace(options, start_nonzeros=value)
        case "--dims":
            return replace(options, dims=value)
        case "--batch-size":
            return replace(options, batch_size=value)
        case _:
            return replace(options, max_outputs=value)
