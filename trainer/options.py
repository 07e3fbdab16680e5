"""The command line of the trainer: words to options."""

import argparse
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from trainer.artifact_options import (
    add_items_options,
    evaluate_options,
    export_options,
    ignored_by_add_items,
    ignored_by_evaluate,
    inspect_options,
    recommend_options,
    rollback_options,
    segments_options,
)
from trainer.datasets import DATASETS
from trainer.model_options import add_model
from trainer.option_groups import (
    OF_ITEMS,
    RATINGS,
    add_codes,
    add_columns,
    add_items,
    add_out,
    add_segments,
    add_telling,
    flag,
    positive,
)
from trainer.plan_options import plan_options, problem
from trainer.ratings import OF_COLUMNS
from trainer.samples import n_samples
from trainer.segmentation.embed import SENTENCES
from trainer.segmentation.naming import LLM

_OF_FILES = ("items", *OF_ITEMS, *OF_COLUMNS, "separator")
EXIT_CODES = (
    "exit codes: 0 done, 2 usage, 3 bad configuration, 4 bad data, 5 bad artifact, 6 training or export failed, "
    "130 interrupted"
)


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options; exits with 2 where they are unknown or would be ignored."""
    root = parser()
    options = root.parse_args(arguments)
    if problem := next(_ignored(options), None):
        root.error(problem)
    return options


def _ignored(options: argparse.Namespace) -> Iterator[str]:
    """What was given and would be ignored."""
    of_command = {
        "import": _ignored_by_import,
        "evaluate": ignored_by_evaluate,
        "add-items": ignored_by_add_items,
        "fit": _ignored_by_fit,
    }
    if options.command == "plan" and (wrong := problem(options)):
        yield wrong
    if options.command in of_command:
        yield from of_command[options.command](options)
    for name, needed in {"depth": "tree", "users": "report"}.items() if options.command == "segments" else ():
        if getattr(options, name) is not None and getattr(options, needed) is None:
            yield f"{flag(name)} goes with {flag(needed)}"
    if getattr(options, "embedder_model", None) and options.embedder != SENTENCES:
        yield f"--embedder-model goes with --embedder {SENTENCES}"
    for name in ("llm_cache", "llm_budget"):
        if getattr(options, name, None) is not None and options.labels != LLM:
            yield f"{flag(name)} goes with --labels {LLM}"


def _ignored_by_fit(options: argparse.Namespace) -> Iterator[str]:
    told = [name for name in _OF_FILES if getattr(options, name)]
    if options.dataset and told:
        yield f"{flag(told[0])} goes with --data; --dataset {options.dataset} knows its columns"
    if options.warm_epochs is not None and not options.warm_start:
        yield "--warm-epochs goes with --warm-start"
    if options.compare and not options.holdout:
        yield "--compare measures on held-out users; leave --no-holdout out"
    if options.samples and not options.holdout:
        yield "--samples stores held-out users; leave --no-holdout out, or say --samples 0"


def _ignored_by_import(options: argparse.Namespace) -> Iterator[str]:
    for needed, names in {"items": OF_ITEMS, "data": (*OF_COLUMNS, "min_rating")}.items():
        for name in names:
            if not getattr(options, needed) and getattr(options, name) not in (None, []):
                yield f"{flag(name)} goes with --{needed}"
    if options.separator and not (options.items or options.data or options.labels_file):
        yield "--separator goes with --items, --data or --labels-file"


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
    _import(
        command(
            "import", "make a version of an item matrix from elsewhere", "--matrix FILE --item-ids FILE --out FOLDER …",
            "--matrix weights.npz --item-ids ids.txt --items items.csv --out artifacts",
        )
    )  # fmt: skip
    add_items_options(
        command(
            "add-items", "make a version with new items, in seconds and without training",
            "ARTIFACTS [--data FILE] [--items FILE] …", "artifacts --data ratings.csv --items new-items.csv",
        )
    )  # fmt: skip
    recommend_options(
        command(
            "recommend", "answer a file of users with a file", "ARTIFACTS --users FILE --out FILE …",
            "artifacts --users histories.csv --out answers.parquet",
        )
    )  # fmt: skip
    _report(
        command(
            "report", "compare all systems at all sizes: the paper's table and plots", "--config FILE --out FOLDER …",
            "--config paper.toml --out report",
        )
    )  # fmt: skip
    segments_options(
        command(
            "segments", "look at segments: a list, how one came to be, or a report with plots",
            "ARTIFACTS [--tree SEGMENT_ID | --report FOLDER] …", "artifacts --report segments",
        )
    )  # fmt: skip
    inspect_options(command("inspect", "verify an artifact and say what is in it", "ARTIFACTS …", "artifacts"))
    export_options(
        command(
            "export", "write a version to another engine or to files, and say how far its answers come to ours",
            "ARTIFACTS --to KIND PLACE …", "artifacts --to qdrant http://localhost:6333",
        )
    )  # fmt: skip
    evaluate_options(
        command(
            "evaluate", "compare artifacts on users that none learned from",
            "ARTIFACT [ARTIFACT …] (--data FILE | --dataset NAME | --users FILE) …",
            "artifacts/ratings-0a1b2c3d4e5f artifacts --data ratings.csv",
        )
    )  # fmt: skip
    plan_options(
        command(
            "plan", "say beforehand what training and serving will take and cost",
            "--items N --users N --interactions N …", "--items 10e6 --users 100e6 --interactions 5e9 --nonzeros 32",
        )
    )  # fmt: skip
    rollback_options(
        command(
            "rollback", "go back to the version that was current before", "[ARTIFACTS] [--to VERSION | --list] …",
            "artifacts",
        )
    )  # fmt: skip
    return root


class _Help(argparse.RawDescriptionHelpFormatter):
    """Long enough lines to hold an option and its words."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=min(shutil.get_terminal_size().columns, 120))


