"""Time and memory as sums of a few terms, each a count times what one of them takes.

What one takes is fitted to measured points: least squares of the relative error, nothing negative (Lawson and Hanson's
NNLS), so that nothing falls when a size grows. How well points that were left out are told: benchmarks/bench_plan.py.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from index.search import LARGE
from trainer import footprint
from trainer.fit_options import FitOptions, default_batch_size
from trainer.plan.points import Point, read_points
from trainer.steps import costs

_MIB = 2.0**20


@dataclass(frozen=True)
class Quantity:
    """`value` of the points called `of`; `terms` are the counts."""

    of: str
    value: Callable[[Point], float]
    terms: Callable[[Point], Sequence[float]]


def _named(name: str) -> Callable[[Point], float]:
    return lambda point: float(point[name])


def _seconds_of(per_second: str) -> Callable[[Point], float]:
    return lambda point: 1 / float(point[per_second])


def options_of(point: Point) -> FitOptions:
    """Of the epochs that were measured, and of those that are planned."""
    return FitOptions(
        dims=point["dims"],
        nonzeros=point["nonzeros"],
        start_nonzeros=point.get("start"),
        batch_size=point["batch_size"],
        max_outputs=point.get("max_outputs"),
        precision=point["precision"],
    )


def _own_items(point: Point) -> float:
    """Different items that the users of a batch have, were all items alike; popular ones make them fewer."""
    drawn = point["batch_size"] * point["interactions"] / point["users"]
    return float(point["items"] * -np.expm1(-drawn / point["items"]))


def _epoch(point: Point) -> Sequence[float]:
    """Steps by their operations, rows of the users' histories, steps themselves, and the growth of supports before."""
    options, items, k = options_of(point), int(point["items"]), int(point["k"])
    outputs = int(min(max(options.max_outputs or items, _own_items(point)), items))
    steps = point["users"] / point["batch_size"]
    grown = point.get("grown", 1) * (items + costs.USERS_ASKED) * options.dims**2
    part = _ALONE + (1 - _ALONE) / point["threads"]
    return [
        part * steps * _cheapest(options, outputs, k) / 1e9,
        part * point["interactions"] * k / 1e9,
        point["interactions"] / 1e7,
        steps / 1e3,
        part * grown / 1e12,
        1.0,
    ]


def _fit(point: Point) -> Sequence[float]:
    """All epochs of a run whose options are its own, each in the cheapest way; rows that are read; items at the end."""
    options = options_of({**point, "batch_size": default_batch_size(point["users"])})
    items, steps = int(point["items"]), point["users"] / default_batch_size(point["users"])
    epochs = [(stage.epochs, _cheapest(options, items, stage.k)) for stage in options.stages()]
    part = _ALONE + (1 - _ALONE) / point["threads"]
    operations = part * steps * sum(n * nanoseconds for n, nanoseconds in epochs) / 1e9
    return [1.0, operations, point["interactions"] / 1e6, items / 1e4]


def _cheapest(options: FitOptions, items: int, k: int) -> float:
    ways = [costs.dense(options, items), float(costs.sparse(options, items, k)), float(costs.gram(options, items, k))]
    return min(ways if options.first_nonzeros is None else ways[1:])


_IN_THREADS = 16_384  # items, as of service/work.py
_ALONE = 1 / 3  # of the work is not divided among threads (Amdahl): two are 1.5 times as fast as one


def _training_memory(point: Point) -> Sequence[float]:
    needed = footprint.bytes_needed(int(point["items"]), options_of(point), own_items=int(_own_items(point)))
    return [1.0, needed / _MIB, point["interactions"] / 1e6]


def _codes(point: Point) -> Sequence[float]:
    return [1.0, point["items"] / 1e6, point["items"] * point["nonzeros"] / 1e6]


def _grouping(point: Point) -> Sequence[float]:
    """Signed dims are what segments are merged from; rows of a large catalogue are put in order (row_order.py)."""
    put_in_order = point["items"] / 1e6 if point["items"] >= LARGE else 0.0
    return [*_codes(point), min(point["items"], 2 * point["dims"]) / 1e3, put_in_order]


