"""Why an item or a segment has its score: the parts that it is the sum of, by history item and by signed dim.

A score is z·a with z = x A: the sum over history items h and dims j of x_h A_hj a_j. Summed over dims it is what each
history item adds, summed over history items what each dim adds; either way the parts add up to the score. Segments that
a profile is steered by are further summands, as if they were items. Parts cancel within a sum: `plus` and `minus` say
how much there was of either before.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from index.answers import DimPart, HistoryPart, SteeringPart, Why
from index.kernels import Dims, Floats, Rows
from index.model import Model
from index.taste import Taste

_MOST, _REASON_ITEMS = 10, 2  # parts of either kind; items that a reason names


class Explainer:
    """Explains the scores that come of one taste."""

    def __init__(self, model: Model, taste: Taste, hidden: Rows) -> None:
        """`hidden` items of a history are not named; what they add belongs to the rest."""
        self._model, self._taste = model, taste
        self._named = ~np.isin(taste.rows, hidden)
        self._dims, codes = model.embedding.codes_of(taste.rows)
        self._values = taste.weights[:, None] * codes  # (len(rows), k) x_h A_hj
        self._steering = np.zeros((len(taste.steering), model.embedding.n_dims))
        for row, (segment, factor) in zip(self._steering, taste.steering, strict=True):
            entries = model.segments.entries(segment)
            row[model.segments.dims[entries]] = factor * model.segments.weights[entries]

    def item(self, row: int) -> Why:
        dims, weights = self._model.embedding.codes_of(np.array([row], np.int32))
        return self._why(dims[0], weights[0])

    def segment(self, row: int) -> Why:
        segments = self._model.segments
        entries = segments.entries(row)
        return self._why(segments.dims[entries], segments.weights[entries])

    def _why(self, dims: Dims, weights: NDArray[np.floating]) -> Why:
        """Of something whose row has `weights` at distinct `dims`."""
        alive = weights != 0
        dims, weights = dims[alive], weights[alive].astype(np.float64)
        place = np.full(self._model.embedding.n_dims, -1, np.int64)
        place[dims] = np.arange(len(dims))
        columns = place[self._dims]
        parts = np.zeros((len(self._values), len(dims) + 1))
        rows = np.arange(len(self._values))[:, None]
        np.add.at(parts, (rows, columns), self._values * np.append(weights, 0.0)[columns])  # -1: a dim that it has not
        steering = self._steering[:, dims] * weights
        by_history, by_segment = _Sums.of(parts[:, :-1], 1), _Sums.of(steering, 1)
        by_dim = _Sums.of(np.concatenate([parts[:, :-1], steering]), 0)
        history, strongest = by_history.largest(self._named), by_dim.largest()
        return Why(
            [self._of_item(int(self._taste.rows[i]), by_history.part(i)) for i in history],
            float(by_history.net.sum() - by_history.net[history].sum()),
            [self._of_segment(segment, by_segment.part(i)) for i, (segment, _) in enumerate(self._taste.steering)],
            [self._of_dim(int(dims[j]), 1 if weights[j] > 0 else -1, by_dim.part(j)) for j in strongest],
            float(by_dim.net.sum() - by_dim.net[strongest].sum()),
            [*parts[:, strongest][history].tolist(), *steering[:, strongest].tolist()],
        )

    def _of_item(self, row: int, part: tuple[float, float, float]) -> HistoryPart:
        return HistoryPart(*part, self._model.vocabulary.item_id(row), self._model.catalog.title(row))

    def _of_segment(self, row: int, part: tuple[float, float, float]) -> SteeringPart:
        return SteeringPart(*part, self._model.segments.ids[row], self._model.segments.labels[row])

    def _of_dim(self, dim: int, sign: int, part: tuple[float, float, float]) -> DimPart:
        segments = self._model.segments
        return DimPart(*part, dim, sign, [segments.ids[row] for row in segments.having(dim, sign)])


class _Sums(NamedTuple):
    net: Floats
    plus: Floats
    minus: Floats

    @classmethod
    def of(cls, parts: Floats, axis: int) -> "_Sums":
        plus, minus = np.maximum(parts, 0).sum(axis=axis), np.minimum(parts, 0).sum(axis=axis)
        return cls(plus + minus, plus, minus)

    def part(self, i: int) -> tuple[float, float, float]:
        return float(self.net[i]), float(self.plus[i]), float(self.minus[i])

    def largest(self, of: NDArray[np.bool_] | Literal[True] = True) -> list[int]:
        """By what they add or take away before it cancels, ties in order; who adds nothing at all is left out."""
        gross = np.maximum(self.plus, -self.minus) * of
        order = np.argsort(-gross, kind="stable")[:_MOST]
        return [int(i) for i in order if gross[i] > 0]


def reasons(model: Model, taste: Taste, shelves: Sequence[Rows]) -> list[str]:
    """For each shelf, the rows that it shows, a sentence that names the history items that add most to its worth.

    A shelf's worth is z·s, s the sum of its items' codes, and so the sum of x_h a_h·s.
    """
    sums = np.array([model.embedding.profile(rows, np.ones(len(rows))) for rows in shelves])
    sums = sums.reshape(len(shelves), model.embedding.n_dims)
    dims, codes = model.embedding.codes_of(taste.rows)
    parts = (sums[:, dims] * (taste.weights[:, None] * codes)).sum(axis=2)
    parts = np.where((parts > 0) & (taste.weights > 0), parts, 0.0)
    most = np.argsort(-parts, axis=1, kind="stable")[:, :_REASON_ITEMS]
    adding = np.take_along_axis(parts, most, axis=1) > 0
    return [_reason(model, taste.rows[of[adds]].tolist()) for of, adds in zip(most, adding, strict=True)]


def _reason(model: Model, rows: Sequence[int]) -> str:
    names = [model.catalog.title(row) or model.vocabulary.item_id(row) for row in rows]
    return "Because of " + " and ".join(names) if names else "Something different"
