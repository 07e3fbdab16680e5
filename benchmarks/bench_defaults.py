"""Paired runs on validation users that decide the trainer's defaults; the log is docs/defaults.md.

python -m benchmarks.bench_defaults ml-100k --set dims=128,256,512 --set nonzeros=16,64

Every combination is fitted on the same splits. Columns: mean validation nDCG@100 over the seeds, the paired difference
to the first combination with its standard error over users, epochs and seconds. Test users are not looked at.
"""

import argparse
import itertools
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from benchmarks.public_data import NAMES, interactions_of
from trainer.evaluate import quality, rank_embedding
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_dims
from trainer.machine import default_precision
from trainer.split import split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("--set", action="append", default=[], metavar="OPTION=A,B", help="values of one fit option")
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    interactions = interactions_of(arguments.dataset)
    base = FitOptions(dims=default_dims(interactions.n_items), nonzeros=64, precision=default_precision())
    axes = [_axis(text, base) for text in arguments.set]
    splits = {int(seed): split(interactions, seed=int(seed)) for seed in arguments.seeds.split(",")}
    first: np.ndarray[Any, np.dtype[np.float64]] | None = None
    print(f"{arguments.dataset}: {interactions.n_users} users, {interactions.n_items} items, {len(splits)} seeds")
    for combination in itertools.product(*axes):
        changes = dict(combination)
        scores, epochs, seconds = [], 0, 0.0
        for seed, parts in splits.items():
            assert parts.validation is not None
            seen: list[int] = []
            began = time.perf_counter()
            chosen = replace(base, seed=seed, **changes)
            embedding = fit(parts.train, parts.validation, chosen, lambda epoch, seen=seen: seen.append(epoch.number))
            seconds += time.perf_counter() - began
            epochs += len(seen)
            scores.append(quality(rank_embedding(embedding, parts.validation), parts.validation.targets).ndcg_100)
        values = np.concatenate(scores)
        first = values if first is None else first
        difference = values - first
        error = difference.std() / np.sqrt(len(difference))
        words = " ".join(f"{name}={value}" for name, value in changes.items()) or "defaults"
        print(
            f"{words:60} {values.mean():.4f}  {difference.mean():+.4f} ± {error:.4f}"
            f"  {epochs / len(splits):5.1f} epochs {seconds / len(splits):6.1f} s",
            flush=True,
        )


def _axis(text: str, base: FitOptions) -> list[tuple[str, Any]]:
    name, _, values = text.partition("=")
    example = getattr(base, name)
    if isinstance(example, bool):
        return [(name, value == "true") for value in values.split(",")]
    read = int if example is None else type(example)
    return [(name, read(value)) for value in values.split(",")]


if __name__ == "__main__":
    main()
