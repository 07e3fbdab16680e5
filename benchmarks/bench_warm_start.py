"""A table that grows, trained anew and from the version before: accuracy, time, segments that keep their ids.

python -m benchmarks.bench_warm_start ml-1m --seeds 1,2,3 [--parts .7,.8,.9,1] [--new-items .02] [--fit "--dims 512"]

Users come in a random order, and of the items a share is new in each part after the first. Each part is fitted twice by
`fit --warm-start`: into one folder, where every version starts from the one before, and into an empty one, where it
begins anew; so both hold out the same users. Columns: test users' mean nDCG@100 of all seeds, that of warm beside anew
paired over users with its standard error, seconds of the whole command, epochs, and the share of the items that both
versions have whose segment keeps its id. docs/scale.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.public_data import NAMES, interactions_of
from index import artifact
from index.artifact import Artifact
from index.recommender import Recommender
from trainer.evaluate import quality, rank_served
from trainer.interactions import Interactions, read_interactions
from trainer.segmentation.lineage import Earlier, inherited
from trainer.split import split

WAYS = ("anew", "warm")
_LIMIT_SECONDS = 3600


class Fitted(NamedTuple):
    version: Artifact
    seconds: float
    epochs: int
    ndcg: NDArray[np.float64]  # of each test user


def fitted(ratings: Path, out: Path, seed: int, more: list[str]) -> Fitted:
    log = ratings.with_suffix(".jsonl")
    log.unlink(missing_ok=True)
    command = [sys.executable, "-m", "trainer", "fit", "--data", str(ratings), "--out", str(out), "--seed", str(seed)]
    began = time.perf_counter()
    subprocess.run(
        [*command, "--warm-start", "--quiet", "--log", str(log), *more],
        check=True,
        stdout=subprocess.DEVNULL,
        env=os.environ,
        timeout=_LIMIT_SECONDS,
    )
    seconds = time.perf_counter() - began
    opened = artifact.open_current(out)
    table = read_interactions(ratings)
    test = split(table, seed=seed, by_id=True).test
    assert test is not None
    model = opened.model.take(opened.model.vocabulary.rows(table.item_ids).astype(np.int32))
    rankings = rank_served(Recommender(model, opened.version), test)
    epochs = len([json.loads(line) for line in log.read_text().splitlines()])
    return Fitted(opened, seconds, epochs, quality(rankings, test.targets).ndcg_100)


def staying(before: Artifact, after: Artifact) -> float:
    """Share of the items that both have and whose segment keeps its id."""
    segments, item_ids = after.model.segments, list(after.model.vocabulary.item_ids)
    return inherited(Earlier.of(before), segments.membership, item_ids, len(segments)).staying


def written(table: Interactions, users: NDArray[np.int64], hidden: NDArray[np.int64], path: Path) -> None:
    matrix = table.matrix[users].tocoo()
    kept = ~np.isin(matrix.col, hidden)
    ids = np.array(table.user_ids)[users], np.array(table.item_ids)
    pl.DataFrame({"user_id": ids[0][matrix.row[kept]], "item_id": ids[1][matrix.col[kept]]}).write_parquet(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--parts", default=".7,.8,.9,1", help="shares of the users")
    parser.add_argument("--new-items", type=float, default=0.02, help="share of the items, of each part")
    parser.add_argument("--fit", default="", metavar="OPTIONS", help="of every fit, in one text")
    arguments = parser.parse_args()
    parts = [float(part) for part in arguments.parts.split(",")]
    table = interactions_of(arguments.dataset)
    found: dict[tuple[float, str], list[tuple[Fitted, float]]] = {(part, way): [] for part in parts for way in WAYS}
    for seed in map(int, arguments.seeds.split(",")):
        rng = np.random.default_rng(seed)
        order, items = rng.permutation(table.n_users), rng.permutation(table.n_items)
        n_new = round(arguments.new_items * table.n_items)
        before: dict[str, Artifact] = {}
        with tempfile.TemporaryDirectory() as folder:
            ratings = Path(folder) / "ratings.parquet"
            for number, part in enumerate(parts):
                users = np.sort(order[: round(part * table.n_users)])
                written(table, users, items[: n_new * (len(parts) - 1 - number)], ratings)
                for way in WAYS:
                    out = Path(folder) / (f"{way}-{number}" if way == "anew" else way)
                    one = fitted(ratings, out, seed, arguments.fit.split())
                    stay = staying(before[way], one.version) if way in before else float("nan")
                    before[way] = one.version
                    found[part, way].append((one, stay))
                    print(f"{seed} {part} {way} {one.ndcg.mean():.4f} {one.seconds:.1f} s {stay:.2f}", file=sys.stderr)
    print("| users | training | nDCG@100 | warm beside anew | seconds | epochs | items whose segment stays |")
    print("|---:|---|---:|---:|---:|---:|---:|")
    for part in parts[1:]:
        pairs = zip(found[part, "warm"], found[part, "anew"], strict=True)
        every = np.concatenate([warm.ndcg - anew.ndcg for (warm, _), (anew, _) in pairs])
        for way in WAYS:
            fits, stays = zip(*found[part, way], strict=True)
            beside = f"{every.mean():+.4f} ± {every.std() / len(every) ** 0.5:.4f}" if way == "warm" else ""
            ndcg = np.concatenate([one.ndcg for one in fits]).mean()
            seconds, epochs = (np.mean([getattr(one, name) for one in fits]) for name in ("seconds", "epochs"))
            print(
                f"| {part:.0%} | {way} | {ndcg:.4f} | {beside} | {seconds:.1f} | {epochs:.0f} | {np.mean(stays):.0%} |"
            )


if __name__ == "__main__":
    main()