def _search(point: Point) -> Sequence[float]:
    """What a request costs by itself, and lists, of which the less is read the longer they are."""
    weights = point["items"] * point["nonzeros"] / 1e6
    return [1.0, float(np.log2(1 + weights)), weights**0.5, weights]


def _page(point: Point) -> Sequence[float]:
    """Segments and their best items, more of a larger catalogue; larger pages are made in threads, which wait for each
    other.
    """
    doublings = float(np.log2(1 + point["items"] / 1e4))
    return [1.0, float(point["items"] > _IN_THREADS), doublings, doublings**2]


def _rows(point: Point) -> Sequence[float]:
    rows = point["interactions"] / 1e6
    return [rows, rows * float(np.log2(1 + rows))]


def _reading_memory(point: Point) -> Sequence[float]:
    return [1.0, (point["interactions"] / 1e6) ** 0.5]


EPOCH, TRAINING_MEMORY = "seconds of an epoch", "memory of training"
FIT = "seconds of a fit"
READING, READING_MEMORY = "seconds of reading", "memory of reading"
IMPORT, IMPORT_MEMORY = "seconds of segments", "memory of segments"
RECOMMEND, HOMEPAGE = "seconds of a core for /recommend", "seconds of a core for /homepage"
RECOMMEND_ALONE, HOMEPAGE_ALONE = "time of /recommend", "time of /homepage"
PRIVATE, SHARED, ARTIFACT, READY = "memory of a worker", "memory that workers share", "the version", "until it is ready"
QUANTITIES: Mapping[str, Quantity] = {
    EPOCH: Quantity("epoch", _named("seconds"), _epoch),
    TRAINING_MEMORY: Quantity("epoch", _named("mib"), _training_memory),
    FIT: Quantity("fit", _named("seconds"), _fit),
    READING: Quantity("reading", _named("seconds"), _rows),
    READING_MEMORY: Quantity("reading", _named("mib"), _reading_memory),
    IMPORT: Quantity("import", _named("seconds"), _grouping),
    IMPORT_MEMORY: Quantity("import", _named("mib"), _grouping),
    RECOMMEND: Quantity("serving", _seconds_of("recommend_per_second"), _search),
    HOMEPAGE: Quantity("serving", _seconds_of("homepage_per_second"), _page),
    RECOMMEND_ALONE: Quantity("serving", _named("recommend_milliseconds"), _search),
    HOMEPAGE_ALONE: Quantity("serving", _named("homepage_milliseconds"), _page),
    PRIVATE: Quantity("serving", _named("private_mib"), _codes),
    SHARED: Quantity("serving", _named("shared_mib"), _codes),
    ARTIFACT: Quantity("serving", _named("artifact_mib"), _codes),
    READY: Quantity("serving", _named("ready_seconds"), _codes),
}


def told(quantity: str, point: Point) -> float:
    """By all points that are stored."""
    return float(np.dot(QUANTITIES[quantity].terms(point), _of_all(quantity)))


@cache
def _of_all(quantity: str) -> NDArray[np.float64]:
    return fitted(quantity, read_points())


def fitted(quantity: str, points: Iterable[Point]) -> NDArray[np.float64]:
    """What one of each of the terms takes."""
    chosen = QUANTITIES[quantity]
    measured = [point for point in points if point["quantity"] == chosen.of]
    values = np.array([chosen.value(point) for point in measured])
    terms = np.array([chosen.terms(point) for point in measured]) / values[:, None]
    largest = terms.max(axis=0)
    largest[largest == 0] = 1
    return np.asarray(nnls(terms / largest, np.ones(len(values)))[0] / largest)


def left_out(quantity: str, points: Sequence[Point]) -> list[tuple[float, float]]:
    """(size, relative error) of each point, told by those of all other sizes."""
    chosen = QUANTITIES[quantity]
    measured = [point for point in points if point["quantity"] == chosen.of]
    found = []
    for point in measured:
        others: list[Point] = [other for other in measured if _size(other) != _size(point)]
        if others:
            value = chosen.value(point)
            said = float(np.dot(chosen.terms(point), fitted(quantity, others)))
            found.append((_size(point), said / value - 1))
    return found


def _size(point: Point) -> Any:
    return point["interactions"] if point["quantity"] == "reading" else point["items"]
