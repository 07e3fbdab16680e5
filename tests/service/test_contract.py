"""A dose of benchmarks/bench_contract.py: is what a live service answers what the OpenAPI document says?"""

from pathlib import Path

import httpx

from benchmarks.bench_contract import asked, serving


def test_the_service_does_what_the_document_says(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        done = asked(url, 100, 1, "--phases", "examples,coverage,fuzzing", quiet=True)
        assert done.returncode == 0, done.stdout
        assert httpx.get(f"{url}/health/ready").status_code == 200
