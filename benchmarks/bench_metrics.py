"""What counting costs a /recommend, and what /metrics takes: python -m benchmarks.bench_metrics

With PROMETHEUS_MULTIPROC_DIR=FOLDER as under several workers. In the process, the fastest of five rounds.
"""

import timeit
from collections.abc import Callable
from types import SimpleNamespace

from index.answers import RankedItem, Recommendation
from service import metrics

FOUND = Recommendation([RankedItem(str(place), None, 1.0, place, "profile") for place in range(20)], [], None)
HISTORY = dict.fromkeys(map(str, range(50)), 1.0)
SCOPE = {
    "method": "POST",
    "route": SimpleNamespace(path_format="/recommend"),
    "state": {"serving": SimpleNamespace(variant=None)},
}


def recommend() -> None:
    """All that is counted of one."""
    metrics.request_began()
    metrics.body_read(1000)
    metrics.scored("item", HISTORY, lambda: FOUND)
    metrics.request_ended(SCOPE, 200, 0.0005, 2000)


def main() -> None:
    print(f"a /recommend: {_seconds(recommend, 20_000) * 1e6:.1f} µs")
    print(f"/metrics: {_seconds(metrics.exposition, 20) * 1e3:.1f} ms")


def _seconds(call: Callable[[], object], times: int) -> float:
    return min(timeit.repeat(call, number=times, repeat=5)) / times


if __name__ == "__main__":
    main()
