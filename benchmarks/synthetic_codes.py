"""A generator of item codes and histories as they come out of training, at any size.

Items belong to clusters; a cluster has a set of signed dims with sizes, an item draws most of its dims from it and the
rest by the dims' popularity. A history mixes a few clusters and some items of any.

`TRAINED` was fitted to the published weights (10,000 items, 2,048 dims, 16 non-zeros) and is frozen: `python -m
benchmarks.generator_fit` shows what a search meets in both. The number of clusters grows with the square root of the
items. `HARD` has no clusters: no item is like another.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from index.embedding import ItemEmbedding

_ROWS_AT_ONCE = 20_000
_FITTED_AT = 10_000  # items


@dataclass(frozen=True)
class Shape:
    clusters: float = 2408  # at 10,000 items
    spread: float = 1.665  # dims of a cluster to non-zeros of an item
    share: float = 0.788  # of an item's dims that come from its cluster
    breadth: float = 0.1386  # clusters of a history to its length
    background: float = 0.302  # of a history that is of any cluster
    centre_sigma: float = 0.406  # of the logarithms of sizes in a cluster
    noise: float = 0.319  # on these, of an item
    rest: float = 0.746  # size of the dims that are not the cluster's
    zipf: float = 0.388  # exponent of the clusters' numbers of items


TRAINED = Shape()
HARD = replace(TRAINED, share=0.0)


@dataclass(frozen=True)
class Items:
    codes: ItemEmbedding
    clusters: NDArray[np.int64]  # (n_items,)


def items(n_items: int, n_dims: int, k: int, shape: Shape, seed: int = 0) -> Items:
    rng = np.random.default_rng(seed)
    n_clusters, n_own = max(2, int(shape.clusters * (n_items / _FITTED_AT) ** 0.5)), int(shape.spread * k)
    popularity = np.exp(0.25 * rng.normal(size=n_dims))
    popularity /= popularity.sum()
    if n_clusters <= 3000:
        picks = [np.sort(rng.choice(n_dims, n_own, replace=False, p=popularity)) for _ in range(n_clusters)]
        own = np.stack(picks)
    else:
        own = rng.permuted(np.tile(np.arange(n_dims, dtype=np.int32), (n_clusters, 1)), axis=1)[:, :n_own]
    sizes = np.exp(shape.centre_sigma * rng.normal(size=(n_clusters, n_own)))
    signs = rng.choice([-1.0, 1.0], (n_clusters, n_own))
    shares = np.arange(1, n_clusters + 1) ** -shape.zipf
    clusters = rng.choice(n_clusters, n_items, p=shares / shares.sum())
    dims, weights = np.empty((n_items, k), np.int32), np.empty((n_items, k), np.float32)
    bounds = np.cumsum(popularity)
    for start in range(0, n_items, _ROWS_AT_ONCE):
        cluster = clusters[start : start + _ROWS_AT_ONCE]
        n = len(cluster)
        n_from_cluster = rng.binomial(k, shape.share, n)
        drawn = np.argsort(-(np.log(sizes[cluster]) + rng.gumbel(size=(n, n_own))), axis=1)[:, :k]
        like = np.take_along_axis((sizes * signs)[cluster], drawn, 1) * np.exp(shape.noise * rng.normal(size=(n, k)))
        other = np.searchsorted(bounds, rng.random((n, k))).clip(0, n_dims - 1)
        unlike = rng.standard_t(5, size=(n, k)) * shape.rest
        from_cluster = np.arange(k) < n_from_cluster[:, None]
        chosen = np.where(from_cluster, np.take_along_axis(own[cluster], drawn, 1), other)
        values = np.where(from_cluster, like, unlike)
        while True:
            order = np.argsort(chosen, axis=1, kind="stable")
            chosen, values = np.take_along_axis(chosen, order, 1), np.take_along_axis(values, order, 1)
            twice = np.zeros_like(chosen, np.bool_)
            twice[:, 1:] = chosen[:, 1:] == chosen[:, :-1]
            if not twice.any():
                break
            chosen[twice] = rng.integers(0, n_dims, int(twice.sum()))
        dims[start : start + n], weights[start : start + n] = chosen, values
    return Items(ItemEmbedding.from_entries(dims, weights, n_dims), clusters)


def histories(made: Items, n: int, length: int, shape: Shape, seed: int = 1) -> list[NDArray[np.int32]]:
    """`n` histories of `length` rows, ascending."""
    rng, n_items = np.random.default_rng(seed), made.codes.n_items
    order = np.argsort(made.clusters, kind="stable")
    starts = np.searchsorted(made.clusters[order], np.arange(made.clusters.max() + 2))
    shares, found = np.diff(starts) / n_items, list[NDArray[np.int32]]()
    for _ in range(n):
        tastes = rng.choice(len(shares), max(1, round(length * shape.breadth)), p=shares)
        history = set[int]()
        while len(history) < length:
            if rng.random() < shape.background:
                history.add(int(rng.integers(n_items)))
                continue
            taste = int(rng.integers(len(tastes)))
            first, end = starts[tastes[taste]], starts[tastes[taste] + 1]
            if end - first <= 3 or rng.random() < 0.02:  # a small cluster is soon used up
                tastes[taste] = rng.choice(len(shares), p=shares)
            if end > first:
                history.add(int(order[rng.integers(first, end)]))
        found.append(np.array(sorted(history), np.int32))
    return found
