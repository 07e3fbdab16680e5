"""An OpenSearch or Elasticsearch on the loopback: what they say of their sparse fields, no more.

Neither can be installed here. Of a weight 9 significant bits are kept (Lucene's FeatureField), a query is a sum of
products, of at most 1,024 clauses, and an answer has the best that have anything in common with it.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

KEPT = 0xFFFF8000


def kept(weight: float) -> float:
    """A weight with the sign, the exponent and 8 bits more."""
    assert weight > 0, "these fields take what is positive"
    return float((np.array([weight], np.float32).view(np.uint32) & np.uint32(KEPT)).view(np.float32)[0])


class SearchEngine(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, *, key: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.key = key
        self.mappings: dict[str, Any] = {}
        self.documents: dict[str, dict[str, dict[str, Any]]] = {}
        self.largest_request = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def bulk(self, lines: list[str]) -> dict[str, Any]:
        for action, source in zip(lines[::2], lines[1::2], strict=True):
            place = json.loads(action)["index"]
            document = json.loads(source)
            document["code"] = {token: kept(weight) for token, weight in document.get("code", {}).items()}
            self.documents[place["_index"]][place["_id"]] = document
        return {"errors": False, "items": []}

    def search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        ((kind, content),) = body["query"].items()
        type_ = self.mappings[index]["mappings"]["properties"]["code"]["type"]
        if kind == "neural_sparse":
            assert type_ == "rank_features"
            question = content["code"]["query_tokens"]
        else:
            assert (kind, type_, content["field"], content["prune"]) == (
                "sparse_vector",
                "sparse_vector",
                "code",
                False,
            )
            question = content["query_vector"]
        assert len(question) <= 1024
        assert min(question.values(), default=1) > 0
        scores = {
            row: sum(weight * document["code"].get(token, 0.0) for token, weight in question.items())
            for row, document in self.documents[index].items()
        }
        found = sorted((row for row in scores if scores[row] > 0), key=lambda row: (-scores[row], int(row)))
        return {"hits": {"hits": [{"_id": row, "_score": scores[row]} for row in found[: body["size"]]]}}


class _Requests(BaseHTTPRequestHandler):
    server: SearchEngine
    protocol_version = "HTTP/1.1"

    def do_PUT(self) -> None:
        index = self.path.strip("/")
        self.server.mappings[index] = json.loads(self._body())
        self.server.documents.setdefault(index, {})
        self._answer(200, {"acknowledged": True})

    def do_POST(self) -> None:
        index, _, verb = self.path.strip("/").rpartition("/")
        body = self._body()
        if self.server.key is not None and self.headers.get("Authorization") != self.server.key:
            self._answer(401, {"error": "who is there?"})
        elif verb == "_bulk":
            self._answer(200, self.server.bulk(body.decode().splitlines()))
        elif verb == "_refresh":
            self._answer(200, {})
        elif index in self.server.documents:
            self._answer(200, self.server.search(index, json.loads(body)))
        else:
            self._answer(404, {"error": "index_not_found_exception"})

    def _body(self) -> bytes:
        size = int(self.headers.get("Content-Length", 0))
        self.server.largest_request = max(self.server.largest_request, size)
        return self.rfile.read(size)

    def _answer(self, status: int, answer: dict[str, Any]) -> None:
        content = json.dumps(answer, separators=(",", ":")).encode()  # as theirs are
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def search_engine(*, key: str | None = None) -> Iterator[SearchEngine]:
    with SearchEngine(key=key) as engine:
        thread = threading.Thread(target=engine.serve_forever, daemon=True)
        thread.start()
        try:
            yield engine
        finally:
            engine.shutdown()
            thread.join()
