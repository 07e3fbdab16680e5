"""recommend: answer a file of users with a file."""

import argparse
import json
import logging
from collections.abc import Iterable, Iterator
from itertools import islice

import polars as pl
from tqdm import tqdm

from index import artifact
from index.answers import RankedItem, RankedSegment
from index.artifact import Artifact
from index.recommender import Recommender
from index.taste import History
from trainer.histories import Histories, read_histories
from trainer.interactions import Columns
from trainer.tables import check_out, write_table

logger = logging.getLogger(__name__)

_CHUNK_USERS = 1000
_ITEM = {"rank": pl.Int32, "item_id": pl.String, "title": pl.String, "score": pl.Float64, "source": pl.String}
_SEGMENT = {"rank": pl.Int32, "segment_id": pl.String, "label": pl.String, "score": pl.Float64, "source": pl.String}


def run(options: argparse.Namespace) -> None:
    check_out(options.out)
    opened = artifact.open_version(options.artifacts, options.version or artifact.current_version(options.artifacts))
    histories = _read(options, opened)
    recommender = Recommender(opened.model, opened.version)
    n = min(options.n, len(opened.model.vocabulary) if options.what == "items" else len(opened.model.segments))
    counts = {"users": len(histories), "answers": 0, "users_by_popularity": 0, "unknown_items": 0}
    frames = []
    with tqdm(total=len(histories), unit="user", disable=options.quiet or None, dynamic_ncols=True) as bar:
        for chunk in _chunks(histories):
            frames.append(_answered(recommender, chunk, options.what, n, counts))
            bar.update(len(chunk))
    answers = pl.concat(frames)
    write_table(answers, options.out)
    counts["answers"] = answers.height
    if options.json:
        print(json.dumps({"model_version": opened.version, "out": str(options.out), **counts}, indent=2))
    else:
        print(
            f"wrote {counts['answers']:,} answers for {counts['users']:,} users to {options.out}\n"
            f"{counts['users_by_popularity']:,} users were answered by popularity, for want of a known item they like; "
            f"{counts['unknown_items']:,} items of their histories are not in {opened.version}"
        )


def _read(options: argparse.Namespace, opened: Artifact) -> Histories:
    min_rating = options.min_rating
    if min_rating is None:  # as the model was trained
        trained = opened.manifest.options.get("min_rating")
        min_rating = float(trained) if isinstance(trained, int | float) else None
    histories = read_histories(
        options.users,
        Columns(options.user_col, options.item_col, options.rating_col),
        weight=options.weight_col,
        separator=options.separator,
        min_rating=min_rating,
    )
    for line in histories.story:
        logger.info("%s", line)
    return histories


def _chunks(histories: Histories) -> Iterator[list[tuple[str, History]]]:
    users = iter(histories)
    while chunk := list(islice(users, _CHUNK_USERS)):
        yield chunk


def _answered(
    recommender: Recommender, users: Iterable[tuple[str, History]], what: str, n: int, counts: dict[str, int]
) -> pl.DataFrame:
    """A row an answer: user_id and the fields of _ITEM or _SEGMENT."""
    fields = _ITEM if what == "items" else _SEGMENT
    columns: dict[str, list[object]] = {name: [] for name in ("user_id", *fields)}
    for user_id, history in users:
        ranked: list[RankedItem] | list[RankedSegment]
        if what == "items":
            found = recommender.recommend(history, n)
            ranked, unknown = found.items, found.unknown_items
        else:
            segments = recommender.segments(history, n)
            ranked, unknown = segments.segments, segments.unknown_items
        counts["unknown_items"] += len(unknown)
        counts["users_by_popularity"] += bool(ranked) and ranked[0].source == "popularity"
        for answer in ranked:
            columns["user_id"].append(user_id)
            for name in fields:
                columns[name].append(getattr(answer, name))
    return pl.DataFrame(columns, schema={"user_id": pl.String, **fields})
