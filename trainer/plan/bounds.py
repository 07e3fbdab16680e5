"""Where a plan leaves what was measured, and where the design ends: what happens there, and what one would do."""

from collections.abc import Iterator

from trainer.plan.plan import Plan, Size, training_of
from trainer.plan.points import Point, read_points

_FAR = 1.5  # times the largest that was measured, from where it is said
_LONG_SECONDS = 7 * 24 * 3600.0
_MOST_ROWS = 2**31 - 1
_LONG_READING_SECONDS = 3600.0


def bounds(plan: Plan) -> Iterator[str]:
    """A sentence each; nothing for a plan within them."""
    yield from _beyond_the_points(plan.size)
    yield from _in_training(plan)
    yield from _in_serving(plan)


def _beyond_the_points(size: Size) -> Iterator[str]:
    points = read_points()
    of_epochs = [point for point in points if point["quantity"] == "epoch"]
    beyond = [
        f"{what}: {value / most:,.0f} times the largest"
        for what, value, most in (
            ("items in training", size.items, _most(of_epochs, "items")),
            ("items served", size.items, _most([p for p in points if p["quantity"] == "serving"], "items")),
            ("interactions", size.interactions, _most(of_epochs, "interactions")),
        )
        if value > _FAR * most
    ]
    if beyond:
        yield (
            f"These figures go beyond what was measured ({'; '.join(beyond)}): they are sums, no experience. Searches "
            "of several million items wait for the memory, and grow with the items (docs/search.md)."
        )


def _most(points: list[Point], name: str) -> float:
    return float(max(point[name] for point in points))


def _in_training(plan: Plan) -> Iterator[str]:
    size, machine, training = plan.size, plan.machine, plan.training
    if size.items > _MOST_ROWS:
        yield "Rows are 32-bit numbers: more than 2,147,483,647 items need another format of the artifact."
    if not training.fits:
        yield (
            f"Training needs {training.memory_gib:,.0f} GiB on every machine, because each holds the weights of all "
            f"items; {machine.memory_gib:,.0f} are there. One would take a larger machine (--memory), fewer --dims or "
            "--nonzeros, or leave out the items that hardly anyone has and give them codes afterwards (`add-items`). "
            "Weights that are divided among machines are not built."
        )
    if training.seconds > _LONG_SECONDS:
        yield (
            f"Training takes {training.seconds / 86_400:,.0f} days. `torchrun` divides an epoch among machines. "
            "An epoch asks every user once, and codes belong to items: one would train on a sample of the users, see "
            "by `evaluate` what a larger sample adds, and go on with --warm-start every night."
        )
    if training.mapped_gib > machine.memory_gib:
        yield (
            f"The interactions ({training.mapped_gib:,.0f} GiB in a file) do not fit into memory and are read from "
            "disk each epoch, in random order of users: they belong on an SSD."
        )
    if training.epochs is not None and training.epochs.reading_seconds > _LONG_READING_SECONDS:
        yield (
            f"One process reads the table, for {training.epochs.reading_seconds / 3600:,.1f} hours. One would give it "
            "a sample of the users, written by whatever holds the table."
        )


def _in_serving(plan: Plan) -> Iterator[str]:
    serving, machine = plan.serving, plan.machine
    if not serving.workers:
        yield (
            f"A worker takes {serving.worker_mib / 1024:,.0f} GiB, more than the machine has: each has the posting "
            "lists of all items. One would serve the items in parts, a service each, and merge their best by score; "
            "that is not built. `export` writes a version for an engine that divides what it holds."
        )
    elif serving.workers < machine.cores:
        yield (
            f"Memory ends before the cores: {serving.workers} of {machine.cores} can have a worker, which takes "
            f"{serving.worker_mib / 1024:,.1f} GiB for its posting lists."
        )
    if serving.recommend.milliseconds > 50:
        yield (
            f"A request takes {serving.recommend.milliseconds:,.0f} ms of one core, however many there are: one would "
            "serve the items in parts, or ask for a segment's items only (`segments`, `filter`)."
        )


def scaled(plan: Plan, machines: tuple[int, ...] = (1, 2, 4, 8)) -> list[tuple[int, float]]:
    """(machines, seconds of a training): an epoch divided, sums over a network of 10 Gbit a second added."""
    precision = plan.training.options.precision
    return [(n, training_of(plan.size, plan.machine, precision, n).seconds) for n in machines]
