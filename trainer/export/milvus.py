"""Milvus (pymilvus): a server, or milvus-lite in a file. It takes no negative weight, so codes are as in signs.py."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import numpy as np
from pymilvus import DataType, MilvusClient
from pymilvus.exceptions import MilvusException

from index.kernels import Floats, Rows
from index.points import CODE, Kind, Points, collection
from trainer.errors import ExportError
from trainer.export.engine import Told
from trainer.export.signs import Entries, PositiveCodes

_AT_ONCE, _SECONDS = 1000, 30.0
_TALKING = ("pymilvus", "milvus_lite", "faiss", "grpc")  # they say what they raise once more, and what they load
_ROW = "row"
_SHIFTED, _RESCORED = "shifted", "sign-split, rescored"


class Milvus:
    """Collections NAME_VERSION_items and NAME_VERSION_segments; once they are right, aliases NAME_items, NAME_segments.

    Items without a code are left out: it takes no empty vector either.
    """

    ways = (_SHIFTED, _RESCORED)

    def __init__(self, client: MilvusClient, place: str, name: str, version: str) -> None:
        self._client, self._place, self._name, self._version = client, place, name, version
        self._codes: dict[Kind, PositiveCodes] = {}

    @classmethod
    def opened(cls, place: str, key: str, *, name: str, version: str) -> Self:
        """A server, or a file for milvus-lite. Raises ExportError where it cannot be reached."""
        for logger in _TALKING:
            logging.getLogger(logger).setLevel(logging.CRITICAL + 1)
        try:
            client = MilvusClient(place, token=key, timeout=_SECONDS)
        except (MilvusException, OSError) as error:
            raise ExportError(f"--to milvus {place}: cannot be opened ({str(error)[:300]})") from error
        return cls(client, f"--to milvus {place}", name, version)

    def write(self, points: Points, told: Told) -> str:
        there = self._collection(points.kind)
        codes = self._codes[points.kind] = PositiveCodes.of(points)
        rows = np.flatnonzero(points.coded).astype(np.int32)
        with self._asked():
            if not self._client.has_collection(there):
                self._create(there)
            n_there = self._count(there)
            if n_there > len(rows):
                raise ExportError(f"{self._place}: {there} has {n_there:,} rows, the version {len(rows):,}; drop it")
            told(n_there)
            if n_there < len(rows):
                self._fill(there, codes, rows[max(0, n_there - _AT_ONCE) :], told)
            self._client.load_collection(there)
        told(len(points))
        return f"collection {there}"

    def _create(self, there: str) -> None:
        schema = self._client.create_schema(auto_id=False, enable_dynamic_field=True)
        schema.add_field(_ROW, DataType.INT64, is_primary=True)
        schema.add_field(CODE, DataType.SPARSE_FLOAT_VECTOR)
        index = self._client.prepare_index_params()
        index.add_index(CODE, index_type="SPARSE_INVERTED_INDEX", metric_type="IP")
        self._client.create_collection(there, schema=schema, index_params=index)

    def _fill(self, there: str, codes: PositiveCodes, rows: Rows, told: Told) -> None:
        known = codes.points.known
        for begin in range(0, len(rows), _AT_ONCE):
            taken = rows[begin : begin + _AT_ONCE].tolist()
            self._client.upsert(there, [{**known(row), _ROW: row, CODE: _vector(codes.code(row))} for row in taken])
            told(taken[-1] + 1)
        self._client.flush(there)

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        codes = self._codes[kind]
        question = codes.whole(profile) if way == _SHIFTED else codes.candidates(profile)
        if not len(question.dims):
            return np.empty(0, np.int32)
        with self._asked():
            (found,) = self._client.search(
                self._collection(kind),
                data=[_vector(question)],
                anns_field=CODE,
                limit=n,
                search_params={"metric_type": "IP", "params": {"drop_ratio_search": 0.0}},
            )
        rows = np.array([entry[_ROW] for entry in found], np.int32)
        return rows if way == _SHIFTED else codes.points.best_among(rows, profile, n)

    def made_current(self) -> None:
        """Whoever asks an alias asks for this version from now on."""
        with self._asked():
            for kind in self._codes:
                alias, there = _name(f"{self._name}-{kind}"), self._collection(kind)
                try:
                    self._client.describe_alias(alias)
                except MilvusException:
                    self._client.create_alias(there, alias)
                else:
                    self._client.alter_alias(there, alias)

    def close(self) -> None:
        self._client.close()

    def _collection(self, kind: Kind) -> str:
        return _name(collection(self._name, self._version, kind))

    def _count(self, there: str) -> int:
        self._client.load_collection(there)
        return int(self._client.query(there, filter="", output_fields=["count(*)"])[0]["count(*)"])

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raises ExportError for what it or the way to it refuses."""
        try:
            yield
        except MilvusException as error:
            raise ExportError(f"{self._place}: {str(error.message)[:300]}") from error


def _name(text: str) -> str:
    """What it takes for a name."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)


def _vector(entries: Entries) -> dict[int, float]:
    return dict(zip(entries.dims.tolist(), entries.weights.tolist(), strict=True))
