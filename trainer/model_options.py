"""Options of `fit` that decide what is learned."""

import argparse

from trainer.option_groups import add_codes, natural, positive
from trainer.schedule import SCHEDULES


def add_model(fit: argparse.ArgumentParser) -> None:
    model = fit.add_argument_group("model")
    model.add_argument("--dims", type=positive, metavar="N", help="width of the latent space (grows with the items)")
    model.add_argument("--nonzeros", type=positive, metavar="N", default=16, help="weights an item keeps (16)")
    add_codes(model)
    model.add_argument(
        "--start-nonzeros", type=positive, metavar="N",
        help="weights an item starts with, for large catalogues: memory goes with them and not with --dims (all dims)",
    )  # fmt: skip
    model.add_argument(
        "--schedule", choices=sorted(SCHEDULES), metavar="NAME", default="exponential",
        help=f"of pruning: {', '.join(sorted(SCHEDULES))} (exponential)",
    )  # fmt: skip
    model.add_argument(
        "--restart", action=argparse.BooleanOptionalAction, default=False,
        help="after each pruning start again from the initial weights (no)",
    )  # fmt: skip
    model.add_argument(
        "--loss",
        choices=("linear", "relu"),
        help="the paper's formula, or negative predictions as 0, which is better where --dims are few (relu up to a "
        "quarter of the default --dims, linear above)",
    )
    model.add_argument("--dense-epochs", type=natural, metavar="N", help="epochs before pruning starts (0)")
    model.add_argument("--prune-epochs", type=natural, metavar="N", help="epochs of the schedule (20)")
    model.add_argument(
        "--regrow-epochs", type=natural, metavar="N",
        help="epochs at --nonzeros before which each item's smallest weights give way to others (10)",
    )  # fmt: skip
    model.add_argument(
        "--warm-start", action="store_true",
        help="begin with the codes of the version that --out has; anew where it has none that fits",
    )  # fmt: skip
    model.add_argument("--warm-epochs", type=natural, metavar="N", help="like --regrow-epochs, after a warm start (5)")
    model.add_argument("--regrow", type=float, metavar="SHARE", help="of the weights, before the first of them (0.5)")
    model.add_argument(
        "--final-epochs", type=positive, metavar="N", help="most epochs at --nonzeros after the schedule (20)"
    )
    model.add_argument(
        "--patience", type=positive, metavar="N", help="epochs of the last stage without improvement before it ends (4)"
    )
    model.add_argument("--batch-size", type=positive, metavar="N", help="users a step (an eighth of them, 64 to 1024)")
    model.add_argument(
        "--max-outputs", type=positive, metavar="N",
        help="items a step predicts, for large catalogues: its users' own and random others (all)",
    )  # fmt: skip
    model.add_argument("--learning-rate", type=float, metavar="X", help="of NAdam (0.03)")
    model.add_argument("--precision", choices=("float32", "bfloat16"), help="of the products (timed: the faster one)")
    model.add_argument(
        "--sparse-below", type=natural, metavar="K",
        help="non-zeros an item under which a step computes with them only; on the CPU (the faster way, by counting)",
    )  # fmt: skip
    model.add_argument("--device", choices=("cpu", "cuda"), help="where to compute (cuda where there is one)")
    model.add_argument(
        "--seed", type=natural, metavar="N", default=1,
        help="of the split, the initial weights and the order of users (1)",
    )  # fmt: skip
    model.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="of torch (all cores it may use); the same number gives the same bytes",
    )
