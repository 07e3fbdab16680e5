"""What bfloat16 products gain in time and lose in accuracy, in the same run, paired over users.

python -m benchmarks.bench_precision ml-100k ml-1m [--seeds 1,2,3] [--nonzeros 16]

Each seed is trained in both precisions, one after the other, with the default options. Seconds are of the training
alone; validation takes the same in both and is not counted. The difference of nDCG@100 is over test users.
"""

import argparse
import time

import numpy as np
import torch

from benchmarks.public_data import NAMES, interactions_of
from trainer import host, machine
from trainer.evaluate import quality, rank_embedding
from trainer.fit import TrainingRun
from trainer.fit_options import FitOptions, Precision, default_dims
from trainer.split import Split, split

PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--nonzeros", type=int, default=16)
    parser.add_argument("--dims", type=int, help="width, where the default takes too long")
    parser.add_argument("--threads", type=int, default=host.cores())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    probed = machine.probe_seconds("cpu")
    print(
        f"probe: one product takes {probed['float32'] * 1e3:.2f} ms in float32, {probed['bfloat16'] * 1e3:.2f} in "
        f"bfloat16; chosen here: {machine.default_precision('cpu')}; {arguments.threads} threads",
        flush=True,
    )
    for name in arguments.datasets:
        interactions = interactions_of(name)
        values: dict[Precision, list[np.ndarray[tuple[int], np.dtype[np.float64]]]] = {kind: [] for kind in PRECISIONS}
        rates: dict[Precision, list[float]] = {kind: [] for kind in PRECISIONS}
        for seed in (int(text) for text in arguments.seeds.split(",")):
            parts = split(interactions, seed=seed)
            for kind in PRECISIONS:
                options = FitOptions(
                    dims=arguments.dims or default_dims(interactions.n_items),
                    nonzeros=arguments.nonzeros,
                    seed=seed,
                    precision=kind,
                )
                seconds, ndcg = _trained(parts, options)
                values[kind].append(ndcg)
                rates[kind].append(seconds)
        full, half = (np.concatenate(values[kind]) for kind in PRECISIONS)
        difference = half - full
        error = difference.std() / np.sqrt(len(difference))
        slow, fast = np.mean(rates["float32"]), np.mean(rates["bfloat16"])
        print(
            f"{name}: nDCG@100 {full.mean():.4f} in float32, {half.mean():.4f} in bfloat16, "
            f"difference {difference.mean():+.4f} ± {error:.4f}; seconds an epoch {slow:.2f} and {fast:.2f}, "
            f"{slow / fast:.2f} times faster",
            flush=True,
        )


def _trained(parts: Split, options: FitOptions) -> tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Seconds an epoch of the schedule, and the nDCG@100 of each test user."""
    assert parts.test is not None
    run = TrainingRun(parts.train, parts.validation, options)
    seconds: list[float] = []
    while not run.finished:
        began = time.perf_counter()
        validated = run.advance().validation is not None
        if not validated:
            seconds.append(time.perf_counter() - began)
    return float(np.mean(seconds)), quality(rank_embedding(run.embedding(), parts.test), parts.test.targets).ndcg_100


if __name__ == "__main__":
    main()
