"""What is known of somebody while one answer is made: a history folded in, and steered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from index.answers import Source
from index.errors import UnknownSegmentError
from index.kernels import Floats, Rows
from index.model import Model

History = Iterable[str] | Mapping[str, float]


@dataclass(frozen=True)
class Taste:
    """`profile` is x A of the history's `rows` and `weights`, plus the rows of B in `steering` times their factors."""

    rows: Rows  # ascending
    weights: Floats
    profile: Floats
    unknown_items: list[str]
    steering: list[tuple[int, float]]

    @cached_property
    def source(self) -> Source:
        return "profile" if self.profile.any() else "popularity"


def taste_of(model: Model, history: History, steer: Mapping[str, float]) -> Taste:
    """`steer` has strengths by segment_id, in lengths of the unsteered profile (of 1 where that is 0).

    Raises UnknownSegmentError.
    """
    rows, weights, unknown = _known(model, history)
    profile = model.embedding.profile(rows, weights)
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
    rows: list[int] = []
    weights: list[float] = []
    unknown: list[str] = []
    for item_id, weight in weighted.items():
        row = model.vocabulary.row(item_id)
        if row is None:
            unknown.append(item_id)
        else:
            rows.append(row)
            weights.append(weight)
    row_array, weight_array = np.array(rows, np.int32), np.array(weights, np.float64)
    ascending = np.argsort(row_array)
    return row_array[ascending], weight_array[ascending], unknown


def segment_row(model: Model, segment_id: str, named_in: str = "segments") -> int:
    """The row of a segment_id. Raises UnknownSegmentError."""
    row = model.segments.row(segment_id)
    if row is None:
        raise UnknownSegmentError(segment_id, named_in)
    return row
