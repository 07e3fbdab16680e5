"""A model as named arrays, the files of an artifact, and back."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog, CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding
from index.model import Model
from index.segments import Segments
from index.vocabulary import Strings, Vocabulary

MOST_DIMS = 2**24
Array = NDArray[Any]
Arrays = dict[str, Array]  # file of the artifact: its content


def arrays_of(model: Model) -> Arrays:
    """Every array of the specification in index/artifact.py."""
    segments = model.segments
    return {
        "dims.npy": model.embedding.dims,
        "weights.npy": model.embedding.weights,
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
        **{
            path: array
            for i, column in enumerate(model.catalog.attributes.values())
            for path, array in _column(f"attributes/{i}", column).items()
        },
    }


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


class _Reader:
    """Takes arrays out of an artifact by path and refuses those of another type."""

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays

    def array(self, path: str, *types: type[np.generic], ndim: int = 1) -> Array:
        array = self.arrays[path]
        if array.ndim != ndim or not any(array.dtype == np.dtype(kind) for kind in types):
            wanted = " or ".join(kind.__name__ for kind in types)
            raise ValueError(f"{path}: {wanted} in {ndim} dimensions expected, found {array.dtype} {array.shape}")
        return array

    def strings(self, path: str) -> Strings:
        strings = Strings(self.array(f"{path}.blob.npy", np.uint8), self.array(f"{path}.offsets.npy", np.int64))
        if problem := strings.violation():
            raise ValueError(f"{path}: {problem}")
        return strings

    def column(self, path: str, kind: str) -> Column:
        match kind:
            case "number":
                return NumberColumn(self.array(f"{path}.values.npy", np.float64))
            case "category":
                return CategoryColumn(self.array(f"{path}.codes.npy", np.int32), self.strings(f"{path}.categories"))
            case "list":
                starts = self.array(f"{path}.starts.npy", np.int64)
                codes = self.array(f"{path}.codes.npy", np.int32)
                return ListColumn(starts, codes, self.strings(f"{path}.categories"))
            case "link":
                return LinkColumn(self.strings(f"{path}.links"))
            case _:
                raise ValueError(f"{path}: {kind!r} is not a type of attribute")


def model_of(arrays: Arrays, sizes: Mapping[str, int], attributes: Sequence[Mapping[str, str]]) -> Model:
    """The model of an artifact's arrays. KeyError for a missing one, ValueError for one of another type or size."""
    read = _Reader(arrays)
    n_dims = int(sizes["n_dims"])
    if not 1 <= n_dims <= MOST_DIMS:
        raise ValueError(f"{n_dims} dims; between 1 and {MOST_DIMS} can be served")
    dims = read.array("dims.npy", np.uint16, np.uint32, ndim=2)
    embedding = ItemEmbedding(dims, read.array("weights.npy", np.float32, ndim=2), n_dims)
    segments = Segments(
        starts=read.array("segments/starts.npy", np.int64),
        dims=read.array("segments/dims.npy", np.uint16, np.uint32),
        signs=read.array("segments/signs.npy", np.int8),
        membership=read.array("segments/membership.npy", np.int32),
        ids=read.strings("strings/segment_ids"),
        labels=read.strings("strings/segment_labels"),
        n_dims=n_dims,
    )
    for name, size in {"n_items": embedding.n_items, "k": embedding.k, "n_segments": len(segments)}.items():
        if sizes[name] != size:
            raise ValueError(f"the manifest says {name} {sizes[name]}, the arrays {size}")
    return Model(
        embedding=embedding,
        popularity=read.array("popularity.npy", np.float32),
        vocabulary=Vocabulary(read.strings("strings/item_ids"), read.array("strings/item_ids.order.npy", np.int32)),
        catalog=Catalog(
            read.strings("strings/titles"),
            {column["name"]: read.column(f"attributes/{i}", column["type"]) for i, column in enumerate(attributes)},
        ),
        segments=segments,
    )
