"""How sure a mean or a difference is: a bootstrap over persons, paired between systems.

Rows of one person (pseudo-users of the paper's protocol, the same person held out by several seeds) are not
independent, so persons are drawn, never rows (cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their
Application, 1997, section 3.8). All systems see the same draws, which pairs them. Every seed counts the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.errors import DataError
from trainer.experiment.results import Values

RESAMPLES = 10_000
LEVEL = 95  # percent
_SEED = 20_260
_CHUNK_VALUES = 2_000_000  # weights held at a time: resamples x persons
Column = tuple[Sequence[Values], str]  # a system's Values, one a seed, and the metric that is looked at


class Interval(NamedTuple):
    """A mean and the percentile interval that holds LEVEL percent of the resampled ones."""

    mean: float
    low: float
    high: float
    n_persons: int

    @property
    def half(self) -> float:
        """Half the width: what stands after a plus-minus."""
        return (self.high - self.low) / 2

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Resampled:
    """Several columns' means on the same persons, and on the same RESAMPLES draws of them."""

    means: NDArray[np.float64]  # (n_columns,)
    draws: NDArray[np.float64]  # (RESAMPLES, n_columns)
    n_persons: int

    def mean(self, column: int) -> Interval:
        return self._interval(float(self.means[column]), self.draws[:, column])

    def difference(self, ours: int, theirs: int) -> Interval:
        return self._interval(float(self.means[ours] - self.means[theirs]), self.draws[:, ours] - self.draws[:, theirs])

    def relative(self, ours: int, theirs: int) -> Interval:
        """The difference as a share of `theirs`; NaN where that is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            change = float(self.means[ours] / self.means[theirs]) - 1
            return self._interval(change, self.draws[:, ours] / self.draws[:, theirs] - 1)

    def _interval(self, mean: float, draws: NDArray[np.float64]) -> Interval:
        outside = (100 - LEVEL) / 2
        low, high = np.percentile(draws, [outside, 100 - outside])
        return Interval(mean, float(low), float(high), self.n_persons)


def mean(values: Sequence[Values], metric: str) -> Interval:
    """Of one system: a Values a seed. Raises DataError where there is nothing to take the mean of."""
    return resample([(values, metric)]).mean(0)


def difference(ours: Sequence[Values], theirs: Sequence[Values], metric: str) -> Interval:
    """`ours` minus `theirs`, a Values a seed each, in the same order. Raises DataError where they cannot be paired."""
    return resample([(ours, metric), (theirs, metric)]).difference(0, 1)


def resample(columns: Sequence[Column]) -> Resampled:
    """One mean a column. All columns have the same seeds and, in each, the same persons in the same order.

    A person has one number in all seeds. Raises DataError where columns cannot be paired or values are no numbers.
    """
    _check(columns)
    seeds, _ = columns[0]
    persons, person = np.unique(np.concatenate([values.users for values in seeds]), return_inverse=True)
    share = np.concatenate([np.full(len(values.users), 1 / len(values.users) / len(seeds)) for values in seeds])
    counts = np.bincount(person, share, len(persons)).astype(np.float64)
    sums = np.empty((len(persons), len(columns)))
    for number, (system, metric) in enumerate(columns):
        rows = np.concatenate([values.metrics[metric] for values in system]).astype(np.float64)
        if not np.isfinite(rows).all():
            raise DataError(f"some values of {metric} are no numbers")
        sums[:, number] = np.bincount(person, share * rows, len(persons))
    return Resampled(sums.sum(axis=0), _draws(sums, counts), len(persons))


def _draws(sums: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n_persons, n_columns) and (n_persons,) -> (RESAMPLES, n_columns) means of as many persons drawn again."""
    n_persons = len(counts)
    rng = np.random.default_rng(_SEED)
    both = np.column_stack([sums, counts])
    found = np.empty((RESAMPLES, both.shape[1]))
    step = max(1, _CHUNK_VALUES // n_persons)
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        drawn = rng.integers(0, n_persons, (size, n_persons))
        drawn += np.arange(size)[:, None] * n_persons
        weights = np.bincount(drawn.ravel(), minlength=size * n_persons).reshape(size, n_persons)
        found[start : start + size] = weights.astype(np.float64) @ both
    return found[:, :-1] / found[:, -1:]


def _check(columns: Sequence[Column]) -> None:
    first, _ = columns[0]
    if not first or not all(len(values.users) for values in first):
        raise DataError("there are no test users to compare on")
    for system, metric in columns:
        if len(system) != len(first):
            raise DataError(f"{len(first)} and {len(system)} seeds cannot be compared in pairs")
        for values, other in zip(first, system, strict=True):
            if not np.array_equal(values.users, other.users):
                raise DataError("systems measured on different test users cannot be compared in pairs")
            if metric not in other.metrics:
                raise DataError(f"no values of {metric} were kept; there are: {', '.join(other.metrics)}")
            if len(other.metrics[metric]) != len(other.users):
                raise DataError(f"{len(other.metrics[metric]):,} values of {metric}, {len(other.users):,} users")
