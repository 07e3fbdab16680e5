"""What a sparse start costs in accuracy and saves in memory, beside the dense one: the table of docs/training.md.

python -m benchmarks.bench_sparse_start ml-1m --dims 1024 --seeds 1,2,3
python -m benchmarks.bench_sparse_start goodbooks-sample --dims 2048 --seeds 1,2

Every start is trained on the same splits. `grown`: supports also grow while they are pruned, as `fit --start-nonzeros`
does; `not grown`: only at the end, where the dense start grows as well; `never grown`: not even there. Columns: mean
nDCG@100 of the test users, the difference to the dense start paired over users with its standard error, a processor's
seconds, and what weights, moments, dims and A take at their largest, in MiB.
"""

import argparse
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.public_data import NAMES, interactions_of
from trainer.evaluate import quality, rank_embedding
from trainer.fit import TrainingRun
from trainer.fit_options import FitOptions, default_dims, default_loss
from trainer.machine import default_precision
from trainer.split import Split, split

Scores = np.ndarray[Any, np.dtype[np.float64]]


class NotGrown(TrainingRun):
    """Supports grow at the end only."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        before = [stage._replace(regrown=0.0, regrown_later=0.0) for stage in self.stages[:-2]]
        self.stages = [*before, *self.stages[-2:]]


KINDS: dict[str, tuple[type[TrainingRun], dict[str, Any]]] = {
    "grown": (TrainingRun, {}),
    "not grown": (NotGrown, {}),
    "never grown": (TrainingRun, {"regrow_epochs": 0, "regrow": 0.0}),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("--dims", type=int, help="default: what the trainer takes")
    parser.add_argument("--nonzeros", type=int, default=16)
    parser.add_argument("--parts", default="4,8,16", help="starts with so many times fewer weights than dims")
    parser.add_argument("--kinds", default="grown,not grown,never grown", help=", ".join(KINDS))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    interactions = interactions_of(arguments.dataset)
    dims = arguments.dims or default_dims(interactions.n_items)
    loss = default_loss(dims, interactions.n_items)
    options = FitOptions(dims, arguments.nonzeros, precision=default_precision(), loss=loss)
    splits = {int(seed): split(interactions, seed=int(seed)) for seed in arguments.seeds.split(",")}
    print(f"{arguments.dataset}: {dims} dims, {arguments.nonzeros} non-zeros, {loss} loss, seeds {arguments.seeds}")
    starts = [dims // int(part) for part in arguments.parts.split(",")]
    base: dict[str, Scores] = {}
    for kind in arguments.kinds.split(","):
        for start in (None, *starts):
            name = "never grown" if kind == "never grown" else "grown"  # of a dense start there are only these
            if start is None and name in base:
                continue
            base |= _line(kind, start, replace(options, start_nonzeros=start), splits, base.get(name))


def _line(
    kind: str, start: int | None, options: FitOptions, splits: dict[int, Split], base: Scores | None
) -> dict[str, Scores]:
    """Prints what became of one start; that of the dense one by its kind."""
    found, seconds, n_items = [], 0.0, 0
    for seed, parts in splits.items():
        run_type, changes = KINDS[kind if start else kind.replace("not grown", "grown")]
        began = time.process_time()
        run = run_type(parts.train, parts.validation, replace(options, seed=seed, **changes))
        while not run.finished:
            run.advance()
        seconds += time.process_time() - began
        assert parts.test is not None
        found.append(quality(rank_embedding(run.embedding(), parts.test), parts.test.targets).ndcg_100)
        n_items = run.weights.n_items
        print(f"seed {seed}: {kind}, {start or 'dense'}: {found[-1].mean():.4f}", file=sys.stderr)
    scores = np.concatenate(found)
    difference = scores - (scores if base is None else base)
    error = difference.std() / np.sqrt(len(difference))
    an_item = 20 * start if start else (14 if options.precision == "bfloat16" else 16) * options.dims
    print(
        f"{kind if start else kind.replace('not grown', 'grown'):12} {start or 'dense':>6}  {scores.mean():.4f}  "
        f"{difference.mean():+.4f} ± {error:.4f}  {seconds / len(splits):5.0f} s  {n_items * an_item / 2**20:7.1f} MiB",
        flush=True,
    )
    return {} if start else {"never grown" if kind == "never grown" else "grown": scores}


if __name__ == "__main__":
    main()
