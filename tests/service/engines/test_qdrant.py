"""Qdrant in the index's place: what it finds, what is true of it, and what is said where it cannot be asked."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from index.filters import parsed
from service.engines.engine import Engine, EngineUnavailableError, VersionMissingError
from service.engines.qdrant_filter import InexpressibleError
from service.engines.qdrant_folder import QdrantFolder
from service.engines.qdrant_server import QdrantServer
from tests.filtered import FILTERS, N_ITEMS, holds
from tests.service.engines.conftest import attributed, exported

FIRST = np.eye(16)[0]


def found(engine: Engine, document: Any) -> list[int]:
    where = None if document is None else parsed(json.loads(json.dumps(document)))
    return sorted(engine.nearest("v", FIRST, N_ITEMS, where).rows.tolist())


@settings(max_examples=60)
@given(FILTERS)
def test_a_filter_is_true_of_the_items_that_a_loop_says(common: Engine, document: Any) -> None:
    attributes = attributed(in_common=True).catalog.attributes
    expected = [
        row
        for row in range(N_ITEMS)
        if holds(document, {name: column.value(row) for name, column in attributes.items()})
    ]
    assert found(common, document) == expected


@pytest.mark.parametrize("document", [{"and": []}, {"or": []}, {"not": {"or": []}}, {"in": {"country": []}}])
def test_a_filter_of_nothing_is_true_of_all_or_of_none(common: Engine, document: Any) -> None:
    everything = document in ({"and": []}, {"not": {"or": []}})
    assert found(common, document) == (list(range(N_ITEMS)) if everything else [])


def test_a_name_with_signs_in_it_is_found_and_a_quoted_one_is_inexpressible(common: Engine) -> None:
    if isinstance(common, QdrantFolder):  # the client's own implementation reads no quotes
        assert found(common, {"eq": {"odd name[1].é": "a.b"}}) == list(range(2, N_ITEMS, 3))
        assert found(common, {"not": {"exists": "odd name[1].é"}}) == list(range(0, N_ITEMS, 3))
    with pytest.raises(InexpressibleError):
        found(common, {"exists": 'quoted "name"'})


def test_scores_are_the_products_of_signed_codes(common: Engine) -> None:
    A = attributed(in_common=True).embedding.to_dense()
    profile = np.random.default_rng(0).normal(size=16)
    answer = common.nearest("v", profile, 20, None)
    np.testing.assert_allclose(answer.scores, A[answer.rows] @ profile, atol=1e-5)
    np.testing.assert_allclose(answer.scores, np.sort(A @ profile)[::-1][:20], atol=1e-5)


def test_a_version_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(VersionMissingError, match=r"there is no folder .*/w/items"):
        QdrantFolder(tmp_path).nearest("w", FIRST, 1, None)
    with answering(404) as url, asked(url) as server, pytest.raises(VersionMissingError, match="collection shelf-w-"):
        server.nearest("w", FIRST, 1, None)


class Answering(BaseHTTPRequestHandler):
    """Not Qdrant, but its way to say something."""

    status, wait, body = 200, 0.0, b""

    def do_POST(self) -> None:
        type(self).body = self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(self.wait)
        found = {"result": {"points": [{"id": 3, "version": 0, "score": 1.5}]}, "status": "ok", "time": 0.0}
        content = json.dumps(found if self.status == 200 else {"status": {"error": "no"}}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.status == 429:
            self.send_header("Retry-After", "3")
        self.end_headers()
        with suppress(BrokenPipeError):  # nobody waited
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def answering(status: int, *, wait: float = 0.0) -> Iterator[str]:
    Answering.status, Answering.wait = status, wait
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def asked(url: str, *, seconds: float = 5.0) -> Iterator[QdrantServer]:
    server = QdrantServer.opened(url, None, name="shelf", seconds=seconds)
    yield server
    server.close()


def test_a_server_is_asked_in_its_own_words() -> None:
    with answering(200) as url, asked(url) as server:
        found = server.nearest("w", FIRST, 5, parsed({"eq": {"country": "US"}}))
    assert (found.rows.tolist(), found.scores.tolist()) == ([3], [1.5])
    sent = json.loads(Answering.body)
    assert sent["query"] == {"nearest": {"indices": [0], "values": [1.0]}}
    assert (sent["using"], sent["limit"], sent["with_payload"]) == ("code", 5, False)
    assert sent["filter"] == {
        "must": [{"should": [{"key": "attributes.country", "match": {"any": ["US"]}}]}],
    }


@pytest.mark.parametrize(("status", "words"), [(401, "401"), (429, "ResourceExhausted"), (500, "500"), (503, "503")])
def test_a_server_that_refuses_is_unavailable(status: int, words: str) -> None:
    with answering(status) as url, asked(url) as server, pytest.raises(EngineUnavailableError, match=words):
        server.nearest("w", FIRST, 1, None)


def test_a_slow_server_is_waited_for_as_long_as_is_set() -> None:
    began = time.monotonic()
    with answering(200, wait=0.6) as url, asked(url, seconds=0.1) as server:
        with pytest.raises(EngineUnavailableError, match="Timeout"):
            server.nearest("w", FIRST, 1, None)
        assert time.monotonic() - began < 0.55


def test_a_folder_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    exported(tmp_path, attributed(in_common=True), "v")
    for path in tmp_path.rglob("segment.json"):
        path.write_text("{")
    with pytest.raises(EngineUnavailableError, match="cannot be opened: export it again"):
        QdrantFolder(tmp_path).nearest("v", FIRST, 1, None)


def test_a_server_that_is_not_there_is_unavailable_and_its_key_is_not_repeated() -> None:
    server = QdrantServer.opened("http://127.0.0.1:9", "s3cret", name="shelf", seconds=0.2)
    with pytest.raises(EngineUnavailableError) as caught:
        server.nearest("v", FIRST, 1, None)
    assert "s3cret" not in str(caught.value)
    server.close()


def test_any_number_of_threads_may_ask_and_another_process_may_have_it_open(tmp_path: Path) -> None:
    exported(tmp_path, attributed(in_common=True), "v")
    engine, other = QdrantFolder(tmp_path), QdrantFolder(tmp_path)
    profiles = np.random.default_rng(0).normal(size=(8, 16))
    expected = [other.nearest("v", profile, 10, None).rows.tolist() for profile in profiles]
    wrong: list[int] = []

    def ask(number: int) -> None:
        found = [engine.nearest("v", profiles[number], 10, None).rows.tolist() for _ in range(50)]
        wrong.extend(number for rows in found if rows != expected[number])

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    engine.close()
    other.close()


def test_old_versions_are_let_go(tmp_path: Path) -> None:
    for version in "abcdef":
        exported(tmp_path, attributed(in_common=True), version)
    engine = QdrantFolder(tmp_path)
    first = [engine.nearest(version, FIRST, 1, None).rows.tolist() for version in "abcdef"]
    assert list(engine._shards) == ["c", "d", "e", "f"]
    assert engine.nearest("a", FIRST, 1, None).rows.tolist() == first[0]
