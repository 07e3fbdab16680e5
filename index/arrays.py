"""A model as named arrays, the files of an artifact, and back."""

from collections.abc import Container, Mapping, Sequence
from typing import Protocol

import numpy as np

from index.catalog import Catalog, CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding, dims_type
from index.merge_tree import MergeTree
from index.model import Embedding, Model
from index.npy import Array, Shape
from index.packed import PackedEmbedding, code_type, levels_shape
from index.samples import MOST_SAMPLES, Samples
from index.segments import Guests, Segments
from index.vocabulary import Strings, Vocabulary

MOST_DIMS = 2**20  # a profile has them all: 8 MiB
MOST_ROWS = 2**31 - 1  # rows are int32
MOST_ATTRIBUTES = 200  # a mapped file keeps a descriptor, and a process has 1,024
CODES, GUESTS, GROUPS = "codes.npy", "segments/guests.starts.npy", "segments/groups.starts.npy"
SAMPLES = "samples/starts.npy"
OPTIONAL = {CODES: 2, GUESTS: 3, GROUPS: 3, SAMPLES: 4}  # files that may be missing, and the format that brought them
Arrays = dict[str, Array]  # file of the artifact: its content


def arrays_of(model: Model) -> Arrays:
    """Every array of the specification in index/artifact.py."""
    segments = model.segments
    return {
        **_embedding(model.embedding),
        "popularity.npy": model.popularity,
        **_strings("strings/item_ids", model.vocabulary.item_ids),
        "strings/item_ids.order.npy": model.vocabulary.order,
        **_strings("strings/titles", Strings.pack(model.catalog.titles)),
        **_strings("strings/segment_ids", Strings.pack(segments.ids)),
        **_strings("strings/segment_labels", Strings.pack(segments.labels)),
        "segments/starts.npy": segments.starts,
        "segments/dims.npy": segments.dims,
        "segments/signs.npy": segments.signs,
        "segments/membership.npy": segments.membership,
        **_guests(segments.guests),
        **_tree(segments.tree),
        **{
            path: array
            for i, column in enumerate(model.catalog.attributes.values())
            for path, array in _column(f"attributes/{i}", column).items()
        },
        **_samples(model.samples),
    }


def _embedding(embedding: Embedding) -> Arrays:
    match embedding:
        case PackedEmbedding():
            return {CODES: embedding.codes, "levels.npy": embedding.levels}
        case ItemEmbedding():
            return {"dims.npy": embedding.dims, "weights.npy": embedding.weights}


def _guests(guests: Guests | None) -> Arrays:
    if guests is None:
        return {}
    return {GUESTS: guests.starts, "segments/guests.rows.npy": guests.rows}


def _tree(tree: MergeTree | None) -> Arrays:
    if tree is None:
        return {}
    return {
        GROUPS: tree.starts,
        "segments/groups.dims.npy": tree.dims,
        "segments/groups.signs.npy": tree.signs,
        "segments/merges.nodes.npy": tree.nodes,
        "segments/merges.cosines.npy": tree.cosines,
    }


def _samples(samples: Samples | None) -> Arrays:
    return {} if samples is None else {SAMPLES: samples.starts, "samples/rows.npy": samples.rows}


def _strings(path: str, strings: Strings) -> Arrays:
    return {f"{path}.blob.npy": strings.blob, f"{path}.offsets.npy": strings.offsets}


def _column(path: str, column: Column) -> Arrays:
    match column:
        case NumberColumn():
            return {f"{path}.values.npy": column.values}
        case CategoryColumn():
            return {f"{path}.codes.npy": column.codes, **_strings(f"{path}.categories", column.categories)}
        case ListColumn():
            return {
                f"{path}.starts.npy": column.starts,
                f"{path}.codes.npy": column.codes,
                **_strings(f"{path}.categories", column.categories),
            }
        case LinkColumn():
            return _strings(f"{path}.links", column.links)


class Read(Protocol):
    """Gives the array of a path, of exactly this type and shape; a size may be a range. ValueError otherwise."""

    def __call__(self, path: str, kind: type[np.generic], shape: Shape) -> Array: ...


def sizes_of(model: Model) -> dict[str, int]:
    """The manifest's `sizes`."""
    embedding = model.embedding
    return {
        "n_items": embedding.n_items,
        "n_dims": embedding.n_dims,
        "k": embedding.k,
        "n_segments": len(model.segments),
    }


def attributes_of(model: Model) -> list[Mapping[str, str]]:
    """The manifest's `attributes`."""
    return [{"name": name, "type": column.kind} for name, column in model.catalog.attributes.items()]


