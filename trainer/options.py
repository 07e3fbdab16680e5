"""The command line of the trainer: words to options."""

import argparse
import shutil
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


def character(text: str) -> str:
    if len(text.encode()) != 1:
        raise argparse.ArgumentTypeError(
            "must be one character; MovieLens' files with :: between the columns are read by --dataset"
        )
    return text


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
        if options.compare and not options.holdout:
            root.error("--compare measures on held-out users; leave --no-holdout out")
    return options


def parser() -> argparse.ArgumentParser:
    root = argparse.ArgumentParser(
        prog="python -m trainer", description="From a ratings file to an artifact that the service serves.",
        usage="python -m trainer COMMAND …", epilog=EXIT_CODES, formatter_class=_Help,
    )  # fmt: skip
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, what: str, usage: str, example: str) -> argparse.ArgumentParser:
        said = f"{what[0].upper()}{what[1:]}. Values in brackets are what is taken without the option."
        prog = f"python -m trainer {name}"
        return commands.add_parser(
            name,
            prog=prog,
            help=what,
            usage=f"{prog} {usage}",
            description=f"{said}\n\n  {prog} {example}",
            epilog=EXIT_CODES,
            formatter_class=_Help,
        )

    _fit(
        command(
            "fit", "learn a model and write it as a new version", "(--data FILE | --dataset NAME) --out FOLDER …",
            "--data ratings.csv --items items.csv --out artifacts",
        )
    )  # fmt: skip
    _recommend(
        command(
            "recommend", "answer a file of users with a file", "ARTIFACTS --users FILE --out FILE …",
            "artifacts --users histories.csv --out answers.parquet",
        )
    )  # fmt: skip
    _inspect(command("inspect", "verify an artifact and say what is in it", "ARTIFACTS …", "artifacts"))
    return root


