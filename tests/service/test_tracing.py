"""Spans: where they go, what hangs below what, and what stands in none of them."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from index.artifact import Artifact
from service.app import create_app
from service.settings import Settings
from service.spans import Exporting
from service.tracing import TracingError
from tests.conftest import RedisServer
from tests.service.asking import asking, live
from tests.service.logging_app import with_routes_that_fail
from tests.service.span_receiver import SpanReceiver, attributes, receiving
from tests.service.test_logs import ITEM, SECRET, asked_everything_of, lines_of, logging
from tests.service.test_process import ROOT, failing

pytestmark = pytest.mark.anyio
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[SpanReceiver]:
    with receiving() as found:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", found.url)
        yield found


def traced(written: Artifact, **more: object) -> Settings:
    return Settings(artifacts=written.folder.parent, tracing=True, **more)  # type: ignore[arg-type]


async def test_a_search_is_a_span_below_that_of_its_request(written: Artifact, receiver: SpanReceiver) -> None:
    async with asking(traced(written)) as client:
        await client.post("/recommend", json={"history": ["a", "b"], "n": 3}, headers={"traceparent": CALLER})
    server, search = receiver.span("POST /recommend"), receiver.span("search")
    assert server.trace_id.hex() == search.trace_id.hex() == CALLER.split("-")[1]
    assert server.parent_span_id.hex() == CALLER.split("-")[2]
    assert search.parent_span_id == server.span_id
    assert attributes(server) == {
        "http.request.method": "POST",
        "http.route": "/recommend",
        "http.response.status_code": 200,
        "sparseshelf.n": 3,
        "sparseshelf.history_length": 2,
        "sparseshelf.model_version": written.version,
    }
    assert receiver.resources[0]["service.name"] == "sparseshelf"
    assert set(receiver.paths) == {"/v1/traces"}


async def test_work_in_a_thread_hangs_below_its_request_too(written: Artifact, receiver: SpanReceiver) -> None:
    async with asking(traced(written)) as client:
        await client.post("/recommend/batch", json={"requests": [{"history": ["a"]}]})
    server, search = receiver.span("POST /recommend/batch"), receiver.span("search")
    assert search.parent_span_id == server.span_id
    assert search.trace_id == server.trace_id


async def test_a_page_is_looked_up_laid_out_and_stored(
    written: Artifact, receiver: SpanReceiver, redis_server: RedisServer
) -> None:
    async with asking(traced(written, redis_url=redis_server.url)) as client:
        for _ in range(2):
            await client.post("/homepage", json={"history": ["a"]})
    first, second = receiver.spans("POST /homepage")
    assert [attributes(span)["sparseshelf.cache"] for span in (first, second)] == ["miss", "hit"]
    assert attributes(first)["sparseshelf.history_length"] == 1
    assert receiver.span("layout").parent_span_id == first.span_id
    told = [(span.parent_span_id, attributes(span)) for span in receiver.spans("cache")]
    assert told == [
        (first.span_id, {"sparseshelf.operation": "look", "sparseshelf.outcome": "mine"}),
        (first.span_id, {"sparseshelf.operation": "store", "sparseshelf.outcome": "stored"}),
        (second.span_id, {"sparseshelf.operation": "look", "sparseshelf.outcome": "found"}),
    ]


async def test_probes_make_no_spans(written: Artifact, receiver: SpanReceiver) -> None:
    async with asking(traced(written)):
        pass
    assert receiver.spans() == []


async def test_a_failure_is_told_by_its_type(written: Artifact, receiver: SpanReceiver) -> None:
    async with live(with_routes_that_fail(create_app(traced(written)))) as client:
        await client.post("/fail", json={"history": ["a"]})
    span = receiver.span("POST /fail")
    assert span.status.code == 2
    assert (attributes(span)["error.type"], attributes(span)["http.response.status_code"]) == ("RuntimeError", 500)


async def test_nothing_that_requests_brought_along_is_in_a_span(
    written: Artifact, receiver: SpanReceiver, redis_server: RedisServer
) -> None:
    app = create_app(traced(written, redis_url=redis_server.url, histories=True))
    async with live(with_routes_that_fail(app)) as client:
        client.headers.update(
            {"tracestate": f"{SECRET}={SECRET}", "baggage": f"{SECRET}={SECRET}", "traceparent": CALLER}
        )
        await asked_everything_of(client)
        await client.request("HUSH", f"/items/{quote(ITEM, safe='')}?q={SECRET}", headers={"Host": SECRET})
    assert len(receiver.spans()) > 100
    assert set(receiver.paths) == {"/v1/traces"}
    assert SECRET.encode() not in b"".join(receiver.bodies).lower()


@pytest.mark.parametrize("listens", [False, True], ids=["a closed port", "one that never answers"])
async def test_a_collector_out_of_reach_costs_nothing_but_its_spans(
    written: Artifact, monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    monkeypatch.setattr("service.spans._FLUSH_SECONDS", 0.2)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4")
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{deaf.getsockname()[1]}")
        if not listens:
            deaf.close()
        async with asking(traced(written)) as client:
            for _ in range(40):
                began = time.monotonic()
                assert (await client.post("/recommend", json={"history": ["a"]})).status_code == 200
                assert time.monotonic() - began < 1
            ended = time.monotonic()
        assert time.monotonic() - ended < 2


def test_a_process_sends_its_spans_and_no_others_and_names_the_trace_in_its_log(
    written: Artifact, receiver: SpanReceiver
) -> None:
    """Even where FastAPI is told by the environment to trace by itself, with paths and queries."""
    environment = {
        "SPARSESHELF_TRACING": "true",
        "SPARSESHELF_LOG_FORMAT": "json",
        "SPARSESHELF_ACCESS_LOG": "true",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "OTEL_SERVICE_NAME": "shelves",
    }
    with logging(written, **environment) as process:
        httpx.post(f"{process.url}/say?q={SECRET}", headers={"traceparent": CALLER})
        httpx.get(f"{process.url}/items/{SECRET}")
        httpx.post(f"{process.url}/fail", json={"history": [ITEM]})
        lines = [line for line in lines_of(process.ended()) if line.get("route") == "/say"]
    assert len(lines) == 4
    assert {line["trace_id"] for line in lines} == {CALLER.split("-")[1]}
    assert {span.name for span in receiver.spans()} == {"POST /say", "GET /items/{item_id}", "POST /fail"}
    assert {resource["service.name"] for resource in receiver.resources} == {"shelves"}
    assert SECRET.encode() not in b"".join(receiver.bodies).lower()


def test_without_the_extra_it_says_what_to_install_and_exit_3(written: Artifact) -> None:
    program = """
import sys
sys.modules["opentelemetry.sdk"] = sys.modules["opentelemetry.exporter"] = None
from service.__main__ import main
sys.exit(main(["--port", "0", "--no-auth"]))
"""
    settings = {"SPARSESHELF_ARTIFACTS": str(written.folder.parent), "SPARSESHELF_TRACING": "true"}
    command = [sys.executable, "-c", program]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "SPARSESHELF_TRACING" in done.stderr
    assert "pip install '.[otel]'" in done.stderr


@pytest.mark.parametrize("name", ["OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_BSP_MAX_QUEUE_SIZE"])
def test_what_opentelemetry_cannot_do_here_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "-1")
    with pytest.raises(TracingError, match="OTEL_"):
        Exporting()


def test_a_setting_of_opentelemetrys_that_cannot_be_followed_is_exit_3(written: Artifact) -> None:
    environment = {"SPARSESHELF_TRACING": "true", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    code, errors = failing("--artifacts", str(written.folder.parent), "--port", "0", "--no-auth", **environment)
    assert (code, errors) == (3, "error: SPARSESHELF_TRACING: OTEL_EXPORTER_OTLP_PROTOCOL may be http/protobuf here\n")
