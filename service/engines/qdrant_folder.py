"""Qdrant in the process, over a folder that `python -m trainer export --to qdrant FOLDER` wrote."""

import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
from qdrant_edge import (
    EdgeShard,
    FieldCondition,
    HasIdCondition,
    IsEmptyCondition,
    MatchAny,
    Query,
    QueryRequest,
    RangeFloat,
    SparseVector,
)
from qdrant_edge import Filter as QdrantFilter

from index.filters import Filter
from index.kernels import Floats
from index.points import CODE
from index.retrieval import Retrieved
from service.engines.engine import EngineUnavailableError, VersionMissingError
from service.engines.qdrant_filter import Document, document_of

_MOST_OPEN = 4  # versions: the current one, a challenger, and those that they replace
_KINDS = ("must", "should", "must_not")


class QdrantFolder:
    """Asks the shard VERSION/items."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shards: OrderedDict[str, EdgeShard] = OrderedDict()
        self._opening = threading.Lock()

    def nearest(self, version: str, profile: Floats, n: int, where: Filter | None) -> Retrieved:
        dims = np.flatnonzero(profile)
        wanted = document_of(where)
        request = QueryRequest(
            limit=n,
            query=Query.Nearest(SparseVector(dims.tolist(), profile[dims].tolist()), using=CODE),
            filter=None if wanted is None else _filter(wanted),
            with_payload=False,
        )
        shard = self._shard(version)
        try:
            found = shard.query(request)
        except Exception as error:  # it has no other
            raise EngineUnavailableError(f"{self._folder / version}: a question was refused") from error
        rows = np.array([point.id for point in found], np.int32)
        return Retrieved(rows, np.array([point.score for point in found], np.float64))

    def _shard(self, version: str) -> EdgeShard:
        with self._opening:
            shard = self._shards.get(version)
            if shard is None:
                path = self._folder / version / "items"
                if not path.is_dir():
                    raise VersionMissingError(f"there is no folder {path}")
                try:
                    shard = self._shards[version] = EdgeShard.load(str(path))
                except Exception as error:  # it has no other
                    raise EngineUnavailableError(f"{path} cannot be opened: export it again") from error
                while len(self._shards) > _MOST_OPEN:
                    self._shards.popitem(last=False)  # closed once nobody asks it any more
            self._shards.move_to_end(version)
            return shard

    def close(self) -> None:
        self._shards.clear()


def _filter(document: Document) -> QdrantFilter:
    must, should, must_not = ([_condition(one) for one in document.get(kind, [])] or None for kind in _KINDS)
    return QdrantFilter(must, should, must_not)


def _condition(document: Document) -> Any:
    match document:
        case {"has_id": rows}:
            return HasIdCondition(set(rows))
        case {"is_empty": {"key": key}}:
            return IsEmptyCondition(key)
        case {"key": key, "range": bounds}:
            return FieldCondition(key, range=RangeFloat(**bounds))
        case {"key": key, "match": {"any": texts}}:
            return FieldCondition(key, match=MatchAny(texts))
        case _:
            return _filter(document)
