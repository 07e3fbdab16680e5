"""Segments and the pages made of them, judged by what they were not made from. docs/segments.md has the tables.

python -m benchmarks.bench_segments published goodbooks-sample ml-1m ml-100k

The segmentation: how many segments have 20 items, their share of the items and the largest; how much more alike their
items are than those of random groups of the same sizes and popularity, by authors, by dbpedia's genres (neither is
given to the segmentation, which sees shelf tags and titles) and by held-out users; beside the raw groups, and k-means
on the rows of A with as many clusters. The ranking: nDCG@10 of ranking segments by what they hold of a user's hidden
items, on one segmentation, and on random groups. Agreement: the paper's Figure 2 in numbers. The page: of the hidden
items that the best-scored items would show, those that a page of as many shows. Hard membership, but for the page.
Trained again: how many items stay under their segment's id.
Models are trained once and kept under reports/segments. `published` are the authors' weights for Goodbooks.
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from benchmarks.public_data import catalog_of, folder_of, interactions_of
from benchmarks.segment_measures import (
    best_sums,
    held,
    k_means,
    lift,
    ndcg,
    of_size,
    paired,
    shuffled,
    unit_rows,
)
from index.catalog import Catalog
from index.embedding import ItemEmbedding, as_dims
from index.layout import popular_order
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.segments import Segments
from index.vocabulary import Vocabulary
from trainer.baselines.popular import popularity
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_batch_size, default_dims
from trainer.items import ItemColumns, read_catalog
from trainer.machine import default_precision
from trainer.segmentation import SegmentOptions, segment
from trainer.segmentation.group import by_dominant_dim
from trainer.segmentation.lineage import Earlier, inherited
from trainer.split import split

NAMES = ("published", "goodbooks-sample", "ml-1m", "ml-100k")
KEPT = Path("reports/segments")
SHELF_ITEMS = 20
OPTIONS = {"published": {"max_share": 0.05, "min_items": 20}, "goodbooks-sample": {"max_share": 0.05, "min_items": 20}}
SHELVES, PER_SHELF = 8, 12
SETTINGS_OF_STABILITY: dict[str, dict[str, Any]] = {
    "words and codes, tau 0.5 (the default)": {},
    "tau 0.4": {"tau": 0.4},
    "tau 0.3": {"tau": 0.3},
    "continuity 0.4": {"continuity": 0.4},
    "words only, tau 0.7": {"code_share": 0.0, "tau": 0.7},
    "words only, tau 0.5": {"code_share": 0.0, "tau": 0.5},
}
SIZES = ((2, 12), (4, 12), (8, 12), (12, 12), (16, 12), (8, 6), (8, 20))


@dataclass
class Case:
    """A trained model without segments, and users that it was not trained on."""

    name: str
    embedding: ItemEmbedding
    item_ids: list[str]
    popularity: NDArray[np.float32]
    catalog: Catalog  # what segments are made from
    judges: dict[str, Any]  # unit rows of what they are not made from
    histories: list[NDArray[np.int32]]
    hidden: list[NDArray[np.int32]]

    def model(self, segments: Segments) -> Model:
        vocabulary = Vocabulary.of(self.item_ids)
        return Model(PackedEmbedding.pack(self.embedding), self.popularity, vocabulary, self.catalog, segments)

    def segments(self, earlier: Earlier | None = None, **changes: Any) -> Segments:
        options = SegmentOptions(**(OPTIONS.get(self.name, {}) | changes))
        return segment(self.embedding, self.catalog, self.item_ids, self.popularity, options, earlier=earlier)


def opened(name: str, n_users: int, seed: int, *, fewer: bool = False) -> Case:
    return _published(n_users) if name == "published" else _trained(name, n_users, seed, fewer)


def _published(n_users: int) -> Case:
    folder = folder_of("published-weights")
    matrix = unit_rows(sp.load_npz(folder / "gb10_weights_2048_16nnz_sparse.npz"))
    matrix.sort_indices()
    embedding = ItemEmbedding.from_rows(matrix.indptr, matrix.indices, matrix.data.astype(np.float32), 2048)
    item_ids = [str(item) for item in np.load(folder / "gb10_book_id_index.npy", allow_pickle=True)]
    users = sp.csr_matrix(sp.load_npz(folder / "gb10_test_users.npz"))
    train = pl.read_parquet(folder_of("goodbooks-sample") / "train.parquet")
    place = {item: row for row, item in enumerate(item_ids)}
    bought = np.bincount([place[item] for item in train["book_id"].cast(pl.String)], minlength=len(item_ids))
    known = (bought / train["user_id"].n_unique()).astype(np.float32)
    rng = np.random.default_rng(1)
    histories, hidden = [], []
    for user in rng.choice(users.shape[0], min(n_users, users.shape[0]), replace=False):
        rows = rng.permutation(users[user].indices)
        n_hidden = max(1, len(rows) // 5)
        hidden.append(np.sort(rows[:n_hidden]).astype(np.int32))
        histories.append(np.sort(rows[n_hidden:]).astype(np.int32))
    judges = {**_books(item_ids), "users": unit_rows((users > 0).T)}
    return Case("published", embedding, item_ids, known, _tags(item_ids), judges, histories, hidden)


def _trained(name: str, n_users: int, seed: int, fewer: bool) -> Case:
    interactions = interactions_of(name)
    parts = split(interactions, seed=1)
    test = parts.test
    assert test is not None
    if fewer:
        parts = replace(parts, train=parts.train[np.arange(parts.train.shape[0]) % 10 > 0])
    embedding = _fitted(f"{name}-{seed}{'-fewer' * fewer}", seed, parts)
    item_ids = list(interactions.item_ids)
    books = name == "goodbooks-sample"
    judges = {**(_books(item_ids) if books else {}), "users": unit_rows((test.history + test.targets).T)}
    chosen = range(min(n_users, test.n_users))
    return Case(
        name,
        embedding,
        item_ids,
        popularity(parts.train),
        _tags(item_ids) if books else catalog_of(name, item_ids),
        judges,
        [np.sort(test.history[user].indices).astype(np.int32) for user in chosen],
        [np.sort(test.targets[user].indices).astype(np.int32) for user in chosen],
    )


def _fitted(name: str, seed: int, parts: Any) -> ItemEmbedding:
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{name}.npz"
    if not path.exists():
        n_users, n_items = parts.train.shape
        options = FitOptions(
            default_dims(n_items), 16, seed=seed, batch_size=default_batch_size(n_users), precision=default_precision()
        )
        found = fit(parts.train, parts.validation, options, lambda _: None)
        np.savez(path, dims=found.dims, weights=found.weights, n_dims=found.n_dims)
    with np.load(path) as kept:
        return ItemEmbedding(kept["dims"], kept["weights"], int(kept["n_dims"]))


def _tags(item_ids: list[str]) -> Catalog:
    """Shelf tags and titles of Goodbooks, nothing else."""
    frame = pl.read_parquet(folder_of("goodbooks-sample") / "books.parquet", columns=["book_id", "title", "shelf_tags"])
    return read_catalog(frame, item_ids, ItemColumns(), "books").catalog


def _books(item_ids: list[str]) -> dict[str, Any]:
    frame = pl.read_parquet(folder_of("goodbooks-sample") / "books.parquet")
    rows = {str(row["book_id"]): row for row in frame.select("book_id", "authors", "dbpedia_genres").to_dicts()}
    return {
        "authors": _features([(rows[item]["authors"] or "").split(",")[:1] for item in item_ids]),
        "genres": _features([(rows[item]["dbpedia_genres"] or "").split(",") for item in item_ids]),
    }


def _features(values: list[list[str]]) -> Any:
    names: dict[str, int] = {}
    cells = [
        (row, names.setdefault(value.strip(), len(names)))
        for row, held_by in enumerate(values)
        for value in held_by
        if value.strip()
    ]
    rows, columns = zip(*cells, strict=True)
    return unit_rows(sp.csr_matrix((np.ones(len(cells)), (rows, columns)), shape=(len(values), len(names))))


# ---------------------------------------------------------------- the segmentation


def segmentation(case: Case, settings: list[dict[str, Any]]) -> None:
    described_by = ", ".join(case.catalog.attributes) or "titles"
    print(f"\n### {case.name}: {len(case.item_ids)} items, described by {described_by}\n")
    names = [f"alike by {judge}" for judge in case.judges]
    print(f"| segmentation | segments | of {SHELF_ITEMS} items | items in them | largest | " + " | ".join(names) + " |")
    print("|---|" + "---:|" * (4 + len(names)))
    raw = np.full(len(case.item_ids), -1, np.int32)
    for row, group in enumerate(by_dominant_dim(case.embedding)):
        raw[group.rows] = row
    _line(case, "raw groups, one a signed dim", raw, 2)
    for changes in settings:
        found = case.segments(**changes)
        said = ", ".join(f"{name} {value}" for name, value in changes.items()) or "ours"
        _line(case, said, np.array(found.membership), SHELF_ITEMS)
    _line(case, "k-means on the rows of A, as many", k_means(case.embedding.to_dense(), len(found)), SHELF_ITEMS)


def _line(case: Case, name: str, membership: NDArray[np.int32], least: int) -> None:
    sizes = np.bincount(membership[membership >= 0])
    large = sizes[sizes >= least]
    kept = of_size(membership, least)
    lifts = [lift(features, kept, case.popularity) for features in case.judges.values()]
    covered = sizes[sizes >= SHELF_ITEMS].sum() / len(membership)
    print(
        f"| {name} | {(sizes > 0).sum()} | {(sizes >= SHELF_ITEMS).sum()} | {covered:.0%} | "
        f"{large.max() / len(membership):.1%} | " + " | ".join(f"{value:.2f}" for value in lifts) + " |",
        flush=True,
    )


def largest(case: Case, segments: Segments) -> None:
    """The 40 largest segments, with five titles each: those of the best-known members."""
    print(f"\n### {case.name}: the 40 largest of {len(segments)} segments\n")
    print("| segment | items | best known |\n|---|---:|---|")
    for row in range(min(40, len(segments))):
        members = segments.members(row)
        known = members[np.argsort(-case.popularity[members], kind="stable")[:5]]
        titles = " · ".join(str(case.catalog.title(item)).replace("|", "/") for item in known)
        print(f"| {segments.labels[row]} | {len(members)} | {titles} |")


# ---------------------------------------------------------------- rankers


def ranking(case: Case, segments: Segments) -> None:
    recommender = Recommender(case.model(segments), "bench")
    real = _ndcgs(case, recommender, np.array(segments.membership), segments)
    by_chance = _ndcgs(case, recommender, shuffled(np.array(segments.membership), case.popularity, 0), None)
    print(f"\n### {case.name}: ranking {len(segments)} segments, nDCG@10 over {len(case.histories)} held-out users\n")
    print("| ranker | nDCG@10 | worth of a shelf ahead by | on random groups | margin |\n|---|---:|---:|---:|---:|")
    for name, values in real.items():
        ahead = paired(real["worth of a shelf"] - values)
        print(
            f"| {name} | {values.mean():.3f} | {ahead if name != 'worth of a shelf' else ''} | "
            f"{by_chance[name].mean():.3f} | {values.mean() - by_chance[name].mean():+.3f} |"
        )


def _ndcgs(
    case: Case, recommender: Recommender, membership: NDArray[np.int32], segments: Segments | None
) -> dict[str, NDArray[np.float64]]:
    """Of each ranker for each user; where `segments` is None, B is made from the membership."""
    n = int(membership.max()) + 1
    A = case.embedding
    popular = case.popularity.astype(np.float64)
    segments = segments or _with_rows_of_b(case, membership)
    popular_first = popular_order(segments, popular, PER_SHELF)
    found: dict[str, list[float]] = {}
    for history, hidden in zip(case.histories, case.hidden, strict=True):
        gains = held(hidden, membership, n)
        if not gains.any():
            continue
        profile = A.profile(history, np.ones(len(history)))
        scores = recommender.search.scores(profile)
        scores[history] = -np.inf
        worth = {
            "worth of a shelf": best_sums(scores, membership, n, PER_SHELF),
            "the paper's B": segments.scores(profile),
            "the history's own segments": held(history, membership, n) + popular_first * 1e-9,
            "popularity": popular_first,
        }
        for name, values in worth.items():
            found.setdefault(name, []).append(ndcg(np.argsort(-values, kind="stable"), gains))
    return {name: np.array(values) for name, values in found.items()}


def _with_rows_of_b(case: Case, membership: NDArray[np.int32]) -> Segments:
    """Segments of other members: B has the signed dims of the groups that they have most items of."""
    place = np.abs(case.embedding.weights).argmax(axis=1)
    rows = np.arange(len(membership))
    dims, signs = case.embedding.dims[rows, place], np.sign(case.embedding.weights[rows, place])
    starts, all_dims, all_signs = [0], [], []
    for segment_row in range(int(membership.max()) + 1):
        members = np.flatnonzero(membership == segment_row)
        votes = np.bincount(dims[members], signs[members], case.embedding.n_dims)
        kept = np.flatnonzero(votes)
        all_dims.append(kept)
        all_signs.append(np.sign(votes[kept]))
        starts.append(starts[-1] + len(kept))
    names = [f"s{row}" for row in range(len(starts) - 1)]
    return Segments(
        np.array(starts, np.int64),
        as_dims(np.concatenate(all_dims), case.embedding.n_dims),
        np.concatenate(all_signs).astype(np.int8),
        membership,
        names,
        names,
        case.embedding.n_dims,
    )


# ---------------------------------------------------------------- agreement and pages


def agreement(case: Case, segments: Segments) -> None:
    recommender = Recommender(case.model(segments), "bench")
    inside, same, of_active, by_chance = [], [], [], []
    sizes = segments.sizes / len(case.item_ids)
    for history in case.histories:
        profile = case.embedding.profile(history, np.ones(len(history)))
        names = [case.item_ids[row] for row in history]
        best = [recommender.segment_row(one.segment_id) for one in recommender.segments(names, 10).segments]
        rows = recommender.model.vocabulary.rows(item.item_id for item in recommender.recommend(names, 20).items)
        inside.append(np.isin(segments.membership[rows], best).mean())
        by_chance.append(sizes[best].sum())
        for row in best:
            entries = segments.entries(row)
            active = profile[segments.dims[entries]]
            agrees = np.sign(active) == segments.signs[entries]
            same.append(agrees.mean())
            of_active += [agrees[active != 0].mean()] if active.any() else []
    print(f"\n### {case.name}: agreement\n")
    print(
        f"Of the 20 best items {np.mean(inside):.0%} lie in the 10 best segments, which hold {np.mean(by_chance):.0%} "
        f"of all items. Of a recommended segment's signed dims {np.mean(same):.0%} are active with the same sign: "
        f"{np.mean(of_active):.0%} of those that are active at all."
    )


def pages(case: Case, segments: Segments) -> None:
    print(
        f"\n### {case.name}: pages\n\nOf the hidden items that the best-scored items would show, what a page shows.\n"
    )
    print("| page | kept | hits of the page / of the best items | without guests | without Top picks | with a seed |")
    print("|---|---:|---:|---:|---:|---:|")
    with_guests = Recommender(case.model(segments), "bench")
    without = Recommender(case.model(replace(segments, guests=None)), "bench")
    for shelves, per_shelf in SIZES:
        size = {"shelves": shelves, "items_per_shelf": per_shelf}
        kept, hits = _kept(case, with_guests, size)
        others = [
            _kept(case, without, size)[0],
            _kept(case, with_guests, {**size, "lead": "none"})[0],
            _kept(case, with_guests, {**size, "seed": 7})[0],
        ]
        print(
            f"| {shelves} x {per_shelf} | {kept:.1%} | {hits:.2f} | " + " | ".join(f"{x:.1%}" for x in others) + " |",
            flush=True,
        )
    _clock(case, with_guests)


def stability(case: Case, n_users: int) -> None:
    """Of a model trained with another seed, and of one trained without a tenth of the users."""
    if case.name == "published":
        return
    print(f"\n### {case.name}: trained again\n\nShare of the items whose segment keeps its id.\n")
    print("| segments by | segments | another seed | alike by users | nine tenths of the users |")
    print("|---|---:|---:|---:|---:|")
    others = [opened(case.name, n_users, 2), opened(case.name, n_users, 1, fewer=True)]
    for said, changes in SETTINGS_OF_STABILITY.items():
        found = case.segments(**changes)
        earlier = Earlier(found.ids, found.membership, Vocabulary.of(case.item_ids), len(found))
        staying, alike_by = [], []
        for other in others:
            anew = other.segments(earlier=earlier if "continuity" in changes else None, **changes)
            staying.append(inherited(earlier, anew.membership, other.item_ids, len(anew)).staying)
            kept = of_size(np.array(anew.membership), SHELF_ITEMS)
            alike_by.append(lift(other.judges["users"], kept, other.popularity))
        print(f"| {said} | {len(found)} | {staying[0]:.0%} | {alike_by[0]:.2f} | {staying[1]:.0%} |", flush=True)


def _kept(case: Case, recommender: Recommender, size: dict[str, Any]) -> tuple[float, float]:
    kept = hits = would = 0
    for history, hidden in zip(case.histories, case.hidden, strict=True):
        names = [case.item_ids[row] for row in history]
        wanted = {case.item_ids[row] for row in hidden}
        page = recommender.homepage(names, **size)
        shown = {item.item_id for shelf in page.shelves for item in shelf.items}
        best = recommender.recommend(names, size["shelves"] * size["items_per_shelf"]).items
        top = {item.item_id for item in best} & wanted
        kept, hits, would = kept + len(top & shown), hits + len(wanted & shown), would + len(top)
    return kept / would, hits / would


def _clock(case: Case, recommender: Recommender) -> None:
    histories = [[case.item_ids[row] for row in history] for history in case.histories[:300]]
    times = []
    for names in histories * 2:
        began = time.perf_counter()
        recommender.homepage(names, shelves=SHELVES, items_per_shelf=PER_SHELF)
        times.append(1e3 * (time.perf_counter() - began))
    p50, p95 = np.percentile(times[len(histories) :], [50, 95])
    print(f"\n{SHELVES} x {PER_SHELF} from Python, one thread: p50 {p50:.2f} ms, p95 {p95:.2f} ms.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=NAMES)
    parser.add_argument("--users", type=int, default=600)
    parser.add_argument("--settings", type=json.loads, action="append", help='of SegmentOptions, {"tau": 0.5}')
    parser.add_argument("--parts", default="segmentation,ranking,agreement,pages,stability")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.names:
        case = opened(name, arguments.users, 1)
        if "segmentation" in arguments.parts:
            segmentation(case, [*(arguments.settings or [{"code_share": 0.0}]), {}])
        segments = case.segments()
        for part in (largest, ranking, agreement, pages):
            if part.__name__ in arguments.parts:
                part(case, segments)
        if "stability" in arguments.parts:
            stability(case, arguments.users)
        print(file=sys.stderr)


if __name__ == "__main__":
    main()
