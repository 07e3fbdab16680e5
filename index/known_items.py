"""What is known of items beside any score: titles, attributes, segments, codes."""

from collections.abc import Sequence

import numpy as np

from index.answers import KnownItem, ListedItem, SegmentName, WeightedDim
from index.kernels import Rows
from index.model import Model
from index.segments import NO_SEGMENT

_DECIMALS = 6  # of a weight, which is stored with less


def listed_items(model: Model, rows: Rows) -> list[ListedItem]:
    """Items as such, in this order."""
    places = rows.tolist()
    titles = (title or None for title in model.catalog.titles.many(places))
    item_ids = model.vocabulary.item_ids.many(places)
    return list(map(ListedItem, item_ids, titles, model.popularity[rows].tolist()))


def known_items(model: Model, rows: Rows, *, code: bool) -> list[KnownItem]:
    """All that is known of these items, in this order; with the non-zeros of their `code` where it is asked for."""
    dims, weights = model.embedding.codes_of(rows)
    sizes = np.count_nonzero(weights, axis=1).tolist()  # which come first in a row
    codes: Sequence[list[WeightedDim] | None] = [None] * len(rows)
    if code:
        written = np.round(weights.astype(np.float64), _DECIMALS).tolist()
        codes = [
            list(map(WeightedDim, own[:size], values[:size]))
            for own, values, size in zip(dims.tolist(), written, sizes, strict=True)
        ]
    starts, hosts = model.segments.shelves_of
    shelves = map(slice, starts[rows].tolist(), starts[rows + 1].tolist())
    facts = zip(
        rows.tolist(), listed_items(model, rows), model.segments.membership[rows].tolist(), shelves, strict=True
    )
    return [
        KnownItem(
            listed.item_id,
            listed.title,
            listed.popularity,
            {name: column.value(row) for name, column in model.catalog.attributes.items()},
            None if home == NO_SEGMENT else _named(model, home),
            [_named(model, segment) for segment in hosts[shelf].tolist() if segment != home],
            size > 0,
            own,
        )
        for (row, listed, home, shelf), size, own in zip(facts, sizes, codes, strict=True)
    ]


def _named(model: Model, segment: int) -> SegmentName:
    return SegmentName(model.segments.ids[segment], model.segments.labels[segment])
