"""What a homepage costs, from Python, on one thread: 8 shelves of 12, for histories of 5 and 77 items and for nobody.

python -m benchmarks.bench_pages published synthetic-100k synthetic-1m

Beside it in the same run: the same page with every item scored first, and /recommend's 96 best items. Segments are made
of the groups of the matrix, as many groups a segment as make 500 segments at most; a quarter of the items are guests of
the segment of their second weight.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_matrices import NAMES, Matrix, load
from index.catalog import Catalog
from index.embedding import as_dims
from index.layout import PageSize, Pool, Shown, lay_out
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.search import Mask, Ranking, rank
from index.segments import Guests, Segments
from index.vocabulary import Strings, Vocabulary

SHELVES, PER_SHELF, MOST_SEGMENTS, USERS = 8, 12, 500, 200


def recommender_of(matrix: Matrix) -> Recommender:
    packed = PackedEmbedding.pack(matrix.codes)
    dims, weights = packed.codes_of(np.arange(packed.n_items, dtype=np.int32))
    place = 2 * dims[:, :2].astype(np.int64) + (weights[:, :2] > 0)
    firsts = np.unique(place[:, 0])
    segment_of = np.zeros(2 * packed.n_dims, np.int32)
    segment_of[firsts] = np.arange(len(firsts)) % MOST_SEGMENTS
    membership = segment_of[place[:, 0]]
    n_segments = int(membership.max()) + 1
    visiting = np.flatnonzero((np.arange(packed.n_items) % 4 == 0) & (segment_of[place[:, 1]] != membership))
    hosts = segment_of[place[visiting, 1]]
    order = np.lexsort((visiting, hosts))
    guests = Guests(
        np.searchsorted(hosts[order], np.arange(n_segments + 1)).astype(np.int64), visiting[order].astype(np.int32)
    )
    signs_of: list[dict[int, int]] = [{} for _ in range(n_segments)]
    for signed in firsts.tolist():
        signs_of[segment_of[signed]][signed // 2] = 1 if signed % 2 else -1
    rows = [sorted(signs.items()) for signs in signs_of]
    names = [f"item-{row:07}" for row in range(packed.n_items)]
    segments = Segments(
        np.cumsum([0] + [len(row) for row in rows]).astype(np.int64),
        as_dims(np.array([dim for row in rows for dim, _ in row]), packed.n_dims),
        np.array([sign for row in rows for _, sign in row], np.int8),
        membership,
        [f"s{row}" for row in range(n_segments)],
        [f"Segment {row}" for row in range(n_segments)],
        packed.n_dims,
        guests,
    )
    popularity = (1 / (1 + np.random.default_rng(0).permutation(packed.n_items))).astype(np.float32)
    model = Model(packed, popularity, Vocabulary.of(names), Catalog(Strings.pack(names)), segments)
    assert model.violation() is None
    return Recommender(model, "bench")


def scanned(recommender: Recommender, history: list[str]) -> float:
    """The layout alone with the scores of all items, and what it is worth."""
    model = recommender.model
    rows = np.sort(model.vocabulary.rows(history))
    scores = recommender.search.scores(model.embedding.profile(rows, np.ones(len(rows))))
    scores = Mask(None, rows).apply(scores)
    best = rank(scores, int((scores > 0).sum()))
    pool = Pool(best, True, lambda _segment, _n: Ranking(best.rows[:0], best.scores[:0]))
    shown = Shown(np.zeros(model.embedding.n_items, np.bool_))
    shown.show(best, shown.choose(best.rows[:PER_SHELF], PER_SHELF))
    laid = lay_out(model.segments, pool, PageSize(SHELVES - 1, PER_SHELF, 4), shown)
    return sum(float(shelf.items.scores.sum()) for shelf in laid.shelves)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("matrices", nargs="+", choices=NAMES, metavar="MATRIX", help=", ".join(NAMES))
    arguments = parser.parse_args()
    print("| items | history | page p50 | p95 | all items scored | 96 best items |\n|---:|---:|---:|---:|---:|---:|")
    for name in arguments.matrices:
        matrix = load(name)
        recommender = recommender_of(matrix)
        recommender.warm_up()
        for length in (5, 77, 0):
            histories = matrix.histories(length, USERS) if length else [np.empty(0, np.int32)] * (USERS // 10)
            named = [[f"item-{row:07}" for row in history] for history in histories]
            page = _milliseconds(partial(_page, recommender), named)
            best = _milliseconds(partial(recommender.recommend, n=SHELVES * PER_SHELF), named)
            whole = _milliseconds(partial(scanned, recommender), named[::10]) if length else np.array([np.nan])
            if length:
                for history in named[:20]:
                    _same(recommender, history)
            p50, p95 = np.percentile(page, [50, 95])
            print(
                f"| {recommender.model.embedding.n_items:,} | {length or 'none'} | {p50:.2f} ms | {p95:.2f} ms | "
                f"{np.median(whole):.2f} ms | {np.median(best):.2f} ms |",
                flush=True,
            )


def _page(recommender: Recommender, history: list[str]) -> object:
    return recommender.homepage(history, shelves=SHELVES, items_per_shelf=PER_SHELF)


def _same(recommender: Recommender, history: list[str]) -> None:
    """The page is worth what the one with all items scored is."""
    page = recommender.homepage(history, shelves=SHELVES, items_per_shelf=PER_SHELF)
    worth = sum(item.score for shelf in page.shelves[1:] for item in shelf.items if item.source == "profile")
    assert np.isclose(worth, scanned(recommender, history))


def _milliseconds(ask: Callable[[list[str]], object], histories: list[list[str]]) -> NDArray[np.float64]:
    times = []
    for history in histories:
        began = time.perf_counter()
        ask(history)
        times.append(1e3 * (time.perf_counter() - began))
    return np.array(times)


if __name__ == "__main__":
    main()
