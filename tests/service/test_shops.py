"""A small dose of the state machine; benchmarks/bench_shops.py has the full one."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.conftest import RedisServer
from tests.service.shops import Shops


def test_whatever_happens_nothing_stale_hidden_or_doubled_is_shown(redis_server: RedisServer) -> None:
    Shops.redis_url = redis_server.url
    chosen = settings(max_examples=8, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Shops, settings=chosen)
