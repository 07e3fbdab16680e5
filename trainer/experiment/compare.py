"""How sure a mean or a difference is: a bootstrap over persons, paired between systems.

Rows of one person (pseudo-users of the paper's protocol, the same person held out by several seeds) are not
independent, so persons are drawn, never rows (cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their
Application, 1997, section 3.8). All systems see the same draws, which pairs them. Every seed counts the same.
"""

from collections.abc import Iterable, Sequence
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


def resample(columns: Iterable[Column]) -> Resampled:
    """One mean a column. All columns have the same seeds and, in each, the same persons in the same order.

    A person has one number in all seeds. Columns are taken one at a time. Raises DataError where they cannot be paired,
    or values are no numbers.
    """
    seeds: list[NDArray[np.int32]] | None = None
    sums = []
    for system, metric in columns:
        if seeds is None:
            seeds = [values.users for values in system]
            if not seeds or not all(map(len, seeds)):
                raise DataError("there are no test users to compare on")
            persons, person = np.unique(np.concatenate(seeds), return_inverse=True)
            share = np.concatenate([np.full(len(users), 1 / len(users) / len(seeds)) for users in seeds])
        rows = _rows(seeds, system, metric)
        sums.append(np.bincount(person, share * rows, len(persons)))
    if seeds is None:
        raise DataError("there is nothing to compare")
    counts = np.bincount(person, share, len(persons))
    both = np.column_stack([*sums, counts])
    return Resampled(both[:, :-1].sum(axis=0), _draws(both), len(persons))


def _draws(both: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums and in the last column counts, a row a person -> (RESAMPLES, n_columns) means of as many persons drawn."""
    n_persons = len(both)
    rng = np.random.default_rng(_SEED)
    found = np.empty((RESAMPLES, both.shape[1]))
    step = max(1, _CHUNK_VALUES // n_persons)
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        drawn = rng.integers(0, n_persons, (size, n_persons))
        drawn += np.arange(size)[:, None] * n_persons
        weights = np.bincount(drawn.ravel(), minlength=size * n_persons).reshape(size, n_persons)
        found[start : start + size] = weights.astype(np.float64) @ both
    return found[:, :-1] / found[:, -1:]


def _rows(seeds: Sequence[NDArray[np.int32]], system: Sequence[Values], metric: str) -> NDArray[np.float64]:
    """The metric of all pseudo-users of all seeds, if they are the persons of `seeds`."""
    if len(system) != len(seeds):
        raise DataError(f"{len(seeds)} and {len(system)} seeds cannot be compared in pairs")
    for users, values in zip(seeds, system, strict=True):
        if not np.array_equal(users, values.users):
            raise DataError("systems measured on different test users cannot be compared in pairs")
        if metric not in values.metrics:
            raise DataError(f"no values of {metric} were kept; there are: {', '.join(values.metrics)}")
        if len(values.metrics[metric]) != len(users):
            raise DataError(f"{len(values.metrics[metric]):,} values of {metric}, {len(users):,} users")
    rows = np.concatenate([values.metrics[metric] for values in system]).astype(np.float64)
    if not np.isfinite(rows).all():
        raise DataError(f"some values of {metric} are no numbers")
    return rows
