"""sparseshelf against EASE at equal terms: same split, same metrics, test users, three seeds.

python -m benchmarks.bench_accuracy ml-100k ml-1m goodbooks-sample

EASE's lambda is chosen on validation users, for the whole and for the pruned matrix separately. Differences are paired
over test users. Every line is nDCG@100.
"""

import argparse
import sys
import time
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.public_data import NAMES, interactions_of
from trainer.baselines import ease, popular
from trainer.evaluate import quality, rank_embedding, rank_scores
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_dims
from trainer.interactions import Csr
from trainer.machine import default_precision
from trainer.split import Holdout, Split, split

Values = NDArray[np.float64]  # nDCG@100 of each test user
NONZEROS = (64, 16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.datasets:
        interactions = interactions_of(name)
        results: dict[str, list[Values]] = {}
        for seed in (int(text) for text in arguments.seeds.split(",")):
            for system, values in _systems(split(interactions, seed=seed), seed).items():
                results.setdefault(system, []).append(values)
                _note(f"{name} seed {seed} {system}: {values.mean():.4f}")
        _table(name, {system: np.concatenate(values) for system, values in results.items()})


def _systems(parts: Split, seed: int) -> dict[str, Values]:
    assert parts.validation is not None
    assert parts.test is not None
    found = {"popular": _ndcg(partial(popular.scores, parts.train), parts.test)}
    for k in NONZEROS:
        began = time.perf_counter()
        options = FitOptions(
            dims=default_dims(parts.train.shape[1]), nonzeros=k, seed=seed, precision=default_precision()
        )
        embedding = fit(parts.train, parts.validation, options, lambda epoch: None)
        found[f"sparseshelf {k}"] = quality(rank_embedding(embedding, parts.test), parts.test.targets).ndcg_100
        _note(f"  sparseshelf {k} of {options.dims} dims: {time.perf_counter() - began:.0f} s")
    return found | _ease(parts)


def _ease(parts: Split) -> dict[str, Values]:
    """EASE whole and pruned to 16 a row, each with the lambda that is best on validation users."""
    assert parts.validation is not None
    assert parts.test is not None
    best: dict[str, tuple[float, Values]] = {}
    for regularisation in ease.LAMBDAS:
        whole = ease.fit(parts.train, regularisation)
        for system, weights in (("EASE", whole), ("EASE pruned to 16", ease.prune(whole, 16))):
            validation = float(_ndcg(partial(ease.scores, weights), parts.validation).mean())
            if system not in best or validation > best[system][0]:
                best[system] = validation, _ndcg(partial(ease.scores, weights), parts.test)
    return {system: test for system, (_, test) in best.items()}


def _ndcg(score: Callable[[Csr], NDArray[np.floating]], holdout: Holdout) -> Values:
    return quality(rank_scores(score, holdout), holdout.targets).ndcg_100


def _table(name: str, results: dict[str, Values]) -> None:
    print(f"\n{name}: nDCG@100, {len(next(iter(results.values())))} test users over the seeds")
    for system, values in results.items():
        print(f"  {system:20} {values.mean():.4f} ± {values.std() / np.sqrt(len(values)):.4f}")
    for ours, peer in ((f"sparseshelf {NONZEROS[0]}", "EASE"), (f"sparseshelf {NONZEROS[1]}", "EASE pruned to 16")):
        difference = results[ours] - results[peer]
        error = difference.std() / np.sqrt(len(difference))
        print(f"  {ours} - {peer}: {difference.mean():+.4f} ± {error:.4f}", flush=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
