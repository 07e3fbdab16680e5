"""What packing costs: test users' nDCG@100 of packed codes less that of the float32 weights they come from.

python -m benchmarks.bench_codes ml-1m goodbooks-sample --nonzeros 8,16,32 --seeds 1,2,3

Models as `fit` trains them, one thread. Differences are paired over persons, with 95 % intervals.
"""

import argparse

import numpy as np
import torch

from benchmarks.public_data import NAMES, interactions_of
from index.packed import PackedEmbedding
from trainer.evaluate import quality, rank_embedding
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_dims
from trainer.machine import default_precision
from trainer.split import split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--nonzeros", type=_whole, default=[8, 16, 32])
    parser.add_argument("--seeds", type=_whole, default=[1, 2, 3])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print("| data | dims | non-zeros | levels | float32 | packed less it | 1 - cosine |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for name in arguments.datasets:
        for nonzeros in arguments.nonzeros:
            _measure(name, nonzeros, arguments.seeds)


def _measure(name: str, nonzeros: int, seeds: list[int]) -> None:
    interactions, before, lost, angles = interactions_of(name), [], [], []
    dims = default_dims(interactions.n_items)
    for seed in seeds:
        parts = split(interactions, seed=seed)
        assert parts.test is not None
        options = FitOptions(dims=dims, nonzeros=nonzeros, seed=seed, precision=default_precision())
        embedding = fit(parts.train, parts.validation, options, lambda _: None)
        packed = PackedEmbedding.pack(embedding)
        floats, codes = (quality(rank_embedding(one, parts.test), parts.test.targets) for one in (embedding, packed))
        before.append(floats.ndcg_100)
        lost.append(codes.ndcg_100 - floats.ndcg_100)
        cosines = (packed.to_dense() * embedding.to_dense()).sum(axis=1)[embedding.coded]
        angles.append(1 - float(cosines.mean()))
    differences = np.concatenate(lost)
    half = 1.96 * float(differences.std()) / len(differences) ** 0.5
    print(
        f"| {name} | {dims} | {nonzeros} | {packed.levels.shape[1] - 1} | {np.concatenate(before).mean():.4f} | "
        f"{differences.mean():+.4f} ± {half:.4f} | {np.mean(angles):.4f} |",
        flush=True,
    )


def _whole(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
