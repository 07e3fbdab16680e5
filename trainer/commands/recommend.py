"""recommend: answer a file of users with a file."""

import argparse
import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import polars as pl
from tqdm import tqdm

from index import artifact
from index.artifact import Artifact
from index.recommender import RankedRows, Recommender
from index.taste import History
from trainer import host
from trainer.histories import Histories, read_histories, trained_min_rating
from trainer.interactions import Columns
from trainer.tables import check_out, write_table

logger = logging.getLogger(__name__)

_CHUNK_USERS = 1000
_PIECES = 4  # of a chunk, a thread: none waits long for the others


def run(options: argparse.Namespace) -> None:
    check_out(options.out)
    opened = artifact.open_version(options.artifacts, options.version or artifact.current_version(options.artifacts))
    histories = _read(options, opened)
    recommender = Recommender(opened.model, opened.version)
    n = min(options.n, len(opened.model.vocabulary) if options.what == "items" else len(opened.model.segments))
    asking = Answers(recommender, options.what, n, options.threads or host.cores())
    frames = []
    with tqdm(total=len(histories), unit="user", disable=options.quiet or None, dynamic_ncols=True) as bar:
        for chunk in _chunks(histories):
            frames.append(asking.of(chunk))
            bar.update(len(chunk))
    answers = pl.concat(frames)
    write_table(answers, options.out)
    counts = {
        "users": len(histories),
        "answers": answers.height,
        "users_by_popularity": asking.users_by_popularity,
        "unknown_items": asking.unknown_items,
    }
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
        min_rating = trained_min_rating(opened.manifest.options)
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


class Answers:
    """Asks in threads, which the search lets run side by side, and decodes what each name stands for once."""

    def __init__(self, recommender: Recommender, what: str, n: int, threads: int) -> None:
        self.n, self.n_threads, self.threads = n, threads, ThreadPoolExecutor(threads)
        model = recommender.model
        if what == "items":
            self.ask, self.kind = recommender.rank_items, "item_id"
            self.names = (model.vocabulary.item_id, "title", model.catalog.title)
        else:
            self.ask, self.kind = recommender.rank_segments, "segment_id"
            self.names = (lambda row: model.segments.ids[row], "label", lambda row: model.segments.labels[row])
        self.users_by_popularity = self.unknown_items = 0

    def of(self, users: list[tuple[str, History]]) -> pl.DataFrame:
        """A row an answer: user_id, rank, the id, its title or label, score and source."""
        size = -(-len(users) // (self.n_threads * _PIECES))
        pieces = [users[start : start + size] for start in range(0, len(users), size)]
        found = [answer for piece in self.threads.map(self._of_piece, pieces) for answer in piece]
        self.unknown_items += sum(len(answer.unknown_items) for answer in found)
        self.users_by_popularity += sum(answer.sources[:1] == ["popularity"] for answer in found)
        lengths = [len(answer.sources) for answer in found]
        rows, places = np.unique(np.concatenate([answer.ranking.rows for answer in found]), return_inverse=True)
        name, other, title = self.names
        ids, titles = (pl.Series([one(row) for row in rows.tolist()], dtype=pl.String)[places] for one in (name, title))
        return pl.DataFrame(
            {
                "user_id": pl.Series([user_id for user_id, _ in users], dtype=pl.String)[
                    np.repeat(np.arange(len(users)), lengths)
                ],
                "rank": np.concatenate([np.arange(1, length + 1, dtype=np.int32) for length in lengths]),
                self.kind: ids,
                other: titles,
                "score": np.concatenate([answer.ranking.scores for answer in found]),
                "source": [source for answer in found for source in answer.sources],
            },
            schema_overrides={"source": pl.String},
        )

    def _of_piece(self, users: list[tuple[str, History]]) -> list[RankedRows]:
        return self.ask([history for _, history in users], self.n)
