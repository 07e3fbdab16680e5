"""Artifacts side by side on the same users: a mean and an interval each, differences from the first, and what they say.

Each is asked as it is served, by the ids of a history, and answers from its own catalogue: what it does not have it
cannot find, and what it knows of a history is what it goes by.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from index.artifact import Artifact
from index.recommender import Recommender
from trainer.evaluate import DEPTH, quality
from trainer.experiment.compare import LEVEL, RESAMPLES, Interval, Resampled, resample
from trainer.experiment.results import PER_USER, Values
from trainer.panel import Panel
from trainer.summary import printable

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
FEW_USERS = 30  # fewer have intervals that are too narrow, and show nothing
_CHUNK_USERS = 256
_METRIC = "ndcg@100"


def values_of(recommender: Recommender, panel: Panel, asked: Callable[[int], object]) -> Values:
    """The metrics of a panel's users; `asked` is told how many more were asked."""
    vocabulary = recommender.model.vocabulary
    rows = vocabulary.rows(panel.item_ids)
    columns = np.full(len(vocabulary), -1, np.int32)  # -1: an item that nobody here has
    columns[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
    rankings = np.full((panel.n_users, DEPTH), -1, np.int32)
    for start in range(0, panel.n_users, _CHUNK_USERS):
        users = range(start, min(start + _CHUNK_USERS, panel.n_users))
        for user, ranked in zip(users, recommender.rank_items([*map(panel.history, users)], DEPTH), strict=True):
            rankings[user, : len(ranked.ranking.rows)] = columns[ranked.ranking.rows]
        asked(len(users))
    named = quality(rankings, panel.holdout.targets).named()
    persons = np.arange(panel.n_users, dtype=np.int32)
    return Values(persons, {metric: named[metric].astype(np.float32) for metric in PER_USER})


@dataclass(frozen=True)
class Comparison:
    """`values` are of `artifacts`, in their order, on the users of `panel`."""

    artifacts: Sequence[Artifact]
    values: Sequence[Values]
    panel: Panel
    common_items: bool = False

    @cached_property
    def _resampled(self) -> Resampled:
        return resample([([values], metric) for values in self.values for metric in PER_USER])

    def mean(self, place: int, metric: str) -> Interval:
        return self._resampled.mean(_column(place, metric))

    def difference(self, place: int, metric: str) -> Interval:
        """Of an artifact less the first one, on the same users."""
        return self._resampled.difference(_column(place, metric), _column(0, metric))

    def sentence(self, place: int) -> str:
        """Whether an artifact is better than the first, as far as these users can show."""
        name, n_users, found = LETTERS[place], self.panel.n_users, self.difference(place, _METRIC)
        span = f"{LEVEL} %: {found.low:+.4f} to {found.high:+.4f}"
        if n_users < FEW_USERS:
            return f"{n_users} users are too few to show a difference; {name} less A is {found.mean:+.4f} nDCG@100"
        if not found.excludes_zero:
            return (
                f"no difference that {n_users:,} users could show; {name} less A is {found.mean:+.4f} nDCG@100 ({span})"
            )
        word = "better" if found.mean > 0 else "worse"
        first = self.mean(0, _METRIC).mean
        share = f", {found.mean / first:+.1%}" if first > 0 else ""
        return f"{name} is {word} than A by {abs(found.mean):.4f} nDCG@100 ({span}){share}"

    @cached_property
    def missing(self) -> list[int]:
        """Hidden items that an artifact does not have, and so cannot find, counted once a user."""
        hidden = self.panel.holdout.targets.getnnz(axis=0)
        return [int(hidden[~self.panel.known_to(one)].sum()) for one in self.artifacts]

    def _catalogues(self) -> list[str]:
        """What is to be known of items that not all have."""
        if self.common_items:
            return [f"only the {len(self.panel.item_ids):,} items of these users that all artifacts have"]
        n_hidden = int(self.panel.holdout.targets.nnz)
        return [
            f"{LETTERS[place]} does not have {count:,} of the {n_hidden:,} hidden items: they count as not found, as "
            "they would be where it is served (--common-items leaves such items out for all)"
            for place, count in enumerate(self.missing)
            if count
        ]

    def text(self) -> str:
        width = len("B less A") + 2
        lines = [f"{LETTERS[place]}  {printable(one.folder)}" for place, one in enumerate(self.artifacts)]
        lines += ["", f"{self.panel.n_users:,} users: {printable(self.panel.described)}", *self._catalogues(), ""]
        lines += [" " * width + "".join(f"{metric:>30}" for metric in PER_USER)]
        places = range(len(self.artifacts))
        for place in places:
            found = [self.mean(place, metric) for metric in PER_USER]
            cells = [f"{one.mean:.4f} ({one.low:.4f} to {one.high:.4f})" for one in found]
            lines.append(f"{LETTERS[place]:{width}}" + "".join(f"{cell:>30}" for cell in cells))
        for place in places[1:]:
            found = [self.difference(place, metric) for metric in PER_USER]
            cells = [f"{one.mean:+.4f} ({one.low:+.4f} to {one.high:+.4f})" for one in found]
            lines.append(f"{f'{LETTERS[place]} less A':{width}}" + "".join(f"{cell:>30}" for cell in cells))
        return "\n".join([*lines, *([""] if len(places) > 1 else []), *map(self.sentence, places[1:])])

    def as_json(self) -> str:
        artifacts = [
            {
                "name": LETTERS[place],
                "version": one.version,
                "folder": str(one.folder),
                "hidden_items_it_does_not_have": self.missing[place],
                "metrics": {metric: _facts(self.mean(place, metric)) for metric in PER_USER},
            }
            for place, one in enumerate(self.artifacts)
        ]
        differences = [
            {
                "of": LETTERS[place],
                "less": "A",
                "metrics": {
                    metric: {**_facts(self.difference(place, metric)), "shown": self._shown(place, metric)}
                    for metric in PER_USER
                },
                "sentence": self.sentence(place),
            }
            for place in range(1, len(self.artifacts))
        ]
        users = {
            "number": self.panel.n_users,
            "who": self.panel.described,
            "hidden_items": int(self.panel.holdout.targets.nnz),
            "common_items": self.common_items,
        }
        facts = {"users": users, "artifacts": artifacts, "differences": differences}
        return json.dumps({**facts, "level": LEVEL / 100, "resamples": RESAMPLES}, indent=2, ensure_ascii=False)

    def _shown(self, place: int, metric: str) -> bool:
        """Whether these users show a difference."""
        return self.panel.n_users >= FEW_USERS and self.difference(place, metric).excludes_zero


def _column(place: int, metric: str) -> int:
    return place * len(PER_USER) + PER_USER.index(metric)


def _facts(found: Interval) -> dict[str, Any]:
    return {"mean": found.mean, "low": found.low, "high": found.high}
