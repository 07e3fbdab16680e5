"""A dose of benchmarks/bench_contract.py: is what a live service answers what the OpenAPI document says?"""

from pathlib import Path

import httpx

from benchmarks.bench_contract import asked, guarded
from tests.conftest import RedisServer


def test_the_service_does_what_the_document_says(tmp_path: Path, redis_server: RedisServer) -> None:
    with guarded(tmp_path, redis_server.url) as (url, key):
        done = asked(url, key, 200, 1, "--phases", "examples,fuzzing", quiet=True)
        assert done.returncode == 0, done.stdout
        assert key not in done.stdout + done.stderr
        assert httpx.get(f"{url}/health/ready").status_code == 200
