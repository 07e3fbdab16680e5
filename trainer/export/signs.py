"""Signed codes for engines that hold only what is positive.

A code `a` becomes `[a⁺, a⁻, m - |a|₁]` of 2 d + 1 dims, `m` the largest |a|₁ of all. There are two questions for a
profile `z`. `[z⁺, z⁻, 0]` loses what weights and a profile of unlike signs take away: its best are candidates, to be
scored again. `[c + z, c - z, c]` with `c = max |z|` comes to `z a + c m`, because `a⁺ - a⁻ = a` and
`a⁺ + a⁻ = |a|`: the scores of the signed codes plus one number, at the price of 2 d + 1 entries in a question.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from index.kernels import Floats
from index.points import Points


class Entries(NamedTuple):
    """Dims, ascending, and what is greater than 0 in them."""

    dims: NDArray[np.int64]
    weights: Floats


@dataclass(frozen=True)
class PositiveCodes:
    """Of all points: `most` is the largest |a|₁."""

    points: Points
    most: float

    @classmethod
    def of(cls, points: Points) -> Self:
        sums = np.concatenate([[0.0], np.cumsum(np.abs(points.weights), dtype=np.float64)])
        lengths = sums[points.starts[1:]] - sums[points.starts[:-1]]
        return cls(points, float(lengths.max(initial=0.0)))

    @property
    def n_dims(self) -> int:
        return 2 * self.points.n_dims + 1

    def code(self, row: int) -> Entries:
        """Nothing for a row without a code."""
        entries = slice(self.points.starts[row], self.points.starts[row + 1])
        dims, weights = self.points.dims[entries].astype(np.int64), self.points.weights[entries].astype(np.float64)
        if not len(dims):
            return Entries(dims, weights)
        rest = self.most - np.abs(weights).sum()
        return _ascending(
            np.append(dims + self.points.n_dims * (weights < 0), 2 * self.points.n_dims),
            np.append(np.abs(weights), rest),
        )

    def candidates(self, profile: Floats, *, longest: int | None = None) -> Entries:
        """The question that loses something; of a long one the `longest` largest entries."""
        dims = np.flatnonzero(profile)
        if longest is not None and len(dims) > longest:
            dims = dims[np.argsort(-np.abs(profile[dims]), kind="stable")[:longest]]
        return _ascending(dims + self.points.n_dims * (profile[dims] < 0), np.abs(profile[dims]))

    def whole(self, profile: Floats) -> Entries:
        """The question that loses nothing."""
        shift = float(np.abs(profile).max(initial=0.0))
        return _ascending(np.arange(self.n_dims), np.concatenate([shift + profile, shift - profile, [shift]]))


def _ascending(dims: NDArray[np.int64], weights: Floats) -> Entries:
    order = np.argsort(dims)
    order = order[weights[order] > 0]
    return Entries(dims[order], weights[order])
