"""Files for the bulk interface of OpenSearch and Elasticsearch, whose sparse fields take no negative weight.

Both keep a weight as Lucene's FeatureField does, with nine significant bits, so that what they find are candidates,
to be scored again by whoever has the codes.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from index.kernels import Floats, Rows
from index.points import ATTRIBUTES, CODE, Kind, Points, collection
from trainer.errors import ExportError
from trainer.export.destination import KEY
from trainer.export.engine import Told
from trainer.export.signs import Entries, PositiveCodes
from trainer.replaced_file import replaced

_FILE_BYTES = 8 * 2**20  # a request of the bulk interface
_MOST_CLAUSES = 1024  # of a query, by the default of both
_SECONDS = 60.0
_FIELDS: dict[str, dict[str, Any]] = {
    "item_id": {"type": "keyword", "ignore_above": 8191},
    "title": {"type": "text"},
    "popularity": {"type": "float"},
    "segment_id": {"type": "keyword", "ignore_above": 8191},
    "label": {"type": "text"},
    "n_items": {"type": "integer"},
}
_TYPES = {
    "number": {"type": "double"},
    "category": {"type": "keyword", "ignore_above": 8191},
    "list": {"type": "keyword", "ignore_above": 8191},
    "link": {"type": "keyword", "index": False, "doc_values": False},
}
_LOAD = """#!/bin/sh
# sh load.sh http://localhost:9200 [options of curl, as -u user:password]
set -eu
url=$1
shift
cd "$(dirname "$0")"
for file in *.index.json; do
  curl -sS "$@" -X PUT "$url/${file%.index.json}" -H 'Content-Type: application/json' --data-binary "@$file"
  echo
done
for file in *.ndjson; do
  answer=$(curl -sS "$@" -X POST "$url/_bulk" -H 'Content-Type: application/x-ndjson' --data-binary "@$file")
  case "$answer" in
    *'"errors":false'*) echo "$file" ;;
    *) echo "$file: $answer" | cut -c 1-2000 >&2; exit 1 ;;
  esac
done
for file in *.index.json; do
  curl -sS "$@" -X POST "$url/${file%.index.json}/_refresh"
  echo
done
"""


class SearchFiles:
    """In `folder` an index's mapping, its points as requests of the bulk interface, and load.sh, which sends all that.

    Where `url` says that they were loaded, it is asked what it finds.
    """

    def __init__(self, folder: Path, product: str, *, name: str, version: str, url: str | None, key: str) -> None:
        self._folder, self._product, self._name, self._version = folder, product, name, version
        self._codes: dict[Kind, PositiveCodes] = {}
        self._url = url
        self._http = (
            None
            if url is None
            else httpx.Client(base_url=url, timeout=_SECONDS, auth=_auth(key), headers=_headers(key))
        )

    @property
    def ways(self) -> tuple[str, ...]:
        return () if self._http is None else ("sign-split, rescored",)

    def write(self, points: Points, told: Told) -> str:
        codes = self._codes[points.kind] = PositiveCodes.of(points)
        index = self._index(points.kind)
        try:
            for stale in self._folder.glob(f"{index}-*.ndjson"):
                stale.unlink()
            self._put(f"{index}.index.json", json.dumps(self._mapping(points), indent=1, ensure_ascii=False))
            for number, (lines, n_done) in enumerate(_requests(codes, index)):
                self._put(f"{index}-{number:05}.ndjson", lines)
                told(n_done)
            self._put("load.sh", _LOAD)
        except OSError as error:
            raise ExportError(f"{self._folder}: cannot be written ({error.strerror})") from error
        return f"{self._folder}/{index}-*.ndjson; sh {self._folder}/load.sh URL sends them"

    def _put(self, name: str, text: str) -> None:
        with replaced(self._folder / name) as partial:
            partial.write_text(text, encoding="utf-8")

    def _mapping(self, points: Points) -> dict[str, object]:
        code = {"type": "rank_features" if self._product == "opensearch" else "sparse_vector"}
        attributes = {name: _TYPES[kind] for name, kind in points.attributes.items()}
        known = {**_FIELDS, **({ATTRIBUTES: {"properties": attributes}} if attributes else {})}
        return {"mappings": {"dynamic": False, "properties": {CODE: code, **known}}}

    def query(self, codes: PositiveCodes, profile: Floats) -> dict[str, object]:
        """A query for the candidates of a profile."""
        entries = _tokens(codes.candidates(profile, longest=_MOST_CLAUSES))
        if self._product == "opensearch":
            return {"neural_sparse": {CODE: {"query_tokens": entries}}}
        return {"sparse_vector": {"field": CODE, "query_vector": entries, "prune": False}}

    def best(self, kind: Kind, profile: Floats, n: int, way: str) -> Rows:
        assert self._http is not None
        codes = self._codes[kind]
        body = {"query": self.query(codes, profile), "size": n, "_source": False}
        try:
            answer = self._http.post(f"/{self._index(kind)}/_search", json=body)
        except httpx.HTTPError as error:
            raise ExportError(f"{self._url}: cannot be reached ({type(error).__name__}: {error})") from error
        if answer.status_code in {401, 403}:
            raise ExportError(f"{self._url}: it asks for a key; set {KEY} to USER:PASSWORD or to an API key")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise ExportError(
                f"{self._url}: it has no index {self._index(kind)}; sh {self._folder}/load.sh {self._url}"
            )
        if not answer.is_success:
            raise ExportError(f"{self._url}: it answers {answer.status_code}: {answer.text[:300]}")
        try:
            rows = [int(hit["_id"]) for hit in answer.json()["hits"]["hits"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ExportError(f"{self._url}: what it answers is no search's answer") from error
        return codes.points.best_among(np.array(rows, np.int32), profile, n)

    def made_current(self) -> None:
        """That is for whoever loads them."""

    def close(self) -> None:
        if self._http is not None:
            self._http.close()

    def _index(self, kind: Kind) -> str:
        """Names of an index are in small letters."""
        return collection(self._name, self._version, kind).lower()


def _requests(codes: PositiveCodes, index: str) -> Iterator[tuple[str, int]]:
    """Bodies for the bulk interface, and how many points are in them and those before."""
    lines: list[str] = []
    size = 0
    for row in range(len(codes.points)):
        source = {**codes.points.known(row), CODE: _tokens(codes.code(row))}
        if not source[CODE]:
            del source[CODE]
        action = json.dumps({"index": {"_index": index, "_id": str(row)}})
        lines += (action, json.dumps(source, ensure_ascii=False))
        size += len(lines[-1].encode()) + len(action) + 2
        if size > _FILE_BYTES:
            yield "\n".join(lines) + "\n", row + 1
            lines, size = [], 0
    if lines:
        yield "\n".join(lines) + "\n", len(codes.points)


def _tokens(entries: Entries) -> dict[str, float]:
    """Features have names."""
    return {f"d{dim}": weight for dim, weight in zip(entries.dims.tolist(), entries.weights.tolist(), strict=True)}


def _auth(key: str) -> tuple[str, str] | None:
    user, colon, password = key.partition(":")
    return (user, password) if colon else None


def _headers(key: str) -> dict[str, str]:
    return {"Authorization": f"ApiKey {key}"} if key and ":" not in key else {}
