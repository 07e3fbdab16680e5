"""What is left of the exact answers where signed codes go to engines that take no negative weight. docs/export.md.

python -m benchmarks.bench_export ml-1m goodbooks-sample synthetic-100k [--histories 200] [--without-engines]

Matrices and histories are those of benchmarks.bench_search, packed as an artifact stores them. Each line is a recipe:
the mean share of the exact top 20 and top 100 that it comes to. Recipes without a time are computed here, as they are
written down; `nine bits` is what Lucene's FeatureField keeps of a weight (OpenSearch, Elasticsearch), with at most
1,024 clauses. Qdrant and Milvus are run: in process (qdrant-edge-py), and as milvus-lite, to which a question goes over
gRPC. `rescored`: 100 candidates (and as many as the history has items) are found in this way, and put in order by
their own codes.
"""

import argparse
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import numpy as np
import scipy.sparse as sp

from benchmarks import search_matrices
from index.catalog import Catalog
from index.kernels import Floats, Rows
from index.model import Model
from index.packed import PackedEmbedding
from index.points import Kind, Points, items_of
from index.search import Mask, search_of
from index.segments import Segments
from index.vocabulary import Strings, Vocabulary
from trainer.export.engine import Engine, Told
from trainer.export.fidelity import DEPTHS, Fidelity, Question, found, of_items
from trainer.export.milvus import Milvus
from trainer.export.qdrant_folder import QdrantFolder
from trainer.export.signs import Entries, PositiveCodes

LENGTHS = (1, 5, 20, 50)
_CLAUSES = 1024
Csr: TypeAlias = "sp.csr_matrix[np.float64]"


class Recipes:
    """All recipes, computed with scipy from one matrix."""

    def __init__(self, points: Points) -> None:
        self._points, self._codes = points, PositiveCodes.of(points)
        shape = (len(points), points.n_dims)
        self._signed: Csr = sp.csr_matrix(
            (points.weights.astype(np.float64), points.dims.astype(np.int64), points.starts), shape=shape
        )
        self._split = _stacked([self._codes.code(row) for row in range(len(points))], self._codes.n_dims)
        self._nine = self._split.copy()
        bits = self._nine.data.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF8000)
        self._nine.data = bits.view(np.float32).astype(np.float64)
        positive: Csr = sp.csr_matrix(self._signed.maximum(0))
        absolute: Csr = sp.csr_matrix(abs(self._signed))
        codes = self._codes
        self._ways: dict[str, Callable[[Floats], Floats]] = {
            "negatives of items set to 0": lambda z: _product(positive, z),
            "negatives of items and profile set to 0": lambda z: _product(positive, np.maximum(z, 0)),
            "absolute values": lambda z: _product(absolute, np.abs(z)),
            "sign-split": lambda z: _product(self._split, self._dense(codes.candidates(z))),
            "sign-split, rescored": lambda z: _product(self._split, self._dense(codes.candidates(z))),
            "sign-split, nine bits, rescored": lambda z: _product(
                self._nine, self._dense(codes.candidates(z, longest=_CLAUSES))
            ),
            "shifted, nine bits, rescored": lambda z: _product(self._nine, self._dense(codes.whole(z))),
            "shifted": lambda z: _product(self._split, self._dense(codes.whole(z))),
        }

    @property
    def ways(self) -> tuple[str, ...]:
        return tuple(self._ways)

    def _dense(self, entries: Entries) -> Floats:
        question = np.zeros(self._codes.n_dims)
        question[entries.dims] = entries.weights
        return question

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        scores = self._ways[way](profile)
        rows = np.argsort(-scores, kind="stable")[:n].astype(np.int32)
        return self._points.best_among(rows, profile, n) if way.endswith("rescored") else rows

    def write(self, points: Points, told: Told) -> str:
        return "computed"

    def made_current(self) -> None: ...

    def close(self) -> None: ...


class Ours:
    """The index itself, whose answers the others are held against: here for its time."""

    ways = ("sparseshelf",)

    def __init__(self, model: Model) -> None:
        self._search, self._nothing = search_of(model.embedding), Mask.hiding(np.empty(0, np.int32))
        self._search.warm_up()

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        return self._search.best(profile, n, self._nothing).rows

    def write(self, points: Points, told: Told) -> str:
        return "in memory"

    def made_current(self) -> None: ...

    def close(self) -> None: ...


def _product(matrix: Csr, vector: Floats) -> Floats:
    return np.asarray(matrix.dot(vector))


def _stacked(codes: Sequence[Entries], n_dims: int) -> Csr:
    starts = np.concatenate([[0], np.cumsum([len(code.dims) for code in codes])])
    dims, weights = np.concatenate([code.dims for code in codes]), np.concatenate([code.weights for code in codes])
    return sp.csr_matrix((weights, dims, starts), shape=(len(codes), n_dims))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="+", choices=search_matrices.NAMES, metavar="NAME")
    parser.add_argument("--histories", type=int, default=200)
    parser.add_argument("--without-engines", action="store_true", help="what is computed here, and nothing more")
    options = parser.parse_args()
    print("| | recipe | top-20 | top-100 | ms | beside ours |\n|---|---|---:|---:|---:|---:|", flush=True)
    for name in options.names:
        _measure(name, options.histories, engines=not options.without_engines)


def _measure(name: str, n_histories: int, *, engines: bool) -> None:
    matrix = search_matrices.load(name)
    model = _model(PackedEmbedding.pack(matrix.codes))
    histories = [rows for length in LENGTHS for rows in matrix.histories(n_histories // len(LENGTHS), length)]
    points, questions = items_of(model), of_items(model.embedding, histories)
    recipes = Recipes(points)
    for way in recipes.ways:
        _line(name, found(recipes, "items", way, questions))
    if not engines:
        return
    ours = found(Ours(model), "items", "sparseshelf", questions)
    scratch = Path(tempfile.mkdtemp())
    try:
        for title, engine in (
            ("Qdrant, as it is", QdrantFolder(scratch, name)),
            ("Milvus", Milvus.opened(str(scratch / "shelf.db"), "", name="bench", version=name)),
        ):
            _engine(name, title, engine, points, questions, ours)
    finally:
        shutil.rmtree(scratch)
    _line(name, ours, ours)


def _engine(
    name: str, title: str, engine: Engine, points: Points, questions: Sequence[Question], ours: Fidelity
) -> None:
    engine.write(points, lambda _: None)
    for way in engine.ways:
        one = found(engine, "items", way, questions)
        _line(name, one._replace(way=title if len(engine.ways) == 1 else f"{title}, {way}"), ours)
    engine.close()


def _line(name: str, one: Fidelity, ours: Fidelity | None = None) -> None:
    shares = " | ".join(f"{one.overlap[n]:.4f}" for n in DEPTHS)
    time = " | " if ours is None else f"{one.milliseconds:.2f} | {one.milliseconds / ours.milliseconds:.1f} x"
    print(f"| {name} | {one.way} | {shares} | {time} |", flush=True)


def _model(embedding: PackedEmbedding) -> Model:
    n_items = embedding.n_items
    no_rows = np.empty(0, np.int64)
    return Model(
        embedding,
        np.zeros(n_items, np.float32),
        Vocabulary.of(map(str, range(n_items))),
        Catalog(Strings.pack([""] * n_items)),
        Segments(
            np.zeros(1, np.int64),
            no_rows.astype(np.uint16),
            no_rows.astype(np.int8),
            np.full(n_items, -1, np.int32),
            [],
            [],
            embedding.n_dims,
        ),
    )


if __name__ == "__main__":
    main()