class _Help(argparse.RawDescriptionHelpFormatter):
    """Long enough lines to hold an option and its words."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=min(shutil.get_terminal_size().columns, 120))


def _inspect(inspect: argparse.ArgumentParser) -> None:
    inspect.add_argument("artifacts", type=Path, metavar="ARTIFACTS", help="folder with CURRENT and its versions")
    inspect.add_argument("--version", metavar="NAME", help="look at this version (the current one)")
    inspect.add_argument("--json", action="store_true", help="print JSON: the manifest and every segment")


def _fit(fit: argparse.ArgumentParser) -> None:
    data = fit.add_argument_group("data")
    source = data.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--data", type=Path, metavar="FILE", help="ratings: .csv, .tsv, .inter (also .gz), .parquet, .jsonl"
    )
    source.add_argument(
        "--dataset",
        choices=sorted(DATASETS),
        metavar="NAME",
        help=f"a public data set, fetched when needed: {', '.join(sorted(DATASETS))}",
    )
    data.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", default=Path("data"), help="where fetched archives are kept (data)"
    )
    data.add_argument("--items", type=Path, metavar="FILE", help="titles and attributes of the items")
    data.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        metavar="NAME",
        help=f"column names of a well-known format: {', '.join(sorted(PRESETS))}",
    )
    for part in ("user", "item", "rating", "timestamp"):
        data.add_argument(f"--{part}-col", metavar="NAME", help=f"the {part} column (found by its usual names)")
    data.add_argument("--items-id-col", metavar="NAME", help="the item column of the items file")
    data.add_argument("--title-col", metavar="NAME", help="the title column of the items file")
    data.add_argument(
        "--attribute", action="append", default=[], metavar="NAME=TYPE",
        help=f"type of an items column, one of {', '.join(TYPES)} (found out); may be repeated",
    )  # fmt: skip
    data.add_argument(
        "--separator",
        type=character,
        metavar="CHARACTER",
        help="between the columns of the text files (by their ending)",
    )
    data.add_argument("--min-rating", type=float, metavar="X", help="least positive rating (4 of 1 to 5 stars)")
    data.add_argument(
        "--min-items-per-user", type=positive, metavar="N", default=5, help="users with fewer are dropped (5)"
    )
    data.add_argument(
        "--no-holdout", dest="holdout", action="store_false", help="train on all users and measure nothing"
    )
    data.add_argument("--compare", action="store_true", help="measure EASE too, lambda chosen on validation users")

    model = fit.add_argument_group("model")
    model.add_argument("--dims", type=positive, metavar="N", help="width of the latent space (grows with the items)")
    model.add_argument("--nonzeros", type=positive, metavar="N", default=16, help="weights an item keeps (16)")
    model.add_argument(
        "--schedule",
        choices=sorted(SCHEDULES),
        default="exponential",
        metavar="NAME",
        help=f"of pruning: {', '.join(sorted(SCHEDULES))} (exponential)",
    )
    model.add_argument(
        "--restart", action=argparse.BooleanOptionalAction, default=False,
        help="after each pruning start again from the initial weights (no)",
    )  # fmt: skip
    model.add_argument(
        "--loss", choices=("linear", "clip"), default="linear", help="the paper's formula, or clipped (linear)"
    )
    model.add_argument("--dense-epochs", type=natural, metavar="N", help="epochs before pruning starts (0)")
    model.add_argument("--prune-epochs", type=natural, metavar="N", help="epochs of the schedule (20)")
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
    model.add_argument("--device", choices=("cpu", "cuda"), help="where to compute (cuda where there is one)")
    model.add_argument(
        "--seed",
        type=natural,
        metavar="N",
        default=1,
        help="of the split, the initial weights and the order of users (1)",
    )
    model.add_argument(
        "--threads",
        type=positive,
        metavar="N",
        help="of torch (all cores it may use); the same number gives the same bytes",
    )

    segments = fit.add_argument_group("segments")
    defaults = SegmentOptions()
    segments.add_argument(
        "--embedder", choices=(KEYWORDS, SENTENCES), default=KEYWORDS,
        help=f"what groups are compared by when they merge ({KEYWORDS}); {SENTENCES} needs the extra 'segments'",
    )  # fmt: skip
    segments.add_argument("--embedder-model", metavar="NAME_OR_FOLDER", help=f"the sentence encoder ({DEFAULT_MODEL})")
    segments.add_argument(
        "--tau", type=float, metavar="X",
        help=f"cosine over which groups merge ({DEFAULT_TAU[KEYWORDS]}, with {SENTENCES} {DEFAULT_TAU[SENTENCES]})",
    )  # fmt: skip
    segments.add_argument(
        "--max-share",
        type=float,
        metavar="X",
        default=defaults.max_share,
        help=f"of the items in one segment ({defaults.max_share})",
    )
    segments.add_argument(
        "--min-segment-items", type=int, metavar="N", default=defaults.min_items,
        help=f"smaller segments join their closest one ({defaults.min_items})",
    )  # fmt: skip

    out = fit.add_argument_group("output")
    out.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the new version goes")
    out.add_argument("--name", metavar="NAME", help="first part of the version's name (the data's)")
    out.add_argument(
        "--once", action="store_true", help="do nothing where the current version has the same data and options"
    )
    out.add_argument("--resume", action="store_true", help="go on after the last epoch of an interrupted run")
    out.add_argument(
        "--no-checkpoints", dest="checkpoints", action="store_false",
        help="keep nothing of a run until it is done (saves disk space)",
    )  # fmt: skip
    out.add_argument("--log", type=Path, metavar="FILE", help="write a line of JSON an epoch")
    out.add_argument("--json", action="store_true", help="print the result as JSON")
    out.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")


def _recommend(recommend: argparse.ArgumentParser) -> None:
    recommend.add_argument("artifacts", type=Path, metavar="ARTIFACTS", help="folder with CURRENT and its versions")
    recommend.add_argument("--version", metavar="NAME", help="answer from this version (the current one)")
    recommend.add_argument(
        "--users", type=Path, required=True, metavar="FILE",
        help="histories: a row a user and item, or a row a user with a list `history`; .csv, .tsv, .parquet, .jsonl",
    )  # fmt: skip
    recommend.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="answers, best first: .parquet, .csv, .tsv, .jsonl"
    )
    recommend.add_argument("--what", choices=("items", "segments"), default="items", help="to rank (items)")
    recommend.add_argument("--n", type=positive, metavar="N", default=20, help="answers a user (20)")
    for part in ("user", "item", "rating", "weight"):
        recommend.add_argument(f"--{part}-col", metavar="NAME", help=f"the {part} column (found by its usual names)")
    recommend.add_argument(
        "--min-rating", type=float, metavar="X",
        help="what is rated below it is not of their taste, and still not answered (as the model was trained)",
    )  # fmt: skip
    recommend.add_argument(
        "--separator", type=character, metavar="CHARACTER", help="between the columns of the users file"
    )
    recommend.add_argument("--json", action="store_true", help="print the result as JSON")
    recommend.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")
