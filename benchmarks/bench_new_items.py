"""New items by how many first users they have: add-items beside training anew and popularity. docs/new-items.md.

python -m benchmarks.bench_new_items ml-1m goodbooks-sample [--seeds 1,2,3] [--first-users 0,1,2,5,10,50] [--share .1]

A share of the items is taken out of what is learned from; of their users so many are shown to each system. Test users'
histories have none of these items. Columns: recall@50 of the new items that they have among all items; the same among
the new items alone; nDCG@100 of all that is hidden of them, new or not; how many of 50 answers are new items (of as
many as there are that is the share of --share); seconds. Rows: a model without the new items; popularity; `fit` with
all interactions of the first users; add-items with first users, with attributes, with both. The last row is `fit` with
all users of the new items, which none of the others has.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from benchmarks.public_data import NAMES, catalog_of, interactions_of
from index.catalog import Catalog
from index.embedding import ItemEmbedding
from trainer.baselines.popular import popularity
from trainer.evaluate import DEPTH
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_dims, default_loss
from trainer.interactions import Csr
from trainer.machine import default_precision
from trainer.metrics import Rankings, hits, ndcg, recall
from trainer.new_codes import FirstUsers, from_attributes, from_first_users, mixed
from trainer.split import Holdout, Split, split

ANSWERS = 50
Scores = Callable[[Csr], NDArray[np.floating]]


class Measured(NamedTuple):
    of_new: NDArray[np.float64]  # recall@50 of each user who has new items
    among_new: NDArray[np.float64]
    of_all: NDArray[np.float64]  # nDCG@100 of each user
    share: float

    def __str__(self) -> str:
        return f"{self.of_new.mean():.3f} | {self.among_new.mean():.3f} | {self.of_all.mean():.4f} | {self.share:.0%}"


class Case:
    """One seed's users and new items."""

    def __init__(self, name: str, seed: int, share: float) -> None:
        interactions = interactions_of(name)
        self.catalog: Catalog = catalog_of(name, interactions.item_ids)
        self.parts: Split = split(interactions, seed=seed)
        n_items = interactions.n_items
        dims = default_dims(n_items)
        self.options = FitOptions(dims, 16, seed=seed, precision=default_precision(), loss=default_loss(dims, n_items))
        self.rng = np.random.default_rng(seed)
        known = np.flatnonzero(self.parts.train.getnnz(axis=0))
        self.new = np.sort(self.rng.choice(known, round(share * n_items), replace=False))
        self.is_new = np.zeros(n_items, np.bool_)
        self.is_new[self.new] = True
        test = self.parts.test
        assert test is not None
        both = test.history + test.targets
        self.history = _masked(test.history, ~self.is_new)
        self.hidden = (_masked(both, self.is_new) + _masked(test.targets, ~self.is_new)).tocsr()
        self.of_new = _masked(both, self.is_new)

    def shown(self, n_first: int | None) -> Csr:
        """The training users, with `n_first` of each new item's; None: with all."""
        if n_first is None:
            return self.parts.train
        columns = self.parts.train.tocsc()
        rng, kept = np.random.default_rng(self.options.seed), []
        for item in self.new:
            users = columns.indices[columns.indptr[item] : columns.indptr[item + 1]]
            kept.append((rng.permutation(users)[:n_first], item))
        old = _masked(self.parts.train, ~self.is_new).tocoo()
        rows = np.concatenate([old.row, *(users for users, _ in kept)])
        items = np.concatenate([old.col, *(np.full(len(users), item) for users, item in kept)])
        return sp.csr_matrix((np.ones(len(rows), np.float32), (rows, items)), shape=self.parts.train.shape)

    def fitted(self, n_first: int | None) -> tuple[ItemEmbedding, float]:
        validation = self.parts.validation
        assert validation is not None
        if n_first is not None:  # what validates may not know the new items either
            history, targets = (_masked(part, ~self.is_new) for part in (validation.history, validation.targets))
            users = np.flatnonzero((history.getnnz(axis=1) > 0) & (targets.getnnz(axis=1) > 0))
            validation = Holdout(history[users], targets[users], validation.users[users], validation.known)
        began = time.perf_counter()
        found = fit(self.shown(n_first), validation, self.options, lambda _: None)
        return found, time.perf_counter() - began

    def added(self, trained: ItemEmbedding, n_first: int, attributes: bool) -> tuple[ItemEmbedding, float]:
        old = np.flatnonzero(~self.is_new)
        train = self.shown(n_first)
        p, n_users = popularity(_masked(train, ~self.is_new)), train.shape[0]
        began = time.perf_counter()
        base = trained.take(old.astype(np.int32))
        by_attributes = np.zeros((len(self.new), trained.n_dims))
        if attributes:
            places = np.concatenate([old, self.new])
            rows = np.arange(len(old), len(places), dtype=np.int32)
            by_attributes = from_attributes(base, n_users * p[old].astype(float), self.catalog.take(places), rows)
        having = np.flatnonzero(train[:, self.new].getnnz(axis=1))
        users = FirstUsers(train[having][:, old], train[having][:, self.new])
        by_users, counts = from_first_users(base, p[old], users)
        codes = mixed(by_users, counts, by_attributes, trained.k)
        seconds = time.perf_counter() - began
        dims, weights = trained.dims.copy(), trained.weights.copy()
        dims[self.new], weights[self.new] = codes.dims, codes.weights
        return ItemEmbedding(dims, weights, trained.n_dims), seconds

    def measured(self, scores: Scores) -> Measured:
        found: list[Measured] = []
        for first in range(0, self.history.shape[0], 256):
            part = slice(first, first + 256)
            history, hidden, of_new = self.history[part], self.hidden[part], self.of_new[part]
            values = np.asarray(scores(history), np.float64)
            values[history.toarray() > 0] = -np.inf
            top = _best(values, DEPTH)
            told, only_new = np.diff(of_new.indptr) > 0, np.where(self.is_new, values, -np.inf)
            n_new = np.diff(of_new.indptr)[told]
            found.append(
                Measured(
                    recall(hits(top[told, :ANSWERS], of_new[told]), n_new, ANSWERS),
                    recall(hits(_best(only_new, ANSWERS)[told], of_new[told]), n_new, ANSWERS),
                    ndcg(hits(top, hidden), np.diff(hidden.indptr), 100)[np.diff(hidden.indptr) > 0],
                    float(self.is_new[top[:, :ANSWERS]].mean()),
                )
            )
        return together(found)


