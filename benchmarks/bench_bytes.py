"""Accuracy against bytes really stored: every system's rows through the same quantiser. docs/comparison.md.

python -m benchmarks.bench_bytes ml-1m goodbooks-sample --plot docs/comparison/bytes-stored.svg

Test users' nDCG@100 at 64 to 512 bytes an item, all counted: our packed codes, 2 bytes a non-zero (index/packed.py);
the paper's Compressed ELSA and ELSA + SAE packed alike; pruned EASE packed alike, whose rows need a float32 length each
and, where there are more items than a code's dims, 4 bytes a weight; ELSA with so few dims that its dense rows fit, of
8 bits a weight (127 steps of the row's largest to either side) and of 4 (levels fitted as ours are). Rows of length 1
need no scale. Settings are what `report` chose by validation users (seed 1). A line a model is added to --out; what is
there is not measured again.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from benchmarks.public_data import interactions_of
from index.embedding import ItemEmbedding
from index.packed import PackedEmbedding, code_type, fitted_levels
from index.packed_kernels import nearest_levels
from trainer.baselines import ease
from trainer.baselines.dense_elsa import dense_options, learn
from trainer.baselines.elsa_sae import dense_matrix
from trainer.baselines.pruned_ease import prune
from trainer.baselines.pruned_ease import scores as sparse_scores
from trainer.baselines.sparse_autoencoder import AutoencoderOptions
from trainer.baselines.sparse_autoencoder import learn as learn_codes
from trainer.baselines.system import Context
from trainer.evaluate import Scores, embedding_scores, quality, rank_embedding, rank_scores
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_dims
from trainer.interactions import Csr
from trainer.machine import default_precision
from trainer.split import Holdout, Split, split

CHOSEN: dict[str, dict[str, Any]] = {
    "ml-1m": {"lambda": 400.0, "base": {"dims": 512, "learning_rate": 0.03}, "hidden": 256},
    "goodbooks-sample": {"lambda": 50.0, "base": {"dims": 2048, "learning_rate": 0.03}, "hidden": 4096},
}
LOW_DIM_RATE, SAE_RATE, SAE_EPOCHS = 0.01, 0.02, 60
_FACTORS = np.geomspace(0.75, 1.333, 13)
_LOOK = {
    "sparseshelf": ("#000000", "*"),
    "Compressed ELSA": ("#D55E00", "o"),
    "ELSA + SAE": ("#009E73", "d"),
    "pruned EASE": ("#E69F00", "s"),
    "ELSA, 8 bits": ("#CC79A7", "^"),
    "ELSA, 4 bits": ("#0072B2", "v"),
}


@dataclass
class Bench:
    """Of one data set and seed."""

    name: str
    seed: int
    parts: Split

    def __post_init__(self) -> None:
        assert self.parts.validation is not None
        self.train: Csr = self.parts.train
        self.validation: Holdout = self.parts.validation
        self.precision = default_precision()
        self.dims = default_dims(self.train.shape[1])
        self.context = Context(self.seed, self.dims, self.precision)
        self.chosen = CHOSEN[self.name]
        self._ease: NDArray[np.float64] | None = None
        self._dense: NDArray[np.float32] | None = None

    def sparseshelf(self, n_bytes: int, **changes: Any) -> Scores:
        k = n_bytes // np.dtype(code_type(self.dims)).itemsize
        options = FitOptions(self.dims, k, seed=self.seed, precision=self.precision, **changes)
        return embedding_scores(PackedEmbedding.pack(fit(self.train, self.validation, options, lambda _: None)))

    def compressed_elsa(self, n_bytes: int) -> Scores:
        return self.sparseshelf(n_bytes, regrow_epochs=0)

    def elsa_sae(self, n_bytes: int) -> Scores:
        if self._dense is None:
            self._dense = dense_matrix(self.train, self.validation, self.chosen["base"], self.context)[1]
        k = n_bytes // 2
        options = AutoencoderOptions(
            max(self.chosen["hidden"], k), SAE_RATE, SAE_EPOCHS, seed=self.seed, precision=self.precision
        )
        codes, _ = learn_codes(self._dense, k, options, self._ndcg)
        return embedding_scores(PackedEmbedding.pack(codes))

    def pruned_ease(self, n_bytes: int) -> Scores:
        if self._ease is None:
            self._ease = ease.fit(self.train, self.chosen["lambda"])
        n_items = self.train.shape[1]
        k = (n_bytes - 4) // np.dtype(code_type(n_items)).itemsize
        rows = prune(self._ease, k)
        rows.sort_indices()
        lengths = sp.linalg.norm(rows, axis=1)
        unit = sp.diags(1 / np.maximum(lengths, 1e-12)) @ rows
        kept = ItemEmbedding.from_rows(unit.indptr, unit.indices, unit.data.astype(np.float32), n_items)
        packed = PackedEmbedding.pack(kept).to_dense()
        return partial(sparse_scores, sp.csr_matrix(packed * lengths.astype(np.float32)[:, None], dtype=np.float64))

    def low_dim(self, bits: int, n_bytes: int) -> Scores:
        dims = 8 * n_bytes // bits
        options = dense_options(dims, self.context)
        found, _ = learn(self.train, self.validation, options, {"learning_rate": LOW_DIM_RATE}, "cpu")
        rows = found.to_dense()
        quantised = eight_bits(rows) if bits == 8 else four_bits(rows)
        return partial(_product, quantised / np.maximum(np.linalg.norm(quantised, axis=1, keepdims=True), 1e-12))

    def _ndcg(self, embedding: ItemEmbedding) -> float:
        return float(quality(rank_embedding(embedding, self.validation), self.validation.targets).ndcg_100.mean())

    def systems(self) -> dict[str, Callable[[int], Scores]]:
        return {
            "sparseshelf": self.sparseshelf,
            "Compressed ELSA": self.compressed_elsa,
            "ELSA + SAE": self.elsa_sae,
            "pruned EASE": self.pruned_ease,
            "ELSA, 8 bits": partial(self.low_dim, 8),
            "ELSA, 4 bits": partial(self.low_dim, 4),
        }

    def ndcg(self, scores: Scores) -> float:
        assert self.parts.test is not None
        return float(quality(rank_scores(scores, self.parts.test), self.parts.test.targets).ndcg_100.mean())


def eight_bits(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    largest = np.maximum(np.abs(rows).max(axis=1, keepdims=True), 1e-12)
    return np.asarray(np.rint(rows / largest * 127), np.float32)


def four_bits(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """One of 15 levels a weight, fitted to bands of columns, by the factor that is best for the row; 0 stays 0."""
    levels, n_negative = fitted_levels(rows, 15, (1, 1))
    found = nearest_levels(rows, levels, n_negative, _FACTORS)
    bands = np.arange(rows.shape[1]) * len(levels) // rows.shape[1]
    chosen: NDArray[np.float64] = levels[bands, found]
    return chosen.astype(np.float32)


def _product(rows: NDArray[np.float32], histories: Csr) -> NDArray[np.float32]:
    return np.asarray((histories @ rows) @ rows.T)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=tuple(CHOSEN))
    parser.add_argument("--bytes", type=_whole, default=[64, 128, 256, 512])
    parser.add_argument("--seeds", type=_whole, default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("reports/bytes.jsonl"))
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    found = [json.loads(line) for line in arguments.out.read_text().splitlines()] if arguments.out.exists() else []
    for name in arguments.datasets:
        for seed in arguments.seeds:
            for fact in _measured(name, seed, arguments.bytes, found):
                found.append(fact)
                with arguments.out.open("a") as file:
                    file.write(json.dumps(fact) + "\n")
    for name in arguments.datasets:
        print(f"\n**{name}**\n\n| bytes an item | " + " | ".join(_LOOK) + " |\n|---:|" + "---:|" * len(_LOOK))
        for n_bytes in arguments.bytes:
            means = [_mean(found, name, system, n_bytes, arguments.seeds) for system in _LOOK]
            print(f"| {n_bytes} | " + " | ".join(f"{mean:.4f}".lstrip("0") for mean in means) + " |")
    if arguments.plot:
        _draw(found, arguments)


def _measured(name: str, seed: int, sizes: list[int], known: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    done = {(fact["data"], fact["seed"], fact["system"], fact["bytes"]) for fact in known}
    bench: Bench | None = None
    for system in _LOOK:
        for n_bytes in sizes:
            if (name, seed, system, n_bytes) in done:
                continue
            bench = bench or Bench(name, seed, split(interactions_of(name), seed=seed))
            ndcg = bench.ndcg(bench.systems()[system](n_bytes))
            print(f"{name}, seed {seed}: {system} at {n_bytes} bytes {ndcg:.4f}", file=sys.stderr, flush=True)
            yield {"data": name, "seed": seed, "system": system, "bytes": n_bytes, "ndcg": ndcg}


def _mean(found: list[dict[str, Any]], name: str, system: str, n_bytes: int, seeds: list[int]) -> float:
    chosen = [
        fact["ndcg"]
        for fact in found
        if (fact["data"], fact["system"], fact["bytes"]) == (name, system, n_bytes) and fact["seed"] in seeds
    ]
    return float(np.mean(chosen)) if chosen else float("nan")


def _draw(found: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - only for whoever wants the plot

    figure = Figure(figsize=(4.6 * len(arguments.datasets), 3.6), layout="constrained")
    axes = figure.subplots(1, len(arguments.datasets), squeeze=False)[0]
    for one, name in zip(axes, arguments.datasets, strict=True):
        for system, (colour, mark) in _LOOK.items():
            means = {n_bytes: _mean(found, name, system, n_bytes, arguments.seeds) for n_bytes in arguments.bytes}
            known = {n_bytes: mean for n_bytes, mean in means.items() if not np.isnan(mean)}
            one.plot(list(known), list(known.values()), color=colour, marker=mark, label=system)
        one.set_xscale("log", base=2)
        one.set_xticks(arguments.bytes, [str(n_bytes) for n_bytes in arguments.bytes])
        one.set(title=name, xlabel="bytes an item, really stored", ylabel="nDCG@100, test users")
        one.spines[["top", "right"]].set_visible(False)
        one.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes[-1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(arguments.plot, metadata={"Date": None})


def _whole(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
