"""Options of `plan`."""

import argparse
from math import isfinite

from index.arrays import MOST_DIMS
from trainer.option_groups import positive

_MOST = 10**15


def plan_options(plan: argparse.ArgumentParser) -> None:
    size = plan.add_argument_group("size")
    for name, what in (("items", "items"), ("users", "users"), ("interactions", "pairs of a user and an item")):
        size.add_argument(f"--{name}", type=count, required=True, metavar="N", help=f"{what}; 10e6 is ten million")
    size.add_argument("--nonzeros", type=positive, default=16, metavar="K", help="weights that an item keeps (16)")
    size.add_argument("--dims", type=positive, metavar="D", help="width of the latent space (by the number of items)")
    size.add_argument(
        "--requests-per-second",
        type=amount,
        default=100.0,
        metavar="N",
        help="of the busiest time, of each route (100)",
    )
    machine = plan.add_argument_group("a machine")
    machine.add_argument("--cores", type=positive, default=8, metavar="N", help="its cores (8)")
    machine.add_argument("--memory", type=amount, default=64.0, metavar="GIB", help="its memory (64)")
    machine.add_argument(
        "--price", type=amount, default=0.4, metavar="PRICE", help="of an hour, in your currency (0.4)"
    )
    machine.add_argument(
        "--precision", choices=("float32", "bfloat16"), default="float32",
        help="of large products in training; bfloat16 where processors have it (float32)",
    )  # fmt: skip
    plan.add_argument("--json", action="store_true", help="print one JSON object")


def amount(text: str) -> float:
    number = float(text)
    if not (isfinite(number) and 0 < number <= _MOST):
        raise argparse.ArgumentTypeError(f"must be a number above 0, at most {_MOST:.0e}")
    return number


def count(text: str) -> int:
    """Whole, as 10e6 is."""
    number = amount(text.replace("_", "").replace(",", ""))
    if number < 1 or number != int(number):
        raise argparse.ArgumentTypeError("must be a whole number, at least 1")
    return int(number)


def problem(options: argparse.Namespace) -> str | None:
    """What does not fit together."""
    if options.interactions < options.users:
        return "--interactions are fewer than --users: who has none is no user"
    if options.interactions > options.items * options.users:
        return "--interactions are more than items times users"
    if options.dims is not None and not options.nonzeros <= options.dims <= MOST_DIMS:
        return f"--dims must lie between --nonzeros and {MOST_DIMS}"
    if options.nonzeros > MOST_DIMS:
        return f"--nonzeros must be at most {MOST_DIMS}"
    return None
