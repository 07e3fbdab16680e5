"""Lists whose items differ: greedy MMR on the cosines of codes, and at most so many items of a segment.

Maximal marginal relevance (Carbonell and Goldstein 1998): of a pool of the best items the next one has the largest
(1 - diversity) score / |best score| - diversity * (largest cosine with an item chosen before).
"""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.answers import Source
from index.kernels import Floats, Rows
from index.model import Embedding
from index.search import Ranking
from index.segments import NO_SEGMENT

_LEAST_POOL, _POOL = 100, 5  # items, and times n
_LAST = 1e9  # more than any difference of what items are worth


class _Pool(NamedTuple):
    """The best items; `last` are those that come after all others, whatever their scores: items without a code."""

    ranking: Ranking
    last: NDArray[np.bool_]


def chosen(
    ranked: Callable[[int], tuple[Ranking, list[Source]]],
    n: int,
    source: Source,
    *,
    embedding: Embedding,
    membership: Rows,
    diversity: float,
    max_per_segment: int | None,
) -> tuple[Ranking, list[Source]]:
    """Of `ranked(m)`, the m best, at most `n` in their new order; those of another `source` are last.

    The pool has five times as many as are asked for, at least 100; it grows where a segment's limit leaves too few.
    """
    size = max(_LEAST_POOL, _POOL * n)
    while True:
        ranking, sources = ranked(size)
        pool = _Pool(ranking, np.array([other != source for other in sources], np.bool_))
        segments = membership[ranking.rows]
        found = _greedy(pool, n, embedding, segments, diversity=diversity, max_per_segment=max_per_segment)
        if len(found) == n or len(pool.last) < size:
            places = np.array(found, np.int32)
            return Ranking(ranking.rows[places], ranking.scores[places]), [sources[place] for place in found]
        size *= 4


def _greedy(
    pool: _Pool, n: int, embedding: Embedding, segments: Rows, *, diversity: float, max_per_segment: int | None
) -> list[int]:
    """Ties go to the better rank."""
    scores = pool.ranking.scores
    size = np.abs(scores).max(initial=0.0)
    worth: Floats = (1 - diversity) * (scores / size if size else scores) - _LAST * pool.last
    nearest = np.zeros(len(worth))
    open_, found = np.ones(len(worth), np.bool_), list[int]()
    taken: Counter[int] = Counter()
    dims, weights = embedding.codes_of(pool.ranking.rows)
    while len(found) < n and open_.any():
        best = int(np.argmax(np.where(open_, worth - diversity * nearest, -np.inf)))
        found.append(best)
        open_[best] = False
        segment = int(segments[best])
        taken[segment] += 1
        if segment != NO_SEGMENT and taken[segment] == max_per_segment:
            open_ &= segments != segment
        if diversity:
            code = np.zeros(embedding.n_dims)
            np.add.at(code, dims[best], weights[best])
            cosines = (weights * code[dims]).sum(axis=1)
            nearest = cosines if len(found) == 1 else np.maximum(nearest, cosines)
    return found