def _report(report: argparse.ArgumentParser) -> None:
    report.add_argument(
        "--config", type=Path, required=True, metavar="FILE", help="data sets, systems, budgets and seeds, in TOML"
    )
    report.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER",
        help="where measurements, table and plots go; what lies there already is not measured again",
    )  # fmt: skip
    report.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", default=Path("data"), help="where fetched archives are kept (data)"
    )
    report.add_argument("--jobs", type=positive, metavar="N", help="fits at a time (one a core; one on a CUDA device)")
    report.add_argument("--threads", type=positive, metavar="N", help="of each job (the cores divided by the jobs)")
    report.add_argument("--precision", choices=("float32", "bfloat16"), help="of the products (timed: the faster one)")
    report.add_argument("--device", choices=("cpu", "cuda"), help="where to compute (cuda where there is one)")
    report.add_argument(
        "--pair", nargs=2, action="append", default=[], metavar="SYSTEM",
        help="a further difference with its interval, first minus second: compressed-elsa@128 ease; may be repeated",
    )  # fmt: skip
    report.add_argument("--render", action="store_true", help="measure nothing: write what is there")
    report.add_argument("--json", action="store_true", help="print report.json instead of the table")
    report.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")


def _fit(fit: argparse.ArgumentParser) -> None:
    data = fit.add_argument_group("data")
    source = data.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FILE", help=RATINGS)
    source.add_argument(
        "--dataset",
        choices=sorted(DATASETS),
        metavar="NAME",
        help=f"a public data set, fetched when needed: {', '.join(sorted(DATASETS))}",
    )
    data.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", default=Path("data"), help="where fetched archives are kept (data)"
    )
    add_items(data)
    add_columns(data)
    data.add_argument(
        "--min-items-per-user", type=positive, metavar="N", default=5, help="users with fewer are dropped (5)"
    )
    data.add_argument(
        "--no-holdout", dest="holdout", action="store_false", help="train on all users and measure nothing"
    )
    data.add_argument("--compare", action="store_true", help="measure EASE too, lambda chosen on validation users")
    data.add_argument(
        "--samples", type=n_samples, metavar="N", default=0,
        help="store the histories of so many test users in the version, for whoever looks at it (0: of nobody)",
    )  # fmt: skip

    add_model(fit)
    add_segments(fit)
    out = add_out(fit)
    out.add_argument(
        "--once", action="store_true", help="do nothing where the current version has the same data and options"
    )
    out.add_argument("--resume", action="store_true", help="go on after the last epoch of an interrupted run")
    out.add_argument(
        "--no-checkpoints", dest="checkpoints", action="store_false",
        help="keep nothing of a run until it is done (saves disk space)",
    )  # fmt: skip
    out.add_argument("--log", type=Path, metavar="FILE", help="write a line of JSON an epoch")
    add_telling(out)


def _import(import_: argparse.ArgumentParser) -> None:
    matrix = import_.add_argument_group("matrix")
    matrix.add_argument(
        "--matrix", type=Path, required=True, metavar="FILE",
        help="a row an item and a column a dim: .npz as scipy.sparse.save_npz writes it",
    )  # fmt: skip
    matrix.add_argument(
        "--item-ids", type=Path, required=True, metavar="FILE",
        help="the items of its rows, in their order: text, a line each, or .npy of text or whole numbers",
    )  # fmt: skip
    add_codes(matrix)
    data = import_.add_argument_group("data")
    add_items(data)
    data.add_argument("--data", type=Path, metavar="FILE", help=f"{RATINGS}; only to know what is popular")
    add_columns(data)
    add_segments(import_)
    add_out(import_)
    add_telling(import_)
