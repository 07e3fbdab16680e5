"""Four replicas behind nginx, in real containers, while models and replicas change; each answer is compared.

python -m benchmarks.bench_replicas [--artifacts FOLDER] [--compose "docker compose"] [--override FILE]

Starts deploy/replicas/docker-compose.yml as a project of its own, on a free port of loopback, with versions made of the
artifact; takes all of it away at the end. 150 requests a second, /recommend and /homepage in turn. Then pages that no
replica has are asked for by many at once. --override is a second compose file, for what a machine needs to build.
"""

import argparse
import asyncio
import json
import os
import re
import shlex
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.checked_load import HEAD, CheckedLoad
from benchmarks.faults import Span
from benchmarks.served_versions import ServedVersions
from index import artifact
from index.errors import ArtifactError
from index.model import Model
from tests.conftest import free_port

ROOT = Path(__file__).parent.parent
COMPOSE_FILE = ROOT / "deploy" / "replicas" / "docker-compose.yml"
REPLICAS = [f"replica-{number}" for number in range(1, 5)]
PER_SECOND, SWAPS, SWAP_SECONDS, AFTER_SECONDS, AT_ONCE, PAGES = 150.0, 10, 3.0, 5.0, 40, 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"), help="as `make demo` writes them")
    parser.add_argument("--compose", default="docker compose", help="the command")
    parser.add_argument("--override", type=Path, help="one more compose file")
    parser.add_argument("--per-second", type=float, default=PER_SECOND)
    options = parser.parse_args()
    try:
        model = artifact.open_current(options.artifacts).model
    except ArtifactError as error:
        raise SystemExit(str(error)) from error
    with tempfile.TemporaryDirectory() as folder, _stack(options, Path(folder), model) as stack:
        stack.measure(options.per_second)
        stack.single_flight()


class Stack:
    def __init__(self, compose: Sequence[str], port: int, served: ServedVersions, environment: dict[str, str]) -> None:
        self._compose, self._environment, self.served = compose, environment, served
        self.url = f"http://127.0.0.1:{port}"

    def compose(self, *words: str) -> str:
        done = subprocess.run(
            [*self._compose, *words], env=self._environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{shlex.join([*self._compose, *words])}: {done.stderr[-2000:]}")
        return done.stdout

    def docker(self, verb: str, service: str, *words: str) -> None:
        container = self.compose("ps", "-q", service).strip()
        subprocess.run(["docker", verb, *words, container], check=True, stdout=subprocess.DEVNULL)

    def wait_until_healthy(self, *services: str) -> None:
        for service in services:
            deadline = time.monotonic() + 120
            while self._health(service) != "healthy":
                if time.monotonic() > deadline:
                    raise SystemExit(f"{service} is not healthy: {self.compose('logs', service)[-2000:]}")
                time.sleep(0.2)

    def _health(self, service: str) -> str:
        container = self.compose("ps", "-q", service).strip()
        told = subprocess.run(["docker", "inspect", container], capture_output=True, text=True, check=False).stdout
        found = json.loads(told or "[]")
        return str(found[0]["State"]["Health"]["Status"]) if found else ""

    def up(self) -> None:
        self.compose("up", "-d", "--no-deps", "redis", *REPLICAS)
        self.wait_until_healthy("redis", *REPLICAS)
        self.compose("up", "-d", "--no-deps", "nginx")
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{self.url}/health/ready").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            time.sleep(0.2)
        raise SystemExit(f"nothing answers: {self.compose('logs', 'nginx')[-2000:]}")

    # ------------------------------------------------------------ what changes

    def swap(self) -> None:
        for number in range(SWAPS):
            self.served.point_at(number + 1)
            time.sleep(SWAP_SECONDS)

    def kill(self) -> None:
        self.docker("kill", REPLICAS[1])
        time.sleep(AFTER_SECONDS)
        self.compose("up", "-d", "--no-deps", REPLICAS[1])
        self.wait_until_healthy(REPLICAS[1])

    def replace_all(self) -> None:
        for replica in REPLICAS:
            self.compose("up", "-d", "--no-deps", "--force-recreate", replica)
            self.wait_until_healthy(replica)

    def freeze(self) -> None:
        self.docker("pause", REPLICAS[2])
        time.sleep(AFTER_SECONDS)
        self.docker("unpause", REPLICAS[2])

    def lose_redis(self) -> None:
        self.docker("kill", "redis")
        time.sleep(AFTER_SECONDS)
        self.compose("up", "-d", "--no-deps", "redis")

    # ------------------------------------------------------------ what is measured

    def measure(self, per_second: float) -> None:
        changes: dict[str, Callable[[], None]] = {
            "nothing": lambda: time.sleep(2 * AFTER_SECONDS),
            f"{SWAPS} swaps of the model": self.swap,
            "a replica killed, started again after 5 s": self.kill,
            "all four replaced, one after the other": self.replace_all,
            "a replica frozen for 5 s": self.freeze,
            "Redis killed, started again after 5 s": self.lose_redis,
        }
        spans = []
        with CheckedLoad(self.url, self.served.histories, self.served.right, per_second=per_second) as load:
            time.sleep(3)
            for name, change in changes.items():
                began = time.monotonic()
                change()
                time.sleep(AFTER_SECONDS)
                spans.append(Span(f"{name} ({time.monotonic() - began:.0f} s)", began, time.monotonic()))
        print(HEAD)
        for span in spans:
            print(load.between(span.began, span.until).row(span.name))
        print(flush=True)

    def single_flight(self) -> None:
        """Of pages that nobody has, each asked for by many at once."""
        asyncio.run(self._at_once(range(PAGES, PAGES + 10)))  # connections to Redis, and what it compiles
        before = self._computed()
        told = asyncio.run(self._at_once(range(PAGES)))
        computed = self._computed() - before
        print(f"{PAGES} pages, each asked for {AT_ONCE} times at once: {computed} computed; X-Cache {dict(told)}")

    def _computed(self) -> int:
        """Pages that all replicas have computed."""
        ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/metrics').read().decode())"
        told = "".join(self.compose("exec", "-T", replica, "python", "-c", ask) for replica in REPLICAS)
        return sum(int(float(count)) for count in re.findall(r'scoring_seconds_count\{kind="layout"\} (\S+)', told))

    async def _at_once(self, pages: Iterable[int]) -> Counter[str]:
        told: Counter[str] = Counter()
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=20, trust_env=False) as client:
            for page in pages:
                body = {"history": self.served.histories[page], "exclude": ["asked for at once"]}
                answers = await asyncio.gather(*(client.post("/homepage", json=body) for _ in range(AT_ONCE)))
                told.update(answer.headers.get("X-Cache", str(answer.status_code)) for answer in answers)
        return told


@contextmanager
def _stack(options: argparse.Namespace, folder: Path, model: Model) -> Iterator[Stack]:
    folder.chmod(0o755)  # the replicas are another user
    port = free_port()
    environment = os.environ | {"ARTIFACTS": str(folder / "artifacts"), "PORT": str(port)}
    served = ServedVersions(folder / "artifacts", model, 4)
    served.point_at(0)
    files = [COMPOSE_FILE, *([options.override] if options.override else [])]
    compose = [*shlex.split(options.compose), "-p", f"sparseshelf-bench-{port}"]
    stack = Stack([*compose, *(word for file in files for word in ("-f", str(file)))], port, served, environment)
    try:
        stack.up()
        yield stack
    finally:
        stack.compose("down", "--volumes", "--timeout", "5")


if __name__ == "__main__":
    main()
