"""Options of the commands that ask artifacts: recommend, segments, inspect, export, evaluate, add-items, rollback."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from trainer.datasets import DATASETS
from trainer.export.destination import KEY, KINDS, SEARCH
from trainer.option_groups import RATINGS, add_columns, add_telling, character, flag, positive
from trainer.ratings import OF_COLUMNS

DEPTH, MOST_DEPTH = 4, 100  # levels of a tree that are shown; deeper ones can neither be read nor nested in JSON


def _add_artifact(command: argparse.ArgumentParser) -> None:
    command.add_argument("artifacts", type=Path, metavar="ARTIFACTS", help="folder with CURRENT and its versions")
    command.add_argument("--version", metavar="NAME", help="ask this version (the current one)")


def depth(text: str) -> int:
    number = int(text)
    if not 1 <= number <= MOST_DEPTH:
        raise argparse.ArgumentTypeError(f"must lie between 1 and {MOST_DEPTH}")
    return number


def inspect_options(inspect: argparse.ArgumentParser) -> None:
    _add_artifact(inspect)
    inspect.add_argument("--json", action="store_true", help="print JSON: the manifest and every segment")


def segments_options(segments: argparse.ArgumentParser) -> None:
    _add_artifact(segments)
    what = segments.add_mutually_exclusive_group()
    what.add_argument("--tree", metavar="SEGMENT_ID", help="which groups this segment was made of, and in which order")
    what.add_argument(
        "--report", type=Path, metavar="FOLDER",
        help="write sizes, coverage, coherence, a map and profiles of sample users, with plots",
    )  # fmt: skip
    segments.add_argument(
        "--depth",
        type=depth,
        metavar="N",
        help=f"levels of the tree; what is deeper is folded, 1 to {MOST_DEPTH} ({DEPTH})",
    )
    segments.add_argument(
        "--users", type=Path, metavar="FILE",
        help="histories as `recommend` reads them; the report shows the first 4 (made-up ones)",
    )  # fmt: skip
    add_telling(segments)


def recommend_options(recommend: argparse.ArgumentParser) -> None:
    _add_artifact(recommend)
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
    recommend.add_argument("--threads", type=positive, metavar="N", help="that search (all cores it may use)")
    add_telling(recommend)


def export_options(export: argparse.ArgumentParser) -> None:
    _add_artifact(export)
    export.add_argument(
        "--to", nargs=2, required=True, metavar=("KIND", "PLACE"),
        help=f"{', '.join(KINDS)}; a folder, http://HOST:PORT of Qdrant or Milvus, or FILE.db for milvus-lite. "
        f"A server's key is in {KEY}",
    )  # fmt: skip
    export.add_argument(
        "--name", type=collection_name, default="sparseshelf", metavar="NAME",
        help="what names of collections and of indexes begin with (sparseshelf)",
    )  # fmt: skip
    export.add_argument(
        "--verify",
        metavar="URL",
        help=f"a server that has the files of {' or '.join(SEARCH)}, to be asked what it finds",
    )
    export.add_argument(
        "--histories", type=positive, metavar="N", default=200, help="made-up ones that it is asked about (200)"
    )
    add_telling(export)


def collection_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,99}", text):
        raise argparse.ArgumentTypeError("must begin with a letter, and have up to 100 letters, digits, - and _")
    return text


def rollback_options(rollback: argparse.ArgumentParser) -> None:
    rollback.add_argument(
        "artifacts", type=Path, metavar="ARTIFACTS", nargs="?", default=Path("artifacts"),
        help="folder with CURRENT and its versions (artifacts)",
    )  # fmt: skip
    what = rollback.add_mutually_exclusive_group()
    what.add_argument("--to", metavar="VERSION", help="make this version current (the one before the current one)")
    what.add_argument("--list", action="store_true", help="change nothing: list the versions, the newest first")
    add_telling(rollback)


def add_items_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "artifacts", type=Path, metavar="ARTIFACTS", help="folder with CURRENT and its versions, where the new one goes"
    )
    data = command.add_argument_group("what is known of the new items")
    data.add_argument(
        "--data", type=Path, metavar="FILE",
        help="all interactions of the users who have met them; others do no harm: " + RATINGS.partition(": ")[2],
    )  # fmt: skip
    add_columns(data)
    data.add_argument("--items", type=Path, metavar="FILE", help="their titles and attributes, a row each")
    data.add_argument("--items-id-col", metavar="NAME", help="the item column of the items file")
    data.add_argument("--title-col", metavar="NAME", help="the title column of the items file")
    add_telling(command)


def ignored_by_add_items(options: argparse.Namespace) -> Iterator[str]:
    """What is missing, or was given and would be ignored."""
    if not options.data and not options.items:
        yield "give --data, the interactions of who has met the new items, or --items, their attributes, or both"
    for needed, names in {"items": ("items_id_col", "title_col"), "data": (*OF_COLUMNS, "min_rating")}.items():
        told = [name for name in names if getattr(options, name) not in (None, [])]
        if told and not getattr(options, needed):
            yield f"{flag(told[0])} goes with --{needed}"


def evaluate_options(evaluate: argparse.ArgumentParser) -> None:
    evaluate.add_argument(
        "artifacts", type=Path, metavar="ARTIFACT", nargs="+",
        help="a folder, of which the current version is asked, or FOLDER/VERSION; others are compared with the first",
    )  # fmt: skip
    data = evaluate.add_argument_group(
        "users", "either held out of every artifact, by what they were fitted on, or others"
    )
    source = data.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="FILE", help=f"what they were fitted on: {RATINGS}")
    source.add_argument(
        "--dataset", choices=sorted(DATASETS), metavar="NAME", help="the public data set they were fitted on"
    )
    source.add_argument(
        "--users", type=Path, metavar="FILE",
        help="users that none learned from: histories as `recommend` reads them; a fifth of each is hidden",
    )  # fmt: skip
    data.add_argument(
        "--data-dir", type=Path, metavar="FOLDER", default=Path("data"), help="where fetched archives are kept (data)"
    )
    add_columns(data)
    data.add_argument(
        "--min-items-per-user", type=positive, metavar="N", help="users of --users with fewer are left out (5)"
    )
    evaluate.add_argument(
        "--common-items", action="store_true",
        help="only items that all artifacts have, in histories, hidden items and answers",
    )  # fmt: skip
    add_telling(evaluate)


def ignored_by_evaluate(options: argparse.Namespace) -> Iterator[str]:
    """What was given and would be ignored."""
    told = [name for name in (*OF_COLUMNS, "separator") if getattr(options, name)]
    if options.dataset and told:
        yield f"{flag(told[0])} goes with --data or --users; --dataset {options.dataset} knows its columns"
    if options.users and options.timestamp_col:
        yield "--timestamp-col goes with --data; nothing is asked of the times of --users"
    for name in ("min_rating", "min_items_per_user"):
        if not options.users and getattr(options, name) is not None:
            yield f"{flag(name)} goes with --users; --data and --dataset are read as each artifact's fit read them"
