"""The best of what another engine found: its candidates, scored and put in order by our own codes."""

from typing import NamedTuple, Protocol

import numpy as np

from index.kernels import Floats, Rows
from index.search import ItemSearch, Mask, Ranking

_SPARE = 16  # candidates more than are wanted: of scores in float32 the last ones may be others
_LEVEL = 1e-4  # by which such a score may be off, of the profile's length
_ROUNDS = 3


class Retrieved(NamedTuple):
    """Rows, best first, and their scores as another engine has them; fewer than asked for where there are no more."""

    rows: Rows
    scores: Floats


class Retrieve(Protocol):
    """The `n` items with the largest z Aᵀ of those that the request's filter is true of, the history's own among them.

    Items that share no dim with the profile score 0 and need not be among them. None where it cannot say.
    """

    def __call__(self, profile: Floats, n: int) -> Retrieved | None: ...


def best_of(search: ItemSearch, retrieve: Retrieve | None, profile: Floats, n: int, mask: Mask) -> Ranking:
    """What `search.best` answers, from candidates where there are any that decide it."""
    found = None if retrieve is None else _retrieved(search, retrieve, profile, n, mask)
    return search.best(profile, n, mask) if found is None else found


def _retrieved(search: ItemSearch, retrieve: Retrieve, profile: Floats, n: int, mask: Mask) -> Ranking | None:
    """They decide where the n-th best of them is above whatever was not retrieved: the last candidate, or 0."""
    wanted, level = n + len(mask.never) + _SPARE, _LEVEL * float(np.linalg.norm(profile))
    allowed = None if mask.only is None else mask.only.flags
    for _ in range(_ROUNDS):
        found = retrieve(profile, wanted)
        if found is None:
            return None
        more = len(found.rows) >= wanted
        rows = np.setdiff1d(found.rows, mask.never).astype(np.int32)
        ranking = search.best_among(rows if allowed is None else rows[allowed[rows]], profile, n)
        rest = max(float(found.scores[-1]), 0.0) if more else 0.0
        if len(ranking.rows) == n and ranking.scores[-1] > rest + level:
            return ranking
        if not more:
            return None
        wanted *= 4
    return None
