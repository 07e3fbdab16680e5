"""Somebody whose profile and best segments are shown, as in Figure 2 of the paper."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from index.kernels import Floats
from index.model import Model
from index.recommender import Recommender
from index.taste import History, taste_of
from trainer.segment_report.listing import best_known

_USERS, _ITEMS, _SEGMENTS = 4, 10, 5


@dataclass(frozen=True)
class SampleUser:
    name: str
    titles: list[str]  # of what is known of the history, its first items
    n_known: int
    profile: Floats  # (n_dims,) of length 1; 0 where nothing is known
    segments: list[tuple[int, float]]  # the best by B and their scores, best first
    source: str  # what they are best by, "profile" or "popularity"


def sample_users(model: Model, version: str, histories: Iterable[tuple[str, History]]) -> list[SampleUser]:
    """The first users, answered as `recommend --what segments` answers them."""
    users = list(islice(histories, _USERS))
    answers = Recommender(model, version).rank_segments([history for _, history in users], _SEGMENTS)
    found = []
    for (name, history), answer in zip(users, answers, strict=True):
        taste = taste_of(model, history, {})
        length = float(np.linalg.norm(taste.profile)) or 1.0
        liked = taste.rows[taste.weights > 0]
        found.append(
            SampleUser(
                name,
                [
                    model.catalog.title(row) or model.vocabulary.item_id(row)
                    for row in best_known(model, liked)[:_ITEMS]
                ],
                len(taste.rows),
                taste.profile / length,
                list(zip(answer.ranking.rows.tolist(), (answer.ranking.scores / length).tolist(), strict=True)),
                taste.source,
            )
        )
    return found


def made_up(model: Model) -> list[tuple[str, Sequence[str]]]:
    """Whoever has the best-known items of one segment, for each of the segments that most attention goes to."""
    segments = model.segments
    attention = [float(model.popularity[segments.members(row)].sum()) for row in range(len(segments))]
    chosen = np.lexsort((np.arange(len(segments)), -np.array(attention)))[:_USERS]
    return [
        (
            f"whoever has the best-known items of {segments.labels[int(row)]}",
            [model.vocabulary.item_id(item) for item in best_known(model, segments.members(int(row)))[:_ITEMS]],
        )
        for row in chosen
    ]