def together(found: Sequence[Measured]) -> Measured:
    """Of all their users."""
    of_new, among_new, of_all = (np.concatenate(values) for values in list(zip(*found, strict=True))[:3])
    return Measured(of_new, among_new, of_all, float(np.mean([one.share for one in found])))


def _masked(matrix: Csr, kept: NDArray[np.bool_]) -> Csr:
    """The same without other columns."""
    found: Csr = (matrix @ sp.diags(kept.astype(np.float32))).tocsr()
    found.eliminate_zeros()
    return found


def _best(values: NDArray[np.float64], n: int) -> Rankings:
    """(n_users, n) ties by row."""
    return np.argsort(-values, axis=1, kind="stable")[:, :n].astype(np.int32)


def _by_popularity(shares: NDArray[np.float32]) -> Scores:
    return lambda histories: np.tile(shares, (histories.shape[0], 1))


def _of(embedding: ItemEmbedding) -> Scores:
    A = embedding.to_dense()
    return lambda histories: (histories @ A) @ A.T


def rows_of(case: Case, first_users: Sequence[int]) -> dict[tuple[str, str], tuple[Measured, float]]:
    """By system and number of first users: what was measured, and seconds."""
    found: dict[tuple[str, str], tuple[Measured, float]] = {}
    before, seconds = case.fitted(0)
    found["without the new items", ""] = case.measured(_of(before)), seconds
    for n in first_users:
        found["popularity", f"{n}"] = case.measured(_by_popularity(popularity(case.shown(n)))), 0.0
        if n:
            anew, seconds = case.fitted(n)
            found["fit", f"{n}"] = case.measured(_of(anew)), seconds
            with_users, seconds = case.added(before, n, attributes=False)
            found["add-items, users", f"{n}"] = case.measured(_of(with_users)), seconds
        with_both, seconds = case.added(before, n, attributes=True)
        found["add-items, users and attributes" if n else "add-items, attributes", f"{n}"] = (
            case.measured(_of(with_both)),
            seconds,
        )
    anew, seconds = case.fitted(None)
    found["fit", "all"] = case.measured(_of(anew)), seconds
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("datasets", nargs="+", choices=NAMES)
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--first-users", default="0,1,2,5,10,50")
    parser.add_argument("--share", type=float, default=0.1, help="of the items, that are new")
    arguments = parser.parse_args()
    first_users = [int(number) for number in arguments.first_users.split(",")]
    for name in arguments.datasets:
        every = []
        for seed in map(int, arguments.seeds.split(",")):
            every.append(rows_of(Case(name, seed, arguments.share), first_users))
            print(f"{name}, seed {seed}", file=sys.stderr)
        print(f"\n{name}, {arguments.share:.0%} of the items new\n")
        print("| | first users | recall@50 of new items | among these alone | nDCG@100 of all | new of 50 | seconds |")
        print("|---|---:|---:|---:|---:|---:|---:|")
        for system, n in every[0]:
            some = [rows[system, n] for rows in every]
            whole = together([one for one, _ in some])
            print(f"| {system} | {n} | {whole} | {np.mean([seconds for _, seconds in some]):.1f} |", flush=True)


if __name__ == "__main__":
    main()
