"""What a catalogue, its users and its visitors will take: the plan, as numbers."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil

from trainer import footprint
from trainer.fit_options import FitOptions, Precision, default_batch_size, default_dims
from trainer.plan import told
from trainer.plan.points import Point
from trainer.streamed import LARGE_ROWS

_GIB, _MIB = 2.0**30, 2.0**20
_SPARSE_STARTS = (4, 8, 16)  # dims are how many times the weights that training starts with
_SAMPLED_OUTPUTS, _SAMPLED_BATCH = 4096, 128
_KEPT_FREE = 0.9  # of a machine's memory may be taken
_PATIENT_SECONDS = 24 * 3600.0  # up to which `fit` is left as it is by itself
_NETWORK_BYTES = 1.25e9  # a second: 10 Gbit
_ROUND_SECONDS = 1e-3  # of a sum over machines, however little is summed
_ROW_BYTES = 16.0  # of an interaction, at most, while a table is sorted in files
_PAIR_BYTES = 4.0  # of an interaction, in the file that training maps
_AT_ONCE_BYTES = 200.0  # of an interaction, in memory, while a table is read at once
_HALF = 0.5  # of what a machine answers at most is what it is meant to answer


@dataclass(frozen=True)
class Machine:
    cores: int
    memory_gib: float
    price: float
    """Of an hour."""


@dataclass(frozen=True)
class Size:
    items: int
    users: int
    interactions: int
    nonzeros: int
    dims: int | None = None
    requests_per_second: float = 100.0


@dataclass(frozen=True)
class Training:
    options: FitOptions
    by_itself: bool
    """Whether that is what `fit` does without options."""
    seconds: float
    """From the table to the version, at most: the last stage may end before its last epoch."""
    epochs: "Epochs | None"
    """None where a fit as it is was measured as a whole."""
    memory_gib: float
    """Of each machine, beside the pages of files."""
    mapped_gib: float
    """Interactions, in a file that is read again each epoch."""
    disk_gib: float
    """While it trains: sorted interactions, and two checkpoints."""
    fits: bool


@dataclass(frozen=True)
class Epochs:
    most: int
    reading_seconds: float
    first_seconds: float
    last_seconds: float
    all_seconds: float
    segments_seconds: float


@dataclass(frozen=True)
class Route:
    milliseconds: float
    """Of one that is alone, over HTTP."""
    per_second_of_a_core: float
    machines: int
    """For the requests that are expected, half loaded, and one more that may fail."""
    price_of_a_million: float
    """Half loaded."""


@dataclass(frozen=True)
class Serving:
    version_mib: float
    ready_seconds: float
    worker_mib: float
    shared_mib: float
    workers: int
    """Of a machine: one a core, where memory allows."""
    recommend: Route
    homepage: Route


@dataclass(frozen=True)
class Plan:
    size: Size
    machine: Machine
    training: Training
    serving: Serving


def planned(size: Size, machine: Machine, precision: Precision) -> Plan:
    return Plan(size, machine, training_of(size, machine, precision), serving_of(size, machine))


# ---------------------------------------------------------------- training


def training_of(size: Size, machine: Machine, precision: Precision, machines: int = 1) -> Training:
    """What `fit` does by itself, where that fits and takes a day at most; else the fastest start that fits.

    Where nothing fits it is the one that needs the least.
    """
    ways = [_training(size, machine, options, machines) for options in _ways(size, precision)]
    by_itself = replace(ways[0], by_itself=True)
    if by_itself.fits and by_itself.seconds <= _PATIENT_SECONDS:
        return by_itself
    fitting = [way for way in (by_itself, *ways[1:]) if way.fits]
    return min(fitting, key=lambda way: way.seconds) if fitting else min(ways, key=lambda way: way.memory_gib)


def _ways(size: Size, precision: Precision) -> Iterator[FitOptions]:
    dims = size.dims or max(default_dims(size.items), size.nonzeros)
    base = FitOptions(dims, size.nonzeros, batch_size=default_batch_size(size.users), precision=precision)
    yield base
    outputs = _SAMPLED_OUTPUTS if size.items > _SAMPLED_OUTPUTS else None
    sampled = replace(base, batch_size=min(_SAMPLED_BATCH, base.batch_size or 1), max_outputs=outputs)
    for part in _SPARSE_STARTS:
        if dims // part >= size.nonzeros:
            yield replace(sampled, start_nonzeros=dims // part)


def _training(size: Size, machine: Machine, options: FitOptions, machines: int) -> Training:
    point: Point = {
        "items": size.items, "users": size.users, "interactions": size.interactions, "dims": options.dims,
        "nonzeros": options.nonzeros, "start": options.start_nonzeros, "batch_size": options.batch_size,
        "max_outputs": options.max_outputs, "precision": options.precision, "threads": machine.cores,
    }  # fmt: skip
    needed = [told.told(told.TRAINING_MEMORY, {**point, "interactions": 0}), told.told(told.IMPORT_MEMORY, point)]
    if size.interactions <= LARGE_ROWS:
        needed.append(size.interactions * _AT_ONCE_BYTES / _MIB)
    else:
        needed.append(told.told(told.READING_MEMORY, point))
    memory = max(needed) / 1024
    epochs = None if options.start_nonzeros is None else _epochs(point, options, machines)
    if epochs is None:
        seconds = told.told(told.FIT, point)
    else:
        seconds = epochs.reading_seconds + epochs.all_seconds + epochs.segments_seconds
    checkpoints = 2 * footprint.checkpoint_bytes(size.items, options) / _GIB
    return Training(
        options=options,
        by_itself=False,
        seconds=seconds,
        epochs=epochs,
        memory_gib=memory,
        mapped_gib=_PAIR_BYTES * size.interactions / _GIB,
        disk_gib=(_ROW_BYTES * size.interactions) / _GIB + checkpoints,
        fits=memory <= _KEPT_FREE * machine.memory_gib,
    )


def _epochs(point: Point, options: FitOptions, machines: int) -> Epochs:
    steps: int = ceil(point["users"] / (options.batch_size or 1))
    outputs = min(int(point["items"]), options.max_outputs or int(point["items"]))

    def seconds(k: int, grown: bool) -> float:
        alone = told.told(told.EPOCH, {**point, "k": k, "grown": int(grown)})
        sums = 4.0 * outputs * k / _NETWORK_BYTES + _ROUND_SECONDS
        return alone / machines + 2 * steps * sums * (machines > 1)

    stages = [(stage.k, stage.epochs, stage.regrown > 0) for stage in options.stages()]
    first, _, first_grown = stages[0]
    return Epochs(
        most=sum(epochs for _, epochs, _ in stages),
        reading_seconds=told.told(told.READING, point),
        first_seconds=seconds(first, first_grown),
        last_seconds=seconds(options.nonzeros, grown=False),
        all_seconds=sum(epochs * seconds(k, grown) for k, epochs, grown in stages),
        segments_seconds=told.told(told.IMPORT, point),
    )


# ---------------------------------------------------------------- serving


def serving_of(size: Size, machine: Machine) -> Serving:
    codes: Point = {"items": size.items, "nonzeros": size.nonzeros}
    worker, shared = told.told(told.PRIVATE, codes), told.told(told.SHARED, codes)
    room = _KEPT_FREE * machine.memory_gib * 1024 - shared
    workers = max(0, min(machine.cores, int(room // worker)))

    def route(core: str, alone: str) -> Route:
        per_second = 1 / told.told(core, codes)
        of_machine = _HALF * per_second * max(workers, 1)
        return Route(
            milliseconds=told.told(alone, codes),
            per_second_of_a_core=per_second,
            machines=ceil(size.requests_per_second / of_machine) + 1,
            price_of_a_million=1e6 / of_machine / 3600 * machine.price,
        )

    return Serving(
        version_mib=told.told(told.ARTIFACT, codes),
        ready_seconds=told.told(told.READY, codes),
        worker_mib=worker,
        shared_mib=shared,
        workers=workers,
        recommend=route(told.RECOMMEND, told.RECOMMEND_ALONE),
        homepage=route(told.HOMEPAGE, told.HOMEPAGE_ALONE),
    )
