"""A plan as text and as JSON."""

import textwrap
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from trainer.plan.bounds import bounds, scaled
from trainer.plan.plan import Plan, Route, Training


def as_json(plan: Plan) -> dict[str, Any]:
    training = asdict(plan.training) | {"seconds": plan.training.seconds, "options": plan.training.options.recorded()}
    return {
        "size": asdict(plan.size),
        "machine": asdict(plan.machine),
        "training": training,
        "training_price": _training_price(plan),
        "training_seconds_by_machines": {str(n): seconds for n, seconds in scaled(plan)},
        "serving": asdict(plan.serving),
        "bounds": list(bounds(plan)),
    }


def described(plan: Plan) -> str:
    size, machine = plan.size, plan.machine
    head = (
        f"{size.items:,} items, {size.users:,} users, {size.interactions:,} interactions, {size.nonzeros} non-zeros; "
        f"machines of {machine.cores} cores and {machine.memory_gib:g} GiB at {machine.price:g} an hour."
    )
    ends = [textwrap.fill(f"! {sentence}", 118, subsequent_indent="  ") for sentence in bounds(plan)]
    parts = [head, _training(plan), _serving(plan), *ends, _FITTED]
    return "\n\n".join(parts)


_FITTED = (
    "Computed from points that were measured on two cores of an AMD EPYC (trainer/plan/points.jsonl); of more cores a\n"
    "third of the work of training is taken not to be divided. How well points that are left out are told says\n"
    "`python -m benchmarks.bench_plan`, which measures yours as well. Serving is priced at half load."
)


def _training(plan: Plan) -> str:
    training = plan.training
    rows = [
        ("command", _command(training)),
        ("in all, at most", f"{_time(training.seconds)}, {_money(_training_price(plan))}"),
    ]
    if (epochs := training.epochs) is not None:
        rows += [
            ("  reading", _time(epochs.reading_seconds)),
            (
                "  an epoch",
                f"{_time(epochs.first_seconds)} at first, {_time(epochs.last_seconds)} in the end, "
                f"at most {epochs.most}",
            ),
            ("  segments, writing", _time(epochs.segments_seconds)),
            ("  on more machines", ", ".join(f"{n}: {_time(seconds)}" for n, seconds in scaled(plan)[1:])),
        ]
    rows += [
        (
            "memory",
            f"{_gib(training.memory_gib)} of each machine, and {_gib(training.mapped_gib)} of interactions in a file "
            "that is mapped",
        ),
        ("disk", f"{_gib(training.disk_gib)} meanwhile, for sorted interactions and checkpoints"),
    ]
    return "Training\n" + _table(rows)


def _command(training: Training) -> str:
    options = training.options
    words = ["python -m trainer fit"]
    if not training.by_itself:
        words += [f"--dims {options.dims}", f"--batch-size {options.batch_size}"]
        words += [f"--start-nonzeros {options.start_nonzeros}"] * (options.start_nonzeros is not None)
        words += [f"--max-outputs {options.max_outputs}"] * (options.max_outputs is not None)
    return " ".join([*words, f"--nonzeros {options.nonzeros}"])


def _training_price(plan: Plan) -> float:
    return plan.training.seconds / 3600 * plan.machine.price


def _serving(plan: Plan) -> str:
    serving, asked = plan.serving, plan.size.requests_per_second
    rows = [
        ("version", f"{_gib(serving.version_mib / 1024)} on disk, opened in about {_time(serving.ready_seconds)}"),
        (
            "memory",
            f"{_gib(serving.worker_mib / 1024)} a worker and {_gib(serving.shared_mib / 1024)} that all share; "
            f"{serving.workers} workers a machine",
        ),
        ("/recommend", _route(serving.recommend, asked)),
        ("/homepage, not cached", _route(serving.homepage, asked)),
    ]
    return "Serving\n" + _table(rows)


def _route(route: Route, asked: float) -> str:
    return (
        f"{route.milliseconds:.3g} ms; {route.per_second_of_a_core:,.0f} a second of a core; "
        f"{route.machines} machines for {asked:,.0f} a second; {_money(route.price_of_a_million)} a million"
    )


def _table(rows: Sequence[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name:{width}}  {text}" for name, text in rows)


def _time(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s"


def _gib(gib: float) -> str:
    return f"{gib:.3g} GiB" if gib >= 0.995 else f"{1024 * gib:.3g} MiB"


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 0.1 else f"{amount:.2g}"
