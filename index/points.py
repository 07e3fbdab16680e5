"""A model as points, as engines for sparse vectors hold one: a number, a code, what is known of it.

What `trainer/export` writes and what `service/engines` asks, so that they need not know each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from index.catalog import Kind as AttributeKind
from index.kernels import Dims, Floats, Rows
from index.model import Model
from index.segments import NO_SEGMENT

Kind = Literal["items", "segments"]
CODE = "code"
"""The name of the vector, or of the field, that a code is in."""
FEW = 200
"""Points that are left by a filter up to which it is faster to score each than to read the lists of the dims."""
ATTRIBUTES = "attributes"
"""The field under which an item's attributes lie."""


def field_of(attribute: str) -> str | None:
    """Where an attribute lies, as a path: names with signs in them are quoted. None where no path leads to a name."""
    if '"' in attribute or "\\" in attribute:
        return None
    plain = attribute.isascii() and attribute.replace("_", "").replace("-", "").isalnum()
    return f"{ATTRIBUTES}.{attribute}" if plain else f'{ATTRIBUTES}."{attribute}"'


def collection(name: str, version: str, kind: Kind) -> str:
    """Of one version: two versions lie beside each other, and whoever asks for one gets no other's answers."""
    return f"{name}-{version}-{kind}"


@dataclass(frozen=True)
class Points:
    """Point `row` has the dims and weights of entries `starts[row]:starts[row + 1]`, both signs, dims ascending.

    A row without entries is an item that was never trained: engines keep what is known of it and never find it.
    """

    kind: Kind
    n_dims: int
    starts: NDArray[np.int64]  # (n_points + 1,)
    dims: Dims
    weights: NDArray[np.float32]
    known: Callable[[int], dict[str, object]]
    """What is known of a row: texts, numbers, lists of texts; what is unknown is missing."""
    attributes: Mapping[str, AttributeKind] = field(default_factory=dict)
    """What can be under `attributes`, and of which type."""

    def __len__(self) -> int:
        return len(self.starts) - 1

    def code(self, row: int) -> tuple[list[int], list[float]]:
        """The dims and weights of one row."""
        entries = slice(self.starts[row], self.starts[row + 1])
        return self.dims[entries].tolist(), self.weights[entries].tolist()

    @property
    def coded(self) -> NDArray[np.bool_]:
        """(n_points,) which have entries."""
        return np.diff(self.starts) > 0

    def scores(self, profile: Floats) -> Floats:
        """Z Aᵀ or z Bᵀ as (n_points,), in float64 and in the plainest way there is."""
        products = np.concatenate([[0.0], np.cumsum(self.weights * profile[self.dims], dtype=np.float64)])
        return np.asarray(products[self.starts[1:]] - products[self.starts[:-1]])

    def best_among(self, rows: Rows, profile: Floats, n: int) -> Rows:
        """The `n` best of some rows by their own codes, ties by row: for candidates that an engine found."""
        ordered = np.unique(rows)
        scores = [float(profile[dims] @ weights) for dims, weights in map(self.code, ordered.tolist())]
        return np.asarray(ordered[np.argsort(-np.array(scores), kind="stable")[:n]], np.int32)


def items_of(model: Model) -> Points:
    """Items, with id, title, popularity, segment and attributes."""
    n_items = model.embedding.n_items
    dims, weights = model.embedding.codes_of(np.arange(n_items, dtype=np.int32))
    alive = weights != 0
    starts = np.concatenate([[0], np.cumsum(alive.sum(axis=1))])

    kinds = {name: column.kind for name, column in model.catalog.attributes.items()}

    def known(row: int) -> dict[str, object]:
        segment = int(model.segments.membership[row])
        attributes = {
            name: value
            for name, column in model.catalog.attributes.items()
            if (value := column.value(row)) not in ([], None)
        }
        said = {
            "item_id": model.vocabulary.item_id(row),
            "title": model.catalog.title(row),
            "popularity": float(model.popularity[row]),
            "segment_id": None if segment == NO_SEGMENT else model.segments.ids[segment],
            ATTRIBUTES: attributes or None,
        }
        return {name: value for name, value in said.items() if value is not None}

    return Points("items", model.embedding.n_dims, starts, dims[alive].astype(np.uint32), weights[alive], known, kinds)


def segments_of(model: Model) -> Points:
    """Segments, the rows of B, with id, label and size."""
    segments = model.segments

    def known(row: int) -> dict[str, object]:
        return {"segment_id": segments.ids[row], "label": segments.labels[row], "n_items": int(segments.sizes[row])}

    return Points(
        "segments", segments.n_dims, segments.starts, segments.dims.astype(np.uint32), segments.weights, known
    )
