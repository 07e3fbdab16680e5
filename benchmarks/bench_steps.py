"""Where a training run's time goes, how far its parts are from the machine's limits, and what a step takes each way.

python -m benchmarks.bench_steps ml-1m goodbooks-sample

Limits are measured in the same run: the best rate of a large square product in the products' precision, and of copying
memory. One thread by default, so that a rate is that of a core.
"""

import argparse
import cProfile
import pstats
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.public_data import NAMES, interactions_of
from trainer.fit import TrainingRun
from trainer.fit_options import FitOptions, default_dims
from trainer.initial_weights import xavier_uniform
from trainer.interactions import Csr
from trainer.machine import default_precision
from trainer.split import split
from trainer.steps import costs
from trainer.steps.autograd import AutogradStep
from trainer.steps.batch import batch_of
from trainer.steps.dense import DenseStep
from trainer.steps.gram import GramStep
from trainer.steps.sparse import SparseStep
from trainer.steps.threads import Threads
from trainer.weights import Weights

PARTS = {  # (file, function) of the profile: what it is
    ("", "<built-in method torch.mm>"): "large products",
    ("dense_kernels.py", "update"): "gradient, NAdam and A, a pass over all rows",
    ("dense_kernels.py", "fold_in"): "profiles x A, dense",
    ("dense_kernels.py", "errors"): "errors and losses, dense",
    ("", "<method 'copy_' of 'torch._C.TensorBase' objects>"): "transposing, rounding",
    ("kernels.py", "keep_largest"): "pruning",
    ("kernels.py", "write_rows"): "A after pruning",
    ("fit.py", "_validate"): "validation",
}
_ROUNDS = 5
_WORTH_TRYING = 5.0  # times what is counted for a dense step
_WAYS = ("autograd", "dense", "sparse", "gram")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--nonzeros", type=int, default=16)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.datasets:
        interactions = interactions_of(name)
        parts = split(interactions, seed=1)
        options = FitOptions(
            dims=default_dims(interactions.n_items), nonzeros=arguments.nonzeros, precision=default_precision()
        )
        brief = replace(options, prune_epochs=2, regrow_epochs=2, final_epochs=1)
        run = TrainingRun(parts.train, parts.validation, brief)
        while not run.finished:  # compiles
            run.advance()
        print(f"**{name}**: {interactions.n_items:,} items, {options.dims} dims, {options.precision}, ", end="")
        print(f"{run.batch_size} users a step, {arguments.threads} thread{'s' * (arguments.threads > 1)}\n")
        _profile(TrainingRun(parts.train, parts.validation, options))
        _ways(parts.train, replace(options, batch_size=run.batch_size))


def _profile(run: TrainingRun) -> None:
    multiplied = 0
    product = torch.mm

    def counted(left: torch.Tensor, right: torch.Tensor, **rest: Any) -> torch.Tensor:
        nonlocal multiplied
        multiplied += left.shape[0] * left.shape[1] * right.shape[1]
        return product(left, right, **rest)

    torch.mm = counted  # type: ignore[assignment]
    rows = 0
    profile = cProfile.Profile()
    try:
        while not run.finished:
            profile.enable()
            run.advance()
            profile.disable()
            if run.way == DenseStep.way:
                n_steps = -(-run.train.shape[0] // run.batch_size)
                rows += n_steps * _bytes_of_update(run.weights, run.options)
    finally:
        torch.mm = product
    seconds: dict[str, float] = defaultdict(float)
    total = 0.0
    for (path, _, function), (_, _, own, cumulative, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        file = path.rpartition("/")[2] if path != "~" else ""
        part = PARTS.get((file, function))
        if part is None and file in {"sparse_kernels.py", "gram_kernels.py"}:
            part = "narrow steps, over non-zeros"
        if part:
            seconds[part] += cumulative if part == "validation" else own
        total += own
    seconds["everything else"] = max(total - sum(seconds.values()), 0.0)
    print(f"{run.number} epochs in {total:.1f} s, {run.since_best} of them after the best\n")
    print("| part | seconds | share | rate | machine's limit | reached |\n|---|---:|---:|---:|---:|---:|")
    peak, copying = _product_limit(run.options), _copy_limit()
    rates = {
        "large products": (multiplied / 1e9, "G multiplications/s", peak),
        "gradient, NAdam and A, a pass over all rows": (rows / 2**30, "GiB/s", copying),
    }
    for part, spent in sorted(seconds.items(), key=lambda entry: -entry[1]):
        rate = ""
        if part in rates:
            amount, unit, limit = rates[part]
            rate = f" {amount / spent:,.0f} {unit} | {limit:,.0f} | {amount / spent / limit:.0%}"
        print(f"| {part} | {spent:.2f} | {spent / total:.0%} |{rate or ' | | '} |")
    print()


def _bytes_of_update(weights: Weights, options: FitOptions) -> int:
    """Read and written a step: weights and moments both, dims, the gradient's rows, A's rows or the places of them."""
    width = 2 if options.precision == "bfloat16" else 4
    return weights.n_items * (weights.k * (6 * 4 + 4 + width) + weights.n_dims * width)


def _ways(train: Csr, options: FitOptions) -> None:
    """What a step takes each way, torch's own operations in the same precision among them, by non-zeros; which of ours
    the counts choose.
    """
    threads, batch = Threads(torch.get_num_threads()), batch_of(train[: options.batch_size])
    n_items = train.shape[1]
    print("| non-zeros | autograd, ms | dense, ms | sparse, ms | gram, ms | chosen |\n|---:|---:|---:|---:|---:|---|")
    k = options.dims
    while k >= 4:
        weights = Weights(xavier_uniform(n_items, options.dims, torch.Generator().manual_seed(0)))
        ways: dict[str, type[DenseStep | SparseStep | GramStep]] = {"dense": DenseStep}
        if k < options.dims:
            weights.prune(k, threads)
        narrow: list[tuple[type[SparseStep | GramStep], Any]] = [(SparseStep, costs.sparse), (GramStep, costs.gram)]
        most = _WORTH_TRYING * costs.dense(options, n_items)
        ways |= {way.way: way for way, cost in narrow if k < options.dims and cost(options, n_items, k) < most}
        found = {name: _milliseconds(way(weights, options, threads), batch) for name, way in ways.items()}
        found["autograd"] = _milliseconds(AutogradStep(weights, options), batch)
        chosen = "dense"
        if k < options.dims and k < costs.sparse_below(options, n_items):
            chosen = "gram" if costs.gram(options, n_items, k) < costs.sparse(options, n_items, k) else "sparse"
        cells = " | ".join(f"{found[name]:.1f}" if name in found else "" for name in _WAYS)
        print(f"| {k} | {cells} | {chosen} |", flush=True)
        k //= 2
    print()


def _milliseconds(step: Any, batch: Any) -> float:
    step(batch)
    return 1e3 * min(_seconds(lambda: step(batch)) for _ in range(_ROUNDS))


def _product_limit(options: FitOptions) -> float:
    kind = torch.bfloat16 if options.precision == "bfloat16" else torch.float32
    left, right = torch.rand(4096, 4096).to(kind), torch.rand(4096, 4096).to(kind)
    found = torch.empty(4096, 4096, dtype=kind)
    return 4096**3 / 1e9 / min(_seconds(lambda: torch.mm(left, right, out=found)) for _ in range(_ROUNDS))


def _copy_limit() -> float:
    source = np.ones(2**26, np.float32)
    target = np.zeros_like(source)
    return 2 * source.nbytes / 2**30 / min(_seconds(lambda: np.copyto(target, source)) for _ in range(_ROUNDS))


def _seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
