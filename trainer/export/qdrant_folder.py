"""Qdrant in the process (qdrant-edge-py): a folder with a shard of items and one of segments."""

import shutil
from pathlib import Path

import numpy as np
from qdrant_edge import (
    CountRequest,
    EdgeConfig,
    EdgeShard,
    EdgeSparseVectorParams,
    PayloadSchemaType,
    Point,
    Query,
    QueryRequest,
    SparseVector,
    UpdateOperation,
)

from index.kernels import Floats, Rows
from index.points import CODE, FEW, Kind, Points, field_of
from trainer.errors import ExportError
from trainer.export.engine import Told

_AT_ONCE, _FLUSHED = 1000, 50_000  # points of a call; between two moments at which all is on disk
_INDEXED = {
    "number": PayloadSchemaType.Float,
    "category": PayloadSchemaType.Keyword,
    "list": PayloadSchemaType.Keyword,
}


class QdrantFolder:
    """`folder`/VERSION/items and `folder`/VERSION/segments. What an interrupted export left is gone on with."""

    ways = ("as it is",)

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder / version
        self._shards: dict[Kind, EdgeShard] = {}

    def write(self, points: Points, told: Told) -> str:
        path = self._folder / points.kind
        try:
            shard = self._shards[points.kind] = _opened(path)
            n_there = shard.count(CountRequest(exact=True))
            if n_there > len(points):
                raise ExportError(f"{path}: {n_there:,} points lie there, the version has {len(points):,}; remove it")
            told(n_there)
            if n_there < len(points):
                self._fill(shard, points, max(0, n_there - _AT_ONCE), told)
        except ExportError:
            raise
        except Exception as error:  # the engine has no other
            raise ExportError(f"{path}: cannot be written ({error})") from error
        return str(path)

    def _fill(self, shard: EdgeShard, points: Points, first: int, told: Told) -> None:
        for name, kind in points.attributes.items():
            path = field_of(name)
            if path is not None and kind in _INDEXED:
                shard.update(UpdateOperation.create_field_index(path, _INDEXED[kind]))
        for begin in range(first, len(points), _AT_ONCE):
            rows = range(begin, min(begin + _AT_ONCE, len(points)))
            shard.update(UpdateOperation.upsert_points([_point(points, row) for row in rows]))
            if rows.stop % _FLUSHED == 0:
                shard.flush()
            told(rows.stop)
        shard.optimize()
        shard.flush()

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        dims = np.flatnonzero(profile)
        vector = SparseVector(dims.tolist(), profile[dims].tolist())
        found = self._shards[kind].query(QueryRequest(limit=n, query=Query.Nearest(vector, using=CODE)))
        return np.array([point.id for point in found], np.int32)

    def made_current(self) -> None:
        """Whoever asks names the version."""

    def close(self) -> None:
        for shard in self._shards.values():
            shard.close()


def _opened(path: Path) -> EdgeShard:
    """What lies there; where that is nothing, or was left before it could be opened again, an empty one."""
    if path.is_dir():
        try:
            return EdgeShard.load(str(path))
        except Exception:  # it has no other
            shutil.rmtree(path)
    path.mkdir(parents=True)
    # Without a log of changes several processes can read one shard; what is flushed stays, whatever happens.
    return EdgeShard.create(
        str(path), EdgeConfig(sparse_vectors={CODE: EdgeSparseVectorParams(full_scan_threshold=FEW)}, wal_enabled=False)
    )


def _point(points: Points, row: int) -> Point:
    dims, weights = points.code(row)
    return Point(row, {CODE: SparseVector(dims, weights)} if dims else {}, points.known(row))
