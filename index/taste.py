"""What is known of somebody while one answer is made: a history folded in, and steered."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain

import numpy as np

from index.answers import Source
from index.errors import UnknownSegmentError
from index.kernels import Floats, Rows
from index.model import Model
from index.search import Histories

History = Iterable[str] | Mapping[str, float]


@dataclass(frozen=True)
class Taste:
    """`profile` is x A of the history's `rows` and `weights`, plus the rows of B in `steering` times their factors."""

    rows: Rows  # ascending
    weights: Floats
    profile: Floats
    unknown_items: list[str]
    steering: list[tuple[int, float]]

    def without(self, rows: Rows) -> "Taste":
        """The same profile, said to be of fewer items: those that may be named."""
        if not len(rows):
            return self
        named = ~np.isin(self.rows, rows)
        return replace(self, rows=self.rows[named], weights=self.weights[named])

    @cached_property
    def source(self) -> Source:
        return "profile" if np.count_nonzero(self.profile) else "popularity"


def taste_of(model: Model, history: History, steer: Mapping[str, float]) -> Taste:
    """`steer` has strengths by segment_id, in lengths of the unsteered profile (of 1 where that is 0).

    Raises UnknownSegmentError.
    """
    rows, weights, unknown = _known(model, history)
    profile = model.embedding.profile(rows, weights)
    if not steer:
        return Taste(rows, weights, profile, unknown, [])
    length = float(np.linalg.norm(profile)) or 1.0
    steering = [
        (segment_row(model, segment_id, "steer"), strength * length)
        for segment_id, strength in sorted(steer.items())
        if strength
    ]
    for segment, factor in steering:
        entries = model.segments.entries(segment)
        profile[model.segments.dims[entries]] += factor * model.segments.weights[entries]
    return Taste(rows, weights, profile, unknown, steering)


def _known(model: Model, history: History) -> tuple[Rows, Floats, list[str]]:
    """Rows, ascending, so that the order of a history does not change a single bit of the answer; and ids without."""
    weighted = history if isinstance(history, Mapping) else dict.fromkeys(history, 1.0)
    rows = model.vocabulary.rows(weighted)
    weights = np.fromiter(weighted.values(), np.float64, len(weighted))
    order = rows.argsort()
    first = int(rows[order].searchsorted(0))
    if not first:
        return rows[order], weights[order], []
    item_ids = list(weighted)
    return rows[order[first:]], weights[order[first:]], [item_ids[place] for place in np.flatnonzero(rows < 0)]


def known_of_many(model: Model, histories: Sequence[History]) -> tuple[Histories, list[list[str]]]:
    """What the model knows of each history, and what not."""
    weighted = [history if isinstance(history, Mapping) else dict.fromkeys(history, 1.0) for history in histories]
    lengths = np.array([len(history) for history in weighted], np.int64)
    item_ids = [item_id for history in weighted for item_id in history]
    rows = model.vocabulary.rows(item_ids)
    weights = np.fromiter(chain.from_iterable(history.values() for history in weighted), np.float64, len(item_ids))
    users = np.repeat(np.arange(len(lengths)), lengths)
    unknown: list[list[str]] = [[] for _ in weighted]
    for place in np.flatnonzero(rows < 0):
        unknown[users[place]].append(item_ids[place])
    ascending = np.argsort(users << 32 | rows)
    ascending = ascending[rows[ascending] >= 0]
    starts = np.searchsorted(users[ascending], np.arange(len(lengths) + 1))
    return Histories(starts, rows[ascending], weights[ascending]), unknown


def segment_row(model: Model, segment_id: str, named_in: str = "segments") -> int:
    """The row of a segment_id. Raises UnknownSegmentError."""
    row = model.segments.row(segment_id)
    if row is None:
        raise UnknownSegmentError(segment_id, named_in)
    return row
