"""The paper's candidate prefiltering: only items of the m segments that suit best. Accuracy and time against m.

python -m benchmarks.bench_prefilter ml-1m goodbooks-sample

The models of benchmarks/search_matrices.py with segments by keywords; test users, as /recommend answers them from
Python, `best_segments` = m. Ways take turns user by user. `whole` asks without segments.
"""

import argparse
import time

import numpy as np

from benchmarks.public_data import catalog_of, interactions_of
from benchmarks.search_matrices import load
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.vocabulary import Vocabulary
from trainer.baselines.popular import popularity
from trainer.evaluate import DEPTH, quality
from trainer.segmentation import SegmentOptions, segment
from trainer.split import Split, split

NAMES = ("ml-1m", "goodbooks-sample")


def recommender_of(name: str) -> tuple[Recommender, Split]:
    interactions = interactions_of(name)
    parts = split(interactions, seed=1)
    codes, known = load(name).codes, popularity(parts.train)
    catalog = catalog_of(name, interactions.item_ids)
    segments = segment(codes, catalog, interactions.item_ids, known, SegmentOptions())
    model = Model(PackedEmbedding.pack(codes), known, Vocabulary.of(interactions.item_ids), catalog, segments)
    return Recommender(model, "v1"), parts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--users", type=int, default=1000, help="at most")
    arguments = parser.parse_args()
    for name in arguments.datasets:
        recommender, parts = recommender_of(name)
        assert parts.test is not None
        n_segments, vocabulary = len(recommender.model.segments), recommender.model.vocabulary
        sizes = [m for m in (2, 5, 10, 20, 40, 80, 160, 320) if m < n_segments]
        ways: list[int | None] = [None, *sizes]
        n_users = min(arguments.users, parts.test.n_users)
        rankings = {way: np.full((n_users, DEPTH), -1, np.int32) for way in ways}
        seconds: dict[int | None, list[float]] = {way: [] for way in ways}
        allowed: dict[int | None, list[int]] = {way: [] for way in ways}
        for user in range(n_users):
            history = [vocabulary.item_id(row) for row in parts.test.shown(user)]
            best = [found.segment_id for found in recommender.segments(history, max(sizes)).segments]
            rows = [recommender.segment_row(segment_id) for segment_id in best]
            for way in ways:
                began = time.perf_counter()
                found = recommender.recommend(history, DEPTH, best_segments=way).items
                seconds[way].append(time.perf_counter() - began)
                rankings[way][user, : len(found)] = vocabulary.rows([item.item_id for item in found])
                chosen = recommender.model.segments.sizes[rows[:way]].sum() if way else len(vocabulary)
                allowed[way].append(int(chosen))
        print(f"\n**{name}**, {n_segments} segments, {n_users} test users, history of {_median_length(parts)} items\n")
        print("| m | items left | nDCG@100 | recall@20 | median us |\n|---:|---:|---:|---:|---:|")
        targets = parts.test.targets[:n_users]
        for way in ways:
            found_quality = quality(rankings[way], targets)
            print(
                f"| {way or 'whole'} | {np.median(allowed[way]):,.0f} | {found_quality.ndcg_100.mean():.4f} | "
                f"{found_quality.recall_20.mean():.4f} | {np.median(seconds[way]) * 1e6:,.0f} |",
                flush=True,
            )


def _median_length(parts: Split) -> int:
    assert parts.test is not None
    return int(np.median(np.diff(parts.test.history.indptr)))


if __name__ == "__main__":
    main()
