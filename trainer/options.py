"""The command line of the trainer: words to options."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from trainer.datasets import DATASETS
from trainer.interactions import PRESETS
from trainer.items import TYPES
from trainer.schedule import SCHEDULES
from trainer.segmentation import SegmentOptions
from trainer.segmentation.embed import DEFAULT_TAU, KEYWORDS, SENTENCES
from trainer.segmentation.encoder import DEFAULT_MODEL

_OF_FILES = (
    "items", "preset", "user_col", "item_col", "rating_col", "timestamp_col", "items_id_col", "title_col", "attribute",
    "separator",
)  # fmt: skip
EXIT_CODES = (
    "exit codes: 0 done, 2 usage, 3 bad configuration, 4 bad data, 5 bad artifact, 6 training failed, 130 interrupted"
)


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def natural(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError("must lie between 0 and 2^32 - 1")
    return number


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; exits with 2 where they are unknown or would be ignored."""
    root = parser()
    options = root.parse_args(arguments)
    if options.command == "fit":
        told = [name for name in _OF_FILES if getattr(options, name)]
        if options.dataset and told:
            root.error(f"--{told[0].replace('_', '-')} goes with --data; --dataset {options.dataset} knows its columns")
        if options.embedder_model and options.embedder != SENTENCES:
            root.error(f"--embedder-model goes with --embedder {SENTENCES}")
        if options.no_holdout and options.compare:
            root.error("--compare measures on held-out users; leave --no-holdout out")
    return options


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m trainer", description="From a ratings file to an artifact that the service serves.",
        epilog=EXIT_CODES,
    )  # fmt: skip
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _fit(commands.add_parser("fit", help="learn a model and write it as a new version", epilog=EXIT_CODES))
    inspect = commands.add_parser("inspect", help="verify an artifact and say what is in it", epilog=EXIT_CODES)
    inspect.add_argument("artifacts", type=Path, help="folder with CURRENT and its versions")
    inspect.add_argument("--version", help="look at this version instead of the current one")
    inspect.add_argument("--json", action="store_true", help="print JSON: the manifest and every segment")
    return root


def _fit(fit: argparse.ArgumentParser) -> None:
    data = fit.add_argument_group("data")
    source = data.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=Path, metavar="FILE", help="ratings: .csv, .tsv, .inter (also .gz), .parquet, .jsonl"
    )
    source.add_argument("--dataset", choices=sorted(DATASETS), help="a public data set, fetched when needed")
    data.add_argument("--data-dir", type=Path, default=Path("data"), help="where fetched archives are kept (data)")
    data.add_argument("--items", type=Path, metavar="FILE", help="titles and attributes of the items")
    data.add_argument("--preset", choices=sorted(PRESETS), help="column names of a well-known format")
    for part in ("user", "item", "rating", "timestamp"):
        data.add_argument(f"--{part}-col", metavar="NAME", help=f"the {part} column (found by its usual names)")
    data.add_argument("--items-id-col", metavar="NAME", help="the item column of the items file")
    data.add_argument("--title-col", metavar="NAME", help="the title column of the items file")
    data.add_argument(
        "--attribute", action="append", default=[], metavar="NAME=TYPE",
        help=f"type of an items column, one of {', '.join(TYPES)} (found out); may be repeated",
    )  # fmt: skip
    data.add_argument(
        "--separator", metavar="CHARACTER", help="between the columns of the text files (by their ending)"
    )
    data.add_argument("--min-rating", type=float, help="least positive rating (4 of 1 to 5 stars)")
    data.add_argument("--min-items-per-user", type=positive, default=5, help="users with fewer are dropped (5)")
    data.add_argument("--no-holdout", action="store_true", help="train on all users and measure nothing")
    data.add_argument("--compare", action="store_true", help="measure EASE too, lambda chosen on validation users")

    model = fit.add_argument_group("model")
    model.add_argument("--dims", type=positive, help="width of the latent space (grows with the items)")
    model.add_argument("--nonzeros", type=positive, default=16, help="weights an item keeps (16)")
    model.add_argument("--schedule", choices=sorted(SCHEDULES), default="exponential", help="of pruning (exponential)")
    model.add_argument(
        "--restart", action=argparse.BooleanOptionalAction, default=False,
        help="after each pruning start again from the initial weights (no)",
    )  # fmt: skip
    model.add_argument(
        "--loss", choices=("linear", "clip"), default="linear", help="the paper's formula, or clipped (linear)"
    )
    model.add_argument("--dense-epochs", type=natural, help="epochs before pruning starts")
    model.add_argument("--prune-epochs", type=natural, help="epochs of the schedule")
    model.add_argument("--final-epochs", type=positive, help="most epochs at --nonzeros after the schedule")
    model.add_argument("--patience", type=positive, help="epochs of the last stage without improvement before it ends")
    model.add_argument("--batch-size", type=positive, help="users a step")
    model.add_argument("--learning-rate", type=float)
    model.add_argument(
        "--precision", choices=("float32", "bfloat16"), help="of the products (what the machine is good at)"
    )
    model.add_argument(
        "--seed", type=natural, default=1, help="of the split, the initial weights and the order of users (1)"
    )
    model.add_argument("--threads", type=positive, help="of torch (all cores); the same number gives the same bytes")

    segments = fit.add_argument_group("segments")
    defaults = SegmentOptions()
    segments.add_argument(
        "--embedder", choices=(KEYWORDS, SENTENCES), default=KEYWORDS,
        help=f"what groups are compared by when they merge ({KEYWORDS}); {SENTENCES} needs the extra 'segments'",
    )  # fmt: skip
    segments.add_argument("--embedder-model", metavar="NAME_OR_FOLDER", help=f"the sentence encoder ({DEFAULT_MODEL})")
    segments.add_argument(
        "--tau", type=float,
        help=f"cosine over which groups merge ({DEFAULT_TAU[KEYWORDS]}, with {SENTENCES} {DEFAULT_TAU[SENTENCES]})",
    )  # fmt: skip
    segments.add_argument(
        "--max-share",
        type=float,
        default=defaults.max_share,
        help=f"of the items in one segment ({defaults.max_share})",
    )
    segments.add_argument(
        "--min-segment-items", type=int, default=defaults.min_items,
        help=f"smaller segments join their closest one ({defaults.min_items})",
    )  # fmt: skip

    out = fit.add_argument_group("output")
    out.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the new version goes")
    out.add_argument("--name", help="first part of the version's name (the data's)")
    out.add_argument("--log", type=Path, metavar="FILE", help="write a line of JSON an epoch")
    out.add_argument("--json", action="store_true", help="print the result as JSON")
    out.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")
