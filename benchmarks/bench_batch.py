"""Answers for many users at once: users a second by threads, for histories of 77 items given by their ids.

python -m benchmarks.bench_batch goodbooks-sample synthetic-1m

What `python -m trainer recommend` does between reading and writing. `one by one` asks Recommender.recommend for every
user in turn.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from benchmarks.search_matrices import NAMES, Matrix, load
from index.catalog import Catalog
from index.embedding import as_dims
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.segments import Segments
from index.taste import History
from index.vocabulary import Strings, Vocabulary
from trainer.commands.recommend import Answers

HISTORY, N, CHUNK = 77, 20, 1000


def recommender_of(matrix: Matrix) -> Recommender:
    packed = PackedEmbedding.pack(matrix.codes)
    none = np.full(packed.n_items, -1, np.int32)
    no_dims, no_signs = as_dims(none[:0], packed.n_dims), np.empty(0, np.int8)
    segments = Segments(np.zeros(1, np.int64), no_dims, no_signs, none, [], [], packed.n_dims)
    names = [f"item-{row:07}" for row in range(packed.n_items)]
    popularity = np.zeros(packed.n_items, np.float32)
    return Recommender(Model(packed, popularity, Vocabulary.of(names), Catalog(Strings.pack(names)), segments), "v1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("matrices", nargs="+", choices=NAMES, metavar="MATRIX", help=", ".join(NAMES))
    parser.add_argument("--users", type=int, default=4000)
    parser.add_argument("--threads", type=lambda text: [int(n) for n in text.split(",")], default=[1, 2])
    arguments = parser.parse_args()
    print("| items | " + " | ".join(["one by one", *(f"{n} threads" for n in arguments.threads)]) + " |")
    for name in arguments.matrices:
        matrix = load(name)
        recommender = recommender_of(matrix)
        recommender.search.warm_up()
        histories = matrix.histories(HISTORY, min(arguments.users, 1000))
        users: list[tuple[str, History]] = [
            (f"u{i}", {f"item-{row:07}": 1.0 for row in histories[i % len(histories)]}) for i in range(arguments.users)
        ]
        seconds = [_seconds(partial(_one_by_one, recommender, users))]
        seconds += [
            _seconds(partial(_at_once, Answers(recommender, "items", N, threads), users))
            for threads in arguments.threads
        ]
        speeds = [f"{len(users) / value:,.0f}" for value in seconds]
        print(f"| {recommender.model.embedding.n_items:,} | " + " | ".join(speeds) + " |", flush=True)


def _one_by_one(recommender: Recommender, users: list[tuple[str, History]]) -> None:
    for _, history in users:
        recommender.recommend(history, N)


def _at_once(answers: Answers, users: list[tuple[str, History]]) -> None:
    for start in range(0, len(users), CHUNK):
        answers.of(users[start : start + CHUNK])


def _seconds(way: Callable[[], object]) -> float:
    """The best of three."""
    seconds = []
    for _ in range(3):
        began = time.perf_counter()
        way()
        seconds.append(time.perf_counter() - began)
    return min(seconds)


if __name__ == "__main__":
    main()
