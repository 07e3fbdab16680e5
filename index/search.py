"""History rows to profile to scores to ranking: r = z Aᵀ with z = x A, exact."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from index import block_kernels, kernels, packed_kernels, search_kernels
from index.bound_kernels import Searchable
from index.embedding import ItemEmbedding
from index.essential_kernels import Found, Work
from index.item_set import ItemSet
from index.kernels import Floats, Rows
from index.model import Embedding
from index.packed import PackedEmbedding
from index.packed_kernels import Fields

_ALL, _NO_ROWS = np.empty(0, np.uint64), np.empty(0, np.int32)
_FEW = 16  # where fewer than one in so many items may be answered, they are scored one by one
_MANY, _SORTED = 16, 512  # where more than one in so many of as many rows is wanted, sorting is faster than a heap
LARGE = 2**17  # items: their 16-bit sums are more than a core's second cache takes beside all else
_SAMPLED = 2**14  # blocks
_SHARED = {4: 0.8, 2: 0.9}  # entries of blocks of so many rows to non-zeros, below which such blocks are worth it


class Ranking(NamedTuple):
    """Rows and their scores, best first, ties by row."""

    rows: Rows
    scores: Floats

    def then(self, other: "Ranking") -> "Ranking":
        return Ranking(np.concatenate([self.rows, other.rows]), np.concatenate([self.scores, other.scores]))


class Mask(NamedTuple):
    """Which rows may be answered: `only` (None: all) without `never`, which ascends."""

    only: ItemSet | None
    never: Rows

    @classmethod
    def hiding(cls, never: NDArray[np.integer]) -> Self:
        ordered = np.sort(never.astype(np.int32))
        return cls(None, ordered if (ordered[1:] > ordered[:-1]).all() else np.unique(ordered))  # it takes a while

    def within(self, items: ItemSet) -> Self:
        """Only those of `items`."""
        return self._replace(only=items if self.only is None else self.only & items)

    def flags(self, n_items: int) -> NDArray[np.bool_]:
        """(n_items,) which rows may be answered."""
        allowed = np.ones(n_items, np.bool_) if self.only is None else self.only.flags
        allowed[self.never] = False
        return allowed

    def apply(self, scores: Floats) -> Floats:
        """The scores with -inf where a row may not appear. Never a product with 0: most scores are negative."""
        masked = scores.copy() if self.only is None else np.where(self.only.flags, scores, -np.inf)
        masked[self.never] = -np.inf
        return masked


class Histories(NamedTuple):
    """Of user `i` the `rows[starts[i]:starts[i + 1]]`, ascending, with one of the `weights` each."""

    starts: NDArray[np.int64]  # (n_users + 1,)
    rows: Rows
    weights: Floats

    @property
    def n_users(self) -> int:
        return len(self.starts) - 1


class ItemSearch(Protocol):
    """Exact search over the items of an embedding. Items without a code are never among the best."""

    def scores(self, profile: Floats) -> Floats:
        """The scores z Aᵀ as (n_items,). The paper's "- x" only touches the history's own items, which are masked."""
        ...

    def best(self, profile: Floats, n: int, mask: Mask) -> Ranking:
        """The `n` best items that the mask leaves, or fewer where there are fewer."""
        ...

    def best_among(self, items: Rows, profile: Floats, n: int) -> Ranking:
        """The `n` best of some rows, which ascend."""
        ...

    def best_of_many(self, histories: Histories, n: int) -> list[Ranking | None]:
        """The `n` best items of each history without its own, None where its profile is 0. Lets other threads run."""
        ...

    def warm_up(self) -> None:
        """Compiles, or loads from the cache, whatever a request may call."""
        ...


def search_of(embedding: Embedding) -> ItemSearch:
    return PackedSearch(embedding) if isinstance(embedding, PackedEmbedding) else FloatSearch(embedding)


class FloatSearch:
    """Scores every item through posting lists, then takes the best."""

    def __init__(self, embedding: ItemEmbedding) -> None:
        self.embedding, self.n_items, self.postings = embedding, embedding.n_items, embedding.invert()
        self.uncoded = np.flatnonzero(~embedding.coded)

    def scores(self, profile: Floats) -> Floats:
        return kernels.accumulate(self.postings, profile, self.n_items)

    def best(self, profile: Floats, n: int, mask: Mask) -> Ranking:
        scores = mask.apply(self.scores(profile))
        scores[self.uncoded] = -np.inf
        return rank(scores, n)

    def best_among(self, items: Rows, profile: Floats, n: int) -> Ranking:
        items = np.setdiff1d(items, self.uncoded, assume_unique=True).astype(np.int32)
        dims, weights = self.embedding.codes_of(items)
        best = rank((profile[dims] * weights).sum(axis=1, dtype=np.float64), n)
        return Ranking(items[best.rows], best.scores)

    def best_of_many(self, histories: Histories, n: int) -> list[Ranking | None]:
        found: list[Ranking | None] = []
        for begin, end in pairwise(histories.starts):
            rows = histories.rows[begin:end]
            profile = self.embedding.profile(rows, histories.weights[begin:end])
            found.append(self.best(profile, n, Mask(None, rows)) if profile.any() else None)
        return found

    def warm_up(self) -> None:
        self.best(np.zeros(self.postings.starts.shape[0] - 1), 1, Mask.hiding(_NO_ROWS))


class PackedSearch:
    """Reads the posting lists that matter (index/essential_kernels.py), or scores some items by their own codes."""

    def __init__(self, embedding: PackedEmbedding) -> None:
        self.embedding, self.rows = embedding, embedding.rows
        postings = block_kernels.invert_blocks(self.rows, embedding.n_dims, self._rows_of_a_block())
        self.index = Searchable(self.rows, postings)
        self._fields = tuple(self.rows), tuple(postings)
        self.uncoded = np.flatnonzero(~embedding.coded)
        self._rooms: list[Fields] = []  # as many as searches ran at the same time

    def scores(self, profile: Floats) -> Floats:
        return packed_kernels.score_all(self.embedding.fields, profile)

    def best(self, profile: Floats, n: int, mask: Mask) -> Ranking:
        if mask.only is not None and len(mask.only) * _FEW < self.embedding.n_items:
            return self.best_among(np.flatnonzero(mask.flags(self.embedding.n_items)).astype(np.int32), profile, n)
        if n * _MANY >= self.embedding.n_items:
            scores = mask.apply(self.scores(profile))
            scores[self.uncoded] = -np.inf
            return rank(scores, n)
        return self.search(profile, n, mask)[0]

    def best_among(self, items: Rows, profile: Floats, n: int) -> Ranking:
        items = items[self.rows.scales[items] > 0]
        best = rank(packed_kernels.score_some(self.embedding.fields, profile, items), n)
        return Ranking(items[best.rows], best.scores)

    def search(self, profile: Floats, n: int, mask: Mask, way: int = search_kernels.CHEAPER) -> tuple[Ranking, Work]:
        """The same the cheaper way or by one that is named, and what was done for it."""
        scores, rows = np.empty(n), np.empty(n, np.int32)
        answerable = mask.never, _ALL if mask.only is None else mask.only.words
        with self._room() as room:
            size, work = search_kernels.search(self._fields, profile, answerable, ((scores, rows), room), way)
        return Ranking(rows[:size], scores[:size]), Work(*work)

    def best_of_many(self, histories: Histories, n: int) -> list[Ranking | None]:
        scores, rows = np.empty((histories.n_users, n)), np.empty((histories.n_users, n), np.int32)
        sizes = np.empty(histories.n_users, np.int64)
        with self._room() as room:
            search_kernels.search_many(
                self._fields, tuple(histories), self.embedding.n_dims, ((scores, rows), room), sizes
            )
        return [
            None if size < 0 else Ranking(rows[user, :size], scores[user, :size]) for user, size in enumerate(sizes)
        ]

    def warm_up(self) -> None:
        profile = np.zeros(self.embedding.n_dims)
        self.search(profile, 1, Mask.hiding(_NO_ROWS))
        self.best_of_many(Histories(np.zeros(2, np.int64), _NO_ROWS, np.empty(0)), 1)
        rank(self.scores(profile), 1)
        self.best_among(_NO_ROWS, profile, 1)

    @contextmanager
    def _room(self) -> Iterator[Fields]:
        """For the sums of a search; nobody else has it meanwhile."""
        try:
            room = self._rooms.pop()
        except IndexError:
            room = tuple(Found.room(self.index.postings.n_blocks))
        yield room
        self._rooms.append(room)

    def _rows_of_a_block(self) -> int:
        """Large catalogues have blocks of several rows, where the rows of a block share enough of their dims."""
        n_items, n_dims = self.embedding.n_items, self.embedding.n_dims
        if n_items < LARGE:
            return 1
        for size in (4, 2):
            n_entries, n_nonzeros = block_kernels.n_block_entries(
                self.rows, n_dims, size, max(1, n_items // (size * _SAMPLED))
            )
            if n_entries < _SHARED[size] * n_nonzeros:
                return size
        return 1


def rank(scores: Floats, n: int) -> Ranking:
    """The `n` best rows, or fewer where fewer are not -inf."""
    if n * _MANY < len(scores) or len(scores) < _SORTED:
        return Ranking(*kernels.top_n(scores, n))
    least = np.partition(scores, -n)[-n] if n < len(scores) else -np.inf
    rows = np.flatnonzero(scores >= least if least > -np.inf else scores > -np.inf)
    rows = rows[np.argsort(-scores[rows], kind="stable")[:n]]
    return Ranking(rows.astype(np.int32), scores[rows])
