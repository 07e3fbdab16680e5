"""Codes in files: as CSR in .npz or .safetensors, or a row an item in .parquet."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

from index.kernels import Floats, Rows
from index.points import ATTRIBUTES, Kind, Points
from index.vocabulary import Strings
from trainer.export.engine import Told
from trainer.replaced_file import replaced

Matrix: TypeAlias = "sp.csr_matrix[np.float64]"
Array = NDArray[Any]
ID = {"items": "item_id", "segments": "segment_id"}
"""What a row of each kind is called by."""


class ArrayFiles:
    """A file of items and one of segments in a folder; each is there as a whole or not at all."""

    ways = ("read again",)

    def __init__(self, folder: Path, form: str) -> None:
        self._folder, self._form = folder, form
        self._read: dict[Kind, Matrix] = {}

    def write(self, points: Points, told: Told) -> str:
        path = self._path(points.kind)
        with replaced(path) as partial:
            _WRITERS[self._form](points, partial)
        told(len(points))
        self._read[points.kind] = _READERS[self._form](path, points.n_dims)
        return str(path)

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        scores = np.asarray(self._read[kind].dot(profile))
        return np.argsort(-scores, kind="stable")[:n].astype(np.int32)

    def made_current(self) -> None:
        """They are there already."""

    def close(self) -> None:
        self._read.clear()

    def _path(self, kind: Kind) -> Path:
        return self._folder / f"{kind}.{self._form}"


# ------------------------------------------------------------ .npz, for scipy.sparse.load_npz


def _write_npz(points: Points, path: Path) -> None:
    ids = [str(points.known(row)[ID[points.kind]]) for row in range(len(points))]
    with path.open("wb") as file:
        np.savez(
            file,
            format=b"csr",
            shape=np.array([len(points), points.n_dims], np.int64),
            **_arrays(points),
            **{f"{ID[points.kind]}s": np.array(ids, np.str_)},
            allow_pickle=False,
        )


def _read_npz(path: Path, n_dims: int) -> Matrix:
    return sp.csr_matrix(sp.load_npz(path), dtype=np.float64)


def _arrays(points: Points) -> dict[str, Array]:
    return {"indptr": points.starts, "indices": points.dims.astype(np.int32), "data": points.weights}


# ------------------------------------------------------------ .safetensors: tensors of the same names, ids as UTF-8


def _write_safetensors(points: Points, path: Path) -> None:
    from safetensors.numpy import save_file  # noqa: PLC0415

    ids = Strings.pack(str(points.known(row)[ID[points.kind]]) for row in range(len(points)))
    name = f"{ID[points.kind]}s"
    arrays = {**_arrays(points), f"{name}.utf8": ids.blob, f"{name}.offsets": ids.offsets}
    shape = f"{len(points)} {points.n_dims}"
    save_file(
        {key: np.ascontiguousarray(array) for key, array in arrays.items()}, path, {"format": "csr", "shape": shape}
    )


def _read_safetensors(path: Path, n_dims: int) -> Matrix:
    from safetensors.numpy import load_file  # noqa: PLC0415

    arrays = load_file(path)
    return _matrix(arrays["indptr"], arrays["indices"], arrays["data"], n_dims)


# ------------------------------------------------------------ .parquet


def _write_parquet(points: Points, path: Path) -> None:
    known = [points.known(row) for row in range(len(points))]
    codes = [points.code(row) for row in range(len(points))]
    plain = pl.DataFrame(
        [{name: value for name, value in facts.items() if name != ATTRIBUTES} for facts in known],
        infer_schema_length=None,
    )
    attributes: list[Mapping[str, object]] = [facts.get(ATTRIBUTES) or {} for facts in known]  # type: ignore[misc]
    columns = [
        plain,
        pl.DataFrame(
            {"dims": [dims for dims, _ in codes], "weights": [weights for _, weights in codes]},
            schema={"dims": pl.List(pl.UInt32), "weights": pl.List(pl.Float32)},
        ),
    ]
    if any(attributes):
        columns.append(pl.DataFrame(attributes, infer_schema_length=None).to_struct(ATTRIBUTES).to_frame())
    pl.concat(columns, how="horizontal").write_parquet(path)


def _read_parquet(path: Path, n_dims: int) -> Matrix:
    read = pl.read_parquet(path, columns=["dims", "weights"])
    starts = np.concatenate([[0], np.cumsum(read["dims"].list.len().to_numpy())])
    return _matrix(starts, _flat(read["dims"]), _flat(read["weights"]), n_dims)


def _flat(lists: pl.Series) -> Array:
    return lists.filter(lists.list.len() > 0).explode().to_numpy()


def _matrix(starts: Array, dims: Array, weights: Array, n_dims: int) -> Matrix:
    return sp.csr_matrix((weights.astype(np.float64), dims.astype(np.int64), starts), shape=(len(starts) - 1, n_dims))


_WRITERS: Mapping[str, Callable[[Points, Path], None]] = {
    "npz": _write_npz,
    "parquet": _write_parquet,
    "safetensors": _write_safetensors,
}
_READERS: Mapping[str, Callable[[Path, int], Matrix]] = {
    "npz": _read_npz,
    "parquet": _read_parquet,
    "safetensors": _read_safetensors,
}