def model_of(
    read: Read, sizes: Mapping[str, int], attributes: Sequence[Mapping[str, str]], *, optional: Container[str]
) -> Model:
    """The model of an artifact's arrays. Raises ValueError where they do not fit the sizes or each other.

    `optional` has those of OPTIONAL that are there. Every length is known before its file is read: it is one of the
    sizes or the last entry of an array read before.
    """
    n_items, n_dims, n_segments = sizes["n_items"], sizes["n_dims"], sizes["n_segments"]
    if not 1 <= n_dims <= MOST_DIMS:
        raise ValueError(f"{n_dims} dims; between 1 and {MOST_DIMS} can be served")
    if max(n_items, n_segments) > MOST_ROWS:
        raise ValueError(f"{n_items} items and {n_segments} segments; up to {MOST_ROWS} can be served")
    if len(attributes) > MOST_ATTRIBUTES:
        raise ValueError(f"{len(attributes)} attributes; up to {MOST_ATTRIBUTES} can be served")
    if len({column["name"] for column in attributes}) < len(attributes):
        raise ValueError("two attributes have one name")
    dims = dims_type(n_dims)
    starts, n_signed_dims = _pointers(read, "segments/starts.npy", n_segments)
    return Model(
        embedding=_read_embedding(read, n_items, sizes["k"], n_dims, packed=CODES in optional),
        popularity=read("popularity.npy", np.float32, (n_items,)),
        vocabulary=Vocabulary(
            _read_strings(read, "strings/item_ids", n_items),
            read("strings/item_ids.order.npy", np.int32, (n_items,)),
        ),
        catalog=Catalog(
            _read_strings(read, "strings/titles", n_items),
            {
                column["name"]: _read_column(read, f"attributes/{i}", column["type"], n_items)
                for i, column in enumerate(attributes)
            },
        ),
        segments=Segments(
            starts=starts,
            dims=read("segments/dims.npy", dims, (n_signed_dims,)),
            signs=read("segments/signs.npy", np.int8, (n_signed_dims,)),
            membership=read("segments/membership.npy", np.int32, (n_items,)),
            ids=_read_strings(read, "strings/segment_ids", n_segments),
            labels=_read_strings(read, "strings/segment_labels", n_segments),
            n_dims=n_dims,
            guests=_read_guests(read, n_segments) if GUESTS in optional else None,
            tree=_read_tree(read, n_segments, dims) if GROUPS in optional else None,
        ),
        samples=_read_samples(read) if SAMPLES in optional else None,
    )


def _read_guests(read: Read, n_segments: int) -> Guests:
    starts, n_guests = _pointers(read, GUESTS, n_segments)
    return Guests(starts, read("segments/guests.rows.npy", np.int32, (n_guests,)))


def _read_tree(read: Read, n_segments: int, dims: type[np.generic]) -> MergeTree:
    starts, n_groups = _pointers(read, GROUPS, n_segments)
    if n_groups < n_segments:
        raise ValueError(f"segments/groups: {n_groups} groups made {n_segments} segments")
    return MergeTree(
        starts=starts,
        dims=read("segments/groups.dims.npy", dims, (n_groups,)),
        signs=read("segments/groups.signs.npy", np.int8, (n_groups,)),
        nodes=read("segments/merges.nodes.npy", np.int32, (n_groups - n_segments, 2)),
        cosines=read("segments/merges.cosines.npy", np.float32, (n_groups - n_segments,)),
    )


def _read_samples(read: Read) -> Samples:
    starts, n_rows = _pointers(read, SAMPLES, range(MOST_SAMPLES + 1))
    return Samples(starts, read("samples/rows.npy", np.int32, (n_rows,)))


def _read_embedding(read: Read, n_items: int, k: int, n_dims: int, *, packed: bool) -> Embedding:
    if packed:
        levels = read("levels.npy", np.float32, levels_shape(k, n_dims))
        return PackedEmbedding(read(CODES, code_type(n_dims), (n_items, k)), levels, n_dims)
    dims = read("dims.npy", dims_type(n_dims), (n_items, k))
    return ItemEmbedding(dims, read("weights.npy", np.float32, (n_items, k)), n_dims)


def _pointers(read: Read, path: str, size: int | range) -> tuple[Array, int]:
    """Where each of `size` rows begins, with the end of the last one; and that end."""
    lengths = range(size.start + 1, size.stop + 1) if isinstance(size, range) else size + 1
    pointers = read(path, np.int64, (lengths,))
    return pointers, int(pointers[-1])


def _read_strings(read: Read, path: str, size: int | range) -> Strings:
    offsets, n_bytes = _pointers(read, f"{path}.offsets.npy", size)
    strings = Strings(read(f"{path}.blob.npy", np.uint8, (n_bytes,)), offsets)
    if problem := strings.violation():
        raise ValueError(f"{path}: {problem}")
    return strings


def _read_column(read: Read, path: str, kind: str, n_items: int) -> Column:
    match kind:
        case "number":
            return NumberColumn(read(f"{path}.values.npy", np.float64, (n_items,)))
        case "category":
            codes = read(f"{path}.codes.npy", np.int32, (n_items,))
            return CategoryColumn(codes, _read_strings(read, f"{path}.categories", range(len(codes) + 1)))
        case "list":
            starts, n_codes = _pointers(read, f"{path}.starts.npy", n_items)
            codes = read(f"{path}.codes.npy", np.int32, (n_codes,))
            return ListColumn(starts, codes, _read_strings(read, f"{path}.categories", range(len(codes) + 1)))
        case "link":
            return LinkColumn(_read_strings(read, f"{path}.links", n_items))
        case _:
            raise ValueError(f"{path}: {kind[:40]!r} is not a type of attribute")
