"""Buckets of tokens, against a simulation that lets them drip in one tick at a time."""

import asyncio

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.artifact import Artifact
from service.app import create_app
from service.dependencies import Charge
from service.settings import Settings
from service.token_bucket import Rate, TokenBuckets
from tests.service.asking import asking

TICKS_A_SECOND = 8  # times and tokens are then whole eighths, which floats hold exactly

steps = st.lists(
    st.tuples(
        st.integers(0, 40),  # ticks that pass
        st.sampled_from("ab"),  # whose bucket
        st.one_of(st.none(), st.integers(0, 12)),  # a request; or a charge of so many
    ),
    max_size=60,
)


@given(st.integers(1, 20), st.integers(1, 9), steps)
def test_it_gives_what_a_bucket_that_drips_would_give(
    per_second: int, burst: int, steps: list[tuple[int, str, int | None]]
) -> None:
    ticks = 0
    buckets = TokenBuckets(Rate(per_second, burst), lambda: ticks / TICKS_A_SECOND)
    dripping = {"a": burst * TICKS_A_SECOND, "b": burst * TICKS_A_SECOND}  # eighths of tokens
    for passed, name, charged in steps:
        for _ in range(passed):
            ticks += 1
            dripping = {whose: min(burst * TICKS_A_SECOND, had + per_second) for whose, had in dripping.items()}
        if charged is not None:
            asyncio.run(buckets.charge(name, charged))
            dripping[name] -= charged * TICKS_A_SECOND
            continue
        seconds = asyncio.run(buckets.take(name))
        missing = max(0, TICKS_A_SECOND - dripping[name])
        assert seconds == pytest.approx(missing / TICKS_A_SECOND / per_second)
        if not missing:
            dripping[name] -= TICKS_A_SECOND


@given(st.floats(0.01, 1e4), st.integers(1, 100), st.lists(st.floats(0, 5), min_size=1, max_size=100))
def test_whoever_waits_as_long_as_told_gets_a_token(per_second: float, burst: int, pauses: list[float]) -> None:
    now = 0.0
    buckets = TokenBuckets(Rate(per_second, burst), lambda: now)
    for pause in pauses:
        now += pause
        if seconds := asyncio.run(buckets.take("shop")):
            now += seconds * (1 + 1e-9) + 1e-9
            assert asyncio.run(buckets.take("shop")) == 0
    assert len(buckets._buckets) == 1


async def statuses(client: httpx.AsyncClient, n: int, **headers: str) -> list[int]:
    return [(await client.get("/model", headers=headers)).status_code for _ in range(n)]


@pytest.mark.anyio
async def test_a_request_too_many_is_told_when_to_come_back_and_health_is_not_counted(written: Artifact) -> None:
    settings = Settings(artifacts=written.folder.parent, rate_per_second=0.4, burst=3)
    async with asking(settings) as client:
        assert await statuses(client, 4) == [200, 200, 200, 429]
        refused = await client.post("/recommend", content=b"{")
        assert (refused.status_code, refused.json()["code"]) == (429, "RATE_LIMITED")
        assert refused.headers["Retry-After"] == "3"
        assert (await client.get("/health/live")).status_code == 200


@pytest.mark.anyio
async def test_a_route_may_charge_for_more_than_one_request_and_the_next_one_waits_for_it(written: Artifact) -> None:
    app = create_app(Settings(artifacts=written.folder.parent, rate_per_second=2, burst=3))

    @app.post("/many")
    async def many(charge: Charge) -> None:
        await charge(9)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test") as client:
        assert (await client.post("/many")).status_code == 200
        refused = await client.get("/model")
        assert (refused.status_code, refused.headers["Retry-After"]) == (429, "4")
