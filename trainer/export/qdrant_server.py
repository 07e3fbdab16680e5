"""A Qdrant server (qdrant-client): a collection of items and one of segments, and two aliases that lead to them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_client.models import (
    CreateAlias,
    CreateAliasOperation,
    DeleteAlias,
    DeleteAliasOperation,
    PayloadSchemaType,
    PointStruct,
    SparseIndexParams,
    SparseVector,
    SparseVectorParams,
)

from index.kernels import Floats, Rows
from index.points import CODE, FEW, Kind, Points, collection, field_of
from trainer.errors import ExportError
from trainer.export.destination import KEY
from trainer.export.engine import Told

_AT_ONCE, _SECONDS = 1000, 60
_INDEXED = {"number": PayloadSchemaType.FLOAT, "category": PayloadSchemaType.KEYWORD, "list": PayloadSchemaType.KEYWORD}


class QdrantServer:
    """Collections NAME-VERSION-items and -segments; once they are right, aliases NAME-items and NAME-segments."""

    ways = ("as it is",)

    def __init__(self, client: QdrantClient, place: str, name: str, version: str) -> None:
        self._client, self._place, self._name, self._version = client, place, name, version
        self._written: list[Kind] = []

    @classmethod
    def opened(cls, place: str, key: str, *, name: str, version: str) -> Self:
        """Asks nothing yet."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a key without TLS: whoever says http:// knows
            client = QdrantClient(url=place, api_key=key or None, timeout=_SECONDS, check_compatibility=False)
        return cls(client, f"--to qdrant {place}", name, version)

    def write(self, points: Points, told: Told) -> str:
        there = collection(self._name, self._version, points.kind)
        with self._asked():
            if not self._client.collection_exists(there):
                self._client.create_collection(
                    there,
                    vectors_config={},
                    sparse_vectors_config={CODE: SparseVectorParams(index=SparseIndexParams(full_scan_threshold=FEW))},
                )
            n_there = self._client.count(there, exact=True).count
            if n_there > len(points):
                raise ExportError(
                    f"{self._place}: the collection {there} has {n_there:,} points, the version has {len(points):,}; "
                    "delete it"
                )
            told(n_there)
            if n_there < len(points):
                self._fill(there, points, max(0, n_there - _AT_ONCE), told)
        self._written.append(points.kind)
        return f"collection {there}"

    def _fill(self, there: str, points: Points, first: int, told: Told) -> None:
        for name, kind in points.attributes.items():
            path = field_of(name)
            if path is not None and kind in _INDEXED:
                self._client.create_payload_index(there, path, _INDEXED[kind])
        for begin in range(first, len(points), _AT_ONCE):
            rows = range(begin, min(begin + _AT_ONCE, len(points)))
            self._client.upsert(there, [_point(points, row) for row in rows], wait=True)
            told(rows.stop)

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        dims = np.flatnonzero(profile)
        with self._asked():
            found = self._client.query_points(
                collection(self._name, self._version, kind),
                query=SparseVector(indices=dims.tolist(), values=profile[dims].tolist()),
                using=CODE,
                limit=n,
                with_payload=False,
            )
        return np.array([point.id for point in found.points], np.int32)

    def made_current(self) -> None:
        """Whoever asks an alias asks for this version from now on."""
        with self._asked():
            aliases = {alias.alias_name for alias in self._client.get_aliases().aliases}
            changes: list[CreateAliasOperation | DeleteAliasOperation] = []
            for kind in self._written:
                alias = f"{self._name}-{kind}"
                if alias in aliases:
                    changes.append(DeleteAliasOperation(delete_alias=DeleteAlias(alias_name=alias)))
                there = collection(self._name, self._version, kind)
                create = CreateAlias(collection_name=there, alias_name=alias)
                changes.append(CreateAliasOperation(create_alias=create))
            self._client.update_collection_aliases(changes)

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raises ExportError for what the server or the way to it refuses."""
        try:
            yield
        except UnexpectedResponse as error:
            if error.status_code in {401, 403}:
                raise ExportError(f"{self._place}: it asks for a key; set {KEY} to one that may write") from error
            raise ExportError(f"{self._place}: it answers {error.status_code} {error.reason_phrase}") from error
        except (ResponseHandlingException, OSError) as error:
            raise ExportError(
                f"{self._place}: cannot be reached ({_reason(error)}); what it has stays there, and the same command "
                "goes on with the rest"
            ) from error


def _reason(error: Exception) -> str:
    source = getattr(error, "source", error)
    return f"{type(source).__name__}: {source}" if str(source) else type(source).__name__


def _point(points: Points, row: int) -> PointStruct:
    dims, weights = points.code(row)
    code = {CODE: SparseVector(indices=dims, values=weights)} if dims else {}
    return PointStruct(id=row, vector={**code}, payload=points.known(row))
