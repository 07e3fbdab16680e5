"""A model with more items: codes, titles, attributes and segments of what it holds stay as they are."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from index.artifact import Artifact
from index.catalog import Catalog, CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding
from index.kernels import Rows
from index.model import Embedding, Model
from index.packed import PackedEmbedding
from index.segments import NO_SEGMENT, Segments
from index.vocabulary import Strings, Vocabulary

N_TRAINED, ADDED_TO = "n_trained_items", "added_to"  # in a manifest's data


def n_trained_items(version: Artifact) -> int:
    """How many items the training knew: rows from there on were added since."""
    n_items, recorded = version.model.embedding.n_items, version.manifest.data.get(N_TRAINED)
    return recorded if isinstance(recorded, int) and 0 < recorded <= n_items else n_items


def enlarged(
    model: Model,
    rows: Rows,
    codes: ItemEmbedding,
    *,
    item_ids: Sequence[str],
    popularity: NDArray[np.float32],
    catalog: Catalog,
) -> Model:
    """Items get these `codes` and `popularity` (n_new,) at `rows` (n_new,), of which the last ones are new.

    `item_ids` are those of the new rows, `catalog` describes all items.
    """
    n_items = model.embedding.n_items + len(item_ids)
    shares = np.zeros(n_items, np.float32)
    shares[: len(model.popularity)] = model.popularity
    shares[rows] = popularity
    return Model(
        _embedding(model.embedding, rows, codes, n_items),
        shares,
        Vocabulary.of(model.vocabulary.item_ids.joined(Strings.pack(item_ids))),
        catalog,
        _segments(model.segments, rows, codes, n_items),
        model.samples,
    )


def _embedding(before: Embedding, rows: Rows, codes: ItemEmbedding, n_items: int) -> Embedding:
    def put(array: NDArray[np.generic], more: NDArray[np.generic]) -> NDArray[np.generic]:
        found = np.zeros((n_items, array.shape[1]), array.dtype)
        found[: len(array)] = array
        found[rows] = more
        return found

    if isinstance(before, PackedEmbedding):
        packed = before.pack_more(codes)
        return PackedEmbedding(put(before.codes, packed.codes), before.levels, before.n_dims)  # type: ignore[arg-type]
    dims, weights = put(before.dims, codes.dims), put(before.weights, codes.weights)
    return ItemEmbedding(dims, weights, before.n_dims)  # type: ignore[arg-type]


def _segments(before: Segments, rows: Rows, codes: ItemEmbedding, n_items: int) -> Segments:
    """The items join the segments that their groups are part of, or whose row of B is closest; they are no guests."""
    membership = np.full(n_items, NO_SEGMENT, np.int32)
    membership[: len(before.membership)] = before.membership
    membership[rows] = segments_of(before, codes)
    return replace(before, membership=membership)


def segments_of(segments: Segments, codes: ItemEmbedding) -> Rows:
    """(n_items,) the segment of each code, NO_SEGMENT where an item has none or fits none."""
    found = np.full(codes.n_items, NO_SEGMENT, np.int32)
    dims, signs = codes.dominant(np.arange(codes.n_items, dtype=np.int32))
    home: dict[tuple[int, int], int] = {}
    if segments.tree is not None:
        for segment in range(len(segments)):
            home |= dict.fromkeys(segments.tree.groups(segment), segment)
    for row in np.flatnonzero(codes.coded) if len(segments) else ():
        signed_dim = int(dims[row]), int(signs[row])
        found[row] = home[signed_dim] if signed_dim in home else _closest(segments, codes, int(row))
    return found


def _closest(segments: Segments, codes: ItemEmbedding, row: int) -> int:
    """The segment with the largest score of an item's code, NO_SEGMENT where none is positive."""
    scores = segments.scores(codes.profile(np.array([row], np.int32), np.ones(1)))
    return int(scores.argmax()) if scores.max() > 0 else NO_SEGMENT


# ------------------------------------------------------------ titles and attributes


def joined(before: Catalog, more: Catalog) -> Catalog:
    """Items described by one and then those described by the other, by the attributes of the first."""
    n_more = len(more.titles)
    columns = {name: _joined(column, more.attributes.get(name), n_more) for name, column in before.attributes.items()}
    return Catalog(before.titles.joined(more.titles), columns)


def before_joining(catalog: Catalog, rows: Rows) -> Catalog:
    """What the catalogue of these items was, of all that were described first, whatever was joined to it since."""
    columns = {}
    for name, column in catalog.take(rows).attributes.items():
        columns[name] = column
        if isinstance(column, CategoryColumn | ListColumn):
            n_used = int(column.codes.max(initial=-1)) + 1
            columns[name] = replace(column, categories=Strings.pack(column.categories[:n_used]))
    return Catalog(catalog.take(rows).titles, columns)


def _joined(before: Column, more: Column | None, n_more: int) -> Column:
    """Where there are no `more`, nothing is known of `n_more` items."""
    match before, more:
        case NumberColumn(), NumberColumn() | None:
            values = np.full(n_more, np.nan) if more is None else more.values
            return NumberColumn(np.concatenate([before.values, values]))
        case CategoryColumn(), CategoryColumn() | None:
            if more is None:
                return CategoryColumn(_with(before.codes, np.full(n_more, -1)), before.categories)
            categories, place = _categories(before.categories, more.categories)
            codes = np.where(more.codes < 0, -1, np.append(place, -1)[more.codes])
            return CategoryColumn(_with(before.codes, codes), categories)
        case ListColumn(), ListColumn() | None:
            if more is None:
                starts = np.append(before.starts, np.full(n_more, before.starts[-1]))
                return ListColumn(starts, before.codes, before.categories)
            categories, place = _categories(before.categories, more.categories)
            starts = np.concatenate([before.starts, before.starts[-1] + more.starts[1:]])
            return ListColumn(starts, _with(before.codes, np.append(place, -1)[more.codes]), categories)
        case LinkColumn(), LinkColumn() | None:
            return LinkColumn(before.links.joined(Strings.pack([""] * n_more) if more is None else more.links))
        case _:
            raise TypeError(f"{before.kind} and {more.kind if more else None}")


def _with(codes: NDArray[np.int32], more: NDArray[np.integer]) -> NDArray[np.int32]:
    return np.concatenate([codes, more.astype(np.int32)])


def _categories(before: Strings, more: Strings) -> tuple[Strings, NDArray[np.int64]]:
    """All of them, those there were first; and which ones `more` are among them, (len(more),)."""
    place = {category: code for code, category in enumerate(before)}
    found = np.array([place.setdefault(category, len(place)) for category in more], np.int64)
    return Strings.pack(place), found
