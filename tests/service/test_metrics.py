"""/metrics: what it says after requests of every kind, of one process and of several that share a folder."""

import os
import re
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from index import artifact
from index.artifact import Artifact
from service import metrics
from service.metrics_folder import VARIABLE
from service.settings import Settings
from tests.conftest import RedisServer, write
from tests.service.asking import asking
from tests.service.processes import Running, service
from tests.service.test_keys import bearing, made
from tests.service.test_process import failing
from tests.worlds import by_hand

Samples = dict[str, float]
PAGE = {"history": ["a"], "min_items": 1}
RECOMMENDED = (
    'sparseshelf_http_request_duration_seconds_count{method="POST",route="/recommend",status="200",variant="none"}'
)


def samples(text: str) -> Samples:
    """By name and labels, as they are written with the labels in order."""
    return {
        sample.name
        + ("{" + ",".join(f'{k}="{v}"' for k, v in sorted(sample.labels.items())) + "}")
        * bool(sample.labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def scraped(client: httpx.AsyncClient) -> Samples:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return samples(answer.text)


def grown(before: Samples, after: Samples) -> Samples:
    """What was counted in between, without the prefix. A test's process counts for every app that it makes."""
    return {
        name.removeprefix("sparseshelf_"): value - before.get(name, 0.0)
        for name, value in after.items()
        if value != before.get(name, 0.0)
    }


def settings(written: Artifact, **more: object) -> Settings:
    return Settings.model_validate({"artifacts": written.folder.parent, **more})


# ---------------------------------------------------------------- what is counted


@pytest.mark.anyio
async def test_requests_are_counted_by_route_and_status_and_never_by_what_a_caller_chose(written: Artifact) -> None:
    async with asking(settings(written)) as client:
        before = await scraped(client)
        for n in (1, 1, 0):
            await client.post("/recommend", json={"history": ["a"], "n": n})
        await client.get("/items/secret-item")
        await client.get("/items/a/similar")
        await client.get("/secret-path")
        await client.request("BREW", "/model")
        await client.post("/model")
        await client.request("OPTIONS", "/recommend")
        text = (await client.get("/metrics")).text
    found = grown(before, samples(text))

    def requests(route: str, method: str, status: int) -> float:
        labels = f'method="{method}",route="{route}",status="{status}",variant="none"'
        return found.get(f"http_request_duration_seconds_count{{{labels}}}", 0)

    assert requests("/recommend", "POST", 200) == 2
    assert requests("/recommend", "POST", 422) == 1
    assert requests("/items/{item_id}", "GET", 404) == 1
    assert requests("/items/{item_id}/similar", "GET", 200) == 1
    assert requests("unmatched", "GET", 404) == 1
    assert requests("/model", "other", 405) == 1
    assert requests("/model", "POST", 405) == 1
    assert requests("/recommend", "OPTIONS", 405) == 1
    assert found['problems_total{code="INVALID_REQUEST"}'] == 1
    assert found['problems_total{code="UNKNOWN_ITEM"}'] == 1
    assert found['problems_total{code="METHOD_NOT_ALLOWED"}'] == 3
    assert found["http_response_body_bytes_total"] > 1000
    assert samples(text)["sparseshelf_http_requests_in_flight"] == 1  # that which asked
    assert "secret" not in text
    assert "BREW" not in text


@pytest.mark.anyio
async def test_answers_are_counted_by_what_they_hold_and_why(written: Artifact) -> None:
    async with asking(settings(written)) as client:
        before = await scraped(client)
        await client.post("/recommend", json={"history": ["a", "who"], "n": 2})
        await client.post("/recommend", json={"history": ["who"], "n": 1})
        await client.post("/recommend", json={"history": [], "n": 1000})
        await client.post("/recommend", json={"history": ["a", {"item_id": "a", "weight": -1}], "n": 1})
        await client.post("/segments", json={"history": ["a"], "n": 1})
        await client.post("/segments/s1/items", json={"history": ["a"], "n": 1})
        await client.post("/homepage", json=PAGE)
        await client.post("/recommend/batch", json={"requests": [{"history": ["a"], "n": 1}, {"history": 1}]})
        found = grown(before, await scraped(client))
    assert found['scoring_seconds_count{kind="item"}'] == 6
    assert found['scoring_seconds_count{kind="segment"}'] == 1
    assert found['scoring_seconds_count{kind="layout"}'] == 1
    assert found["history_items_count"] == 8
    assert found["history_items_sum"] == 2 + 1 + 0 + 1 + 1 + 1 + 1 + 1
    assert found['rows_returned_sum{kind="segment"}'] == 1
    assert found["unknown_items_total"] == 2
    assert found['fallback_total{reason="unknown_history"}'] == 1
    assert found['fallback_total{reason="empty_history"}'] == 1
    assert found['fallback_total{reason="no_profile"}'] == 1
    assert found["shortfall_total"] == 1
    assert found['problems_total{code="INVALID_REQUEST"}'] == 1  # within the batch


@pytest.mark.anyio
async def test_pages_are_counted_by_what_the_cache_said(written: Artifact) -> None:
    async with asking(settings(written)) as client:
        before = await scraped(client)
        for _ in range(3):
            await client.post("/homepage", json=PAGE)
        found = grown(before, await scraped(client))
    assert found['cache_requests_total{result="miss"}'] == 1
    assert found['cache_requests_total{result="hit"}'] == 2
    assert found['scoring_seconds_count{kind="layout"}'] == 1


@pytest.mark.anyio
async def test_a_redis_that_is_gone_is_seen_and_so_is_its_return(written: Artifact, redis_server: RedisServer) -> None:
    more = {"redis_url": redis_server.url, "redis_budget_seconds": 1, "redis_pause_seconds": 0}
    async with asking(settings(written, **more)) as client:
        await client.post("/admin/deny-list", json={"add": ["b"]})
        before = await scraped(client)
        assert before["sparseshelf_denied_items"] == 1
        assert before["sparseshelf_store_resting"] == 0
        redis_server.kill()
        await client.post("/homepage", json=PAGE)
        while_gone = await scraped(client)
        redis_server.start()
        await client.post("/homepage", json=PAGE)
        await client.post("/admin/deny-list", json={"remove": ["b"]})
        after = await scraped(client)
    assert grown(before, while_gone)['cache_requests_total{result="bypass"}'] == 1
    assert grown(before, while_gone)['store_failures_total{kind="unreachable"}'] >= 1
    assert while_gone["sparseshelf_store_resting"] >= 1
    assert after["sparseshelf_store_resting"] == 0
    assert after["sparseshelf_denied_items"] == 0


@pytest.mark.anyio
async def test_only_versions_that_answer_are_listed_by_variant(tmp_path: Path) -> None:
    first, second, third = (write(tmp_path, by_hand(), name=name) for name in ("one", "two", "three"))
    artifact.point_at(tmp_path, first.version)
    split = {"artifacts": tmp_path, "challenger": third.version, "challenger_share": 1}
    async with asking(Settings.model_validate(split)) as client:
        before = await scraped(client)
        await client.post("/recommend", json={"history": ["a"]}, headers={"X-Split-Key": "someone"})
        artifact.point_at(tmp_path, second.version)
        assert (await client.post("/admin/reload")).status_code == 200
        (second.folder / "dims.npy").unlink(missing_ok=True)
        artifact.point_at(tmp_path, "four-000000000000")
        assert (await client.post("/admin/reload")).status_code == 409
        after = await scraped(client)
    listed = {name for name in after if name.startswith("sparseshelf_model_info")}
    versions = {"none": second.version, "a": second.version, "b": third.version}
    labels = [f'{{variant="{variant}",version="{version}"}}' for variant, version in versions.items()]
    assert listed == {f"sparseshelf_model_info{one}" for one in labels}
    for one in labels:
        assert after[f"sparseshelf_model_info{one}"] == 1
        assert after[f"sparseshelf_model_loaded_timestamp_seconds{one}"] == pytest.approx(time.time(), abs=60)
    assert after[f"sparseshelf_model_bytes{labels[2]}"] == third.size_bytes
    found = grown(before, after)
    assert found['model_reload_total{result="ok"}'] == 1
    assert found['model_reload_total{result="failed"}'] >= 1
    assert found[RECOMMENDED.removeprefix("sparseshelf_").replace("none", "b")] == 1


def test_versions_that_are_gone_leave_nothing_in_memory() -> None:
    for number in range(100):
        metrics.models_served({None: metrics.ServedVersion(f"of-night-{number}", 1)})
    assert len(metrics._MODEL_INFO._metrics) == 1


# ---------------------------------------------------------------- who may look, and when


@pytest.mark.anyio
async def test_it_asks_for_a_scope_of_its_own_and_is_never_refused_for_load(written: Artifact, tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    allowed, other = made(keys, "prometheus", "metrics"), made(keys, "shop", "read", "write", "admin")
    async with asking(settings(written, keys_file=keys, rate_per_second=0.001, burst=1)) as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers=bearing(other))).status_code == 403
        assert (await client.get("/model", headers=bearing(allowed))).status_code == 403
        for _ in range(5):
            assert (await client.get("/metrics", headers=bearing(allowed))).status_code == 200


# ---------------------------------------------------------------- several processes


def told(running: Running) -> Samples:
    return samples(httpx.get(f"{running.url}/metrics").text)


def until(running: Running, true: Callable[[Samples], bool]) -> Samples:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if true(found := told(running)):
            return found
        time.sleep(0.05)
    raise AssertionError("it never came about")


def ask(running: Running, times: int) -> None:
    for _ in range(times):
        assert httpx.post(f"{running.url}/recommend", json={"history": ["a"]}).status_code == 200


def memory(found: Samples) -> set[int]:
    """The processes whose memory is told of."""
    return {
        int(worker)
        for name in found
        for worker in re.findall(r'^sparseshelf_worker_resident_bytes{worker="(\d+)"}', name)
    }


def test_whichever_process_is_asked_answers_for_all_and_the_dead_leave_their_counts_only(
    written: Artifact, tmp_path: Path
) -> None:
    folder, share = written.folder.parent, tmp_path / "shared"
    environment = {VARIABLE: str(share)}
    info = f'sparseshelf_model_info{{variant="none",version="{written.version}"}}'
    with service(folder, **environment) as one:
        with service(folder, **environment) as other:
            ask(one, 3)
            ask(other, 2)
            with socket.create_connection(("127.0.0.1", other.port)) as connection:
                connection.sendall(b"this is no HTTP\r\n\r\n")
                assert b" 400 " in connection.recv(100)
            for running in (one, other):
                found = until(running, lambda found: len(memory(found)) == 2)
                assert found[RECOMMENDED] == 5
                assert found["sparseshelf_workers"] == found[info] == 2
                assert found['sparseshelf_problems_total{code="MALFORMED_REQUEST"}'] == 1
                assert memory(found) == {one.process.pid, other.process.pid}
                assert found["sparseshelf_http_requests_in_flight"] == 1
            os.kill(other.process.pid, signal.SIGKILL)
            other.process.wait()
            found = told(one)
            assert found[RECOMMENDED] == 5
            assert found["sparseshelf_workers"] == found[info] == 1
            assert memory(found) == {one.process.pid}
        files = {file.name for file in share.iterdir()}
        with service(folder, **environment) as next_one:
            ask(next_one, 1)
            for running in (one, next_one):
                found = told(running)
                assert found[RECOMMENDED] == 6
                assert found["sparseshelf_workers"] == 2
                assert found["sparseshelf_worker_starts_total"] == 3
            assert {file.name for file in share.iterdir()} == files | {"gauge_livesum_1.db", "gauge_livemax_1.db"}
    assert "Traceback" not in one.log + next_one.log


def test_the_workers_of_one_service_are_counted_together(written: Artifact) -> None:
    with service(written.folder.parent, "--workers", "2") as running:
        until(running, lambda found: found.get("sparseshelf_workers_ready") == len(memory(found)) == 2)
        for _ in range(20):  # each on a connection of its own: whichever worker is free takes it
            ask(running, 1)
        found = told(running)
        assert found[RECOMMENDED] == 20
        assert found["sparseshelf_workers"] == 2
        assert found["sparseshelf_worker_starts_total"] == 2


def test_a_folder_that_cannot_be_written_to_is_one_line(written: Artifact) -> None:
    arguments = ("--artifacts", str(written.folder.parent), "--port", "0", "--no-auth")
    code, errors = failing(*arguments, **{VARIABLE: "/dev/null/metrics"})
    assert code == 3
    assert errors.count("\n") == 1
    assert VARIABLE in errors
