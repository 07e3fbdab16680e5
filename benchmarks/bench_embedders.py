"""Segments by each embedder at several tau, on the same trained model: how many, how large, how much alike within.

python -m benchmarks.bench_embedders ml-1m goodbooks-sample

keyword    share of a segment's attention that has its heaviest keyword, mean over segments
attributes cosine of the attributes of two items of one segment, over that of any two items
taste      cosine of the users of two items of one segment, over that of any two items: no metadata in it
distinct   share of segments whose label of keywords no larger segment has, so that it needs no title of an item
Attributes and taste are means over items. More segments are always more alike: compare lines of similar number.
"""

import argparse
import sys
import time

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from benchmarks.public_data import NAMES, catalog_of, interactions_of
from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.segments import Segments
from trainer.baselines.popular import popularity
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_batch_size, default_dims
from trainer.interactions import Interactions
from trainer.machine import default_precision
from trainer.segmentation import SegmentOptions, encoder_of, segment
from trainer.segmentation.describe import Describer
from trainer.segmentation.embed import KEYWORDS, SENTENCES
from trainer.segmentation.encoder import DEFAULT_MODEL
from trainer.split import Split, split

TAUS = {KEYWORDS: (0.6, 0.55, 0.5, 0.45, 0.4), SENTENCES: (0.7, 0.68, 0.66, 0.64, 0.62)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default=default_precision())
    parser.add_argument("--model", default=DEFAULT_MODEL, help="name or folder of the sentence encoder")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.datasets:
        interactions = interactions_of(name)
        parts = split(interactions, seed=arguments.seed)
        options = FitOptions(
            dims=default_dims(interactions.n_items),
            nonzeros=16,
            seed=arguments.seed,
            batch_size=default_batch_size(parts.train.shape[0]),
            precision=arguments.precision,
        )
        embedding = fit(parts.train, parts.validation, options, lambda epoch: None)
        compare(name, interactions, parts, embedding, catalog_of(name, interactions.item_ids), arguments.model)


def compare(
    name: str, interactions: Interactions, parts: Split, embedding: ItemEmbedding, catalog: Catalog, model: str
) -> None:
    """The table of one data set."""
    known = popularity(parts.train)
    describer = Describer(embedding, catalog, interactions.item_ids, known)
    users = parts.train.T.tocsr().astype(np.float64)
    attributes = describer.has[:, np.flatnonzero(describer.weights == 1.0)].astype(np.float64).tocsr()
    print(f"\n{name}: {embedding.n_items} items, {embedding.n_dims} dims")
    print(
        f"{'embedder':22}{'tau':>5}{'segments':>10}{'median':>8}{'largest':>9}{'keyword':>9}{'attributes':>12}"
        f"{'taste':>8}{'distinct':>10}"
    )
    for embedder, taus in TAUS.items():
        encoder = encoder_of(SegmentOptions(embedder=embedder, embedder_model=model))
        for tau in taus:
            options = SegmentOptions(tau, embedder=embedder, embedder_model=model)
            began = time.perf_counter()
            found = segment(embedding, catalog, interactions.item_ids, known, options, encoder=encoder)
            print(f"{embedder} {tau}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
            print(
                f"{embedder:22}{tau:5}{len(found):10}{np.median(found.sizes):8.0f}"
                f"{found.sizes.max() / found.sizes.sum():9.1%}{keyword_share(found, describer):9.2f}"
                f"{likeness(found, attributes):12.2f}{likeness(found, users):8.2f}"
                f"{np.mean([': ' not in label for label in found.labels]):10.0%}",
                flush=True,
            )


def keyword_share(segments: Segments, describer: Describer) -> float:
    shares = []
    for row in range(len(segments)):
        members = segments.members(row).astype(np.int64)
        heaviest = next(iter(describer.keywords(members)), None)
        having = describer.has[members][:, [describer.names.index(heaviest)]].getnnz(axis=1) if heaviest else 0
        shares.append(float((describer.attention[members] * having).sum() / describer.attention[members].sum()))
    return float(np.mean(shares))


def likeness(segments: Segments, features: "sp.csr_matrix[np.float64]") -> float:
    """Mean over items of their mean cosine to the others of their segment, over that to all others."""
    lengths = np.sqrt(np.asarray(features.multiply(features).sum(axis=1)).ravel())
    unit = sp.csr_matrix(sp.diags(1 / np.maximum(lengths, 1e-12)) @ features)
    parts = [segments.members(row).astype(np.int64) for row in range(len(segments))]
    within = sum(len(rows) * _mean_cosine(unit[rows]) for rows in parts)
    everything: NDArray[np.int64] = np.concatenate(parts)
    return within / len(everything) / _mean_cosine(unit[everything])


def _mean_cosine(unit: "sp.csr_matrix[np.float64]") -> float:
    """Of all pairs of two different rows."""
    n = unit.shape[0]
    total = np.asarray(unit.sum(axis=0)).ravel()
    return float(total @ total - unit.multiply(unit).sum()) / max(n * (n - 1), 1)


if __name__ == "__main__":
    main()
