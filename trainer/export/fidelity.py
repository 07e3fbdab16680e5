"""How much of our exact answers an engine comes to."""

import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from index.kernels import Floats, Rows
from index.model import Embedding, Model
from index.points import Kind
from index.search import Mask, search_of
from trainer.export.engine import Engine

DEPTHS = (20, 100)
_LEVEL = 1e-5  # scores closer than this may change places
_LONGEST = 50  # items of a history that is made up
_NO_ROWS = np.empty(0, np.int32)


class Fidelity(NamedTuple):
    """Of one way to ask an engine: the share of our best that came back, by how many were asked for."""

    kind: Kind
    way: str
    overlap: dict[int, float]
    milliseconds: float
    """Of a question, the median."""

    @property
    def complete(self) -> bool:
        return all(share == 1.0 for share in self.overlap.values())


class Question(NamedTuple):
    """A profile, what must not come back, and the scores of all points."""

    profile: Floats
    never: Rows
    scores: Floats


def made_up(model: Model, n: int) -> list[Rows]:
    """`n` histories of 1 to 50 items with a code, popular ones more often; the same ones for the same model."""
    rng = np.random.default_rng(0)
    coded = np.flatnonzero(model.embedding.coded).astype(np.int32)
    if not len(coded):
        return []
    bounds = np.cumsum(model.popularity[coded].astype(np.float64) + 1e-9)
    lengths = np.exp(rng.uniform(0, np.log(_LONGEST), n)).round().astype(int)
    return [np.unique(coded[np.searchsorted(bounds, rng.random(length) * bounds[-1])]) for length in lengths]


def measured(engine: Engine, model: Model, n_histories: int) -> list[Fidelity]:
    """Of items and of segments, in each way that the engine can be asked. Raises ExportError."""
    histories = made_up(model, n_histories)
    asked: dict[Kind, list[Question]] = {"items": of_items(model.embedding, histories)}
    if len(model.segments):
        profiles = [question.profile for question in asked["items"]]
        asked["segments"] = [Question(profile, _NO_ROWS, model.segments.scores(profile)) for profile in profiles]
    return [
        found(engine, kind, way, questions) for kind, questions in asked.items() for way in engine.ways if questions
    ]


def of_items(embedding: Embedding, histories: Sequence[Rows]) -> list[Question]:
    """What each history, of rows that ascend, asks for: other items."""
    search = search_of(embedding)
    profiles = [embedding.profile(rows, np.ones(len(rows))) for rows in histories]
    return [Question(profile, rows, search.scores(profile)) for rows, profile in zip(histories, profiles, strict=True)]


def found(engine: Engine, kind: Kind, way: str, questions: Sequence[Question]) -> Fidelity:
    """What the engine comes to. Raises ExportError."""
    shares: dict[int, list[float]] = {n: [] for n in DEPTHS}
    seconds = []
    for question in questions:
        began = time.perf_counter()
        rows = engine.best(kind, question.profile, max(DEPTHS) + len(question.never), way)
        seconds.append(time.perf_counter() - began)
        rows = rows[~np.isin(rows, question.never)]
        for n in DEPTHS:
            shares[n].append(overlap(question, rows[:n], n))
    means = {n: float(np.mean(values)) for n, values in shares.items()}
    return Fidelity(kind, way, means, float(np.median(seconds)) * 1000)


def overlap(question: Question, rows: Rows, n: int) -> float:
    """The share of the `n` best that were found, of those with a score above 0; what ties with the last is one of them.

    (Who shares no dim with a profile scores 0, and engines know nothing of it.)
    """
    allowed = Mask.hiding(question.never).apply(question.scores)
    best = np.sort(allowed)[::-1][:n]
    best = best[best > _LEVEL]
    if not len(best):
        return 1.0
    return min(int((allowed[np.unique(rows)] >= best[-1] - _LEVEL).sum()) / len(best), 1.0)
