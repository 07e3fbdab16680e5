"""A dose of what benchmarks/bench_hostile.py sends, to a real process with keys and limits."""

from pathlib import Path

from index.artifact import Artifact
from tests.conftest import RedisServer
from tests.service.hostile_senders import bodies, guarded, slow_senders


def test_whatever_is_sent_is_answered_and_what_is_invalid_is_a_problem(
    written: Artifact, tmp_path: Path, redis_server: RedisServer
) -> None:
    with guarded(written.folder.parent, tmp_path / "keys.txt", redis_server.url) as (port, key, log):
        with slow_senders(port, key, 12) as got:
            counts, wrong = bodies(f"http://127.0.0.1:{port}", key, seed=1, n=60)
        assert wrong == []
        assert counts.total() == 60 * len({route for route, _, _ in counts})
        assert {route.split()[0] for route, _, _ in counts} == {"POST", "PUT"}
        assert set(got) <= {"408", "closed"}
    assert not [line for line in log if "Traceback" in line or "ERROR" in line]
