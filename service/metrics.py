"""What is measured: every metric by name, and what the rest of the service calls where something happens.

A process has one set of them; under several workers they lie in the folder that PROMETHEUS_MULTIPROC_DIR names. Labels
have few values: never an item, a user, a segment, a path as it came or whatever else a caller chooses.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sized
from typing import Any, Literal, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from index.answers import Homepage, Recommendation, SegmentRanking
from service.metrics_folder import VARIABLE, MetricsFolder

PREFIX = "sparseshelf"
CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
UNMATCHED, OTHER, NONE = "unmatched", "other", "none"
CLIENT_GONE = 499
"""The status of a request whose client did not wait for one, as nginx has it."""

Kind = Literal["item", "segment", "layout"]
Found = TypeVar("Found", Recommendation, SegmentRanking, Homepage)
_KINDS: tuple[Kind, ...] = ("item", "segment", "layout")
_METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"})
_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_COUNTS = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

try:
    _FOLDER = MetricsFolder.of_environment()
except OSError as unusable:
    print(f"error: {VARIABLE}: {unusable.filename}: {unusable.strerror}; name another folder, or none", file=sys.stderr)
    raise SystemExit(3) from unusable
_REGISTRY = CollectorRegistry()
disable_created_metrics()  # type: ignore[no-untyped-call]  # a series more for each, which several workers have not


def _counter(name: str, means: str, *labels: str) -> Counter:
    return Counter(name, means, labels, namespace=PREFIX, registry=_REGISTRY)


def _histogram(name: str, means: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, means, labels, namespace=PREFIX, registry=_REGISTRY, buckets=buckets)


def _gauge(name: str, means: str, *labels: str, over: Literal["livesum", "livemax"] = "livesum") -> Gauge:
    """`over` is what becomes of the workers' values; those of workers that are gone do not count."""
    return Gauge(name, means, labels, namespace=PREFIX, registry=_REGISTRY, multiprocess_mode=over)


_DURATION = _histogram(
    "http_request_duration_seconds", "From a request to the end of its answer", _SECONDS,
    "route", "method", "status", "variant",
)  # fmt: skip
_IN_FLIGHT = _gauge("http_requests_in_flight", "Requests that are being answered")
_REQUEST_BYTES = _counter("http_request_body_bytes", "Bytes of bodies that were read whole")
_RESPONSE_BYTES = _counter("http_response_body_bytes", "Bytes of answers' bodies")
_PROBLEMS = _counter("problems", "Errors answered, those within a batch as well", "code")

_SCORING = _histogram("scoring_seconds", "What the index took for an answer", _SECONDS, "kind")
_HISTORY_ITEMS = _histogram("history_items", "Items in the history of an answer that was computed", _COUNTS)
_ROWS_RETURNED = _histogram(
    "rows_returned", "Items, segments or shelves of an answer that was computed", _COUNTS, "kind"
)
_UNKNOWN_ITEMS = _counter("unknown_items", "Items of histories that the model does not hold")
_FALLBACK = _counter("fallback", "Answers by popularity, in the place of a profile", "reason")
_SHORTFALL = _counter("shortfall", "Answers with fewer items than were asked for")

_CACHE_REQUESTS = _counter("cache_requests", "Homepages asked for, by what X-Cache says", "result")
_CACHE_WAITS = _counter("cache_compute_waits", "Homepages that waited for another request to compute them")
_STORE_FAILURES = _counter("store_failures", "Calls of Redis that came to nothing", "kind")
_STORE_RESTING = _gauge("store_resting", "Connections to Redis that failed and have not answered since")
_ENGINE = _counter("engine_questions", "Questions to the engine that finds items in the index's place", "outcome")
_DENIED_ITEMS = _gauge("denied_items", "Items on the deny list", over="livemax")

_MODEL_INFO = _gauge("model_info", "Workers that serve a version", "version", "variant")
_MODEL_LOADED = _gauge(
    "model_loaded_timestamp_seconds", "When a version began to answer, in the last worker", "version", "variant",
    over="livemax",
)  # fmt: skip
_MODEL_BYTES = _gauge("model_bytes", "Bytes of a version's files", "version", "variant", over="livemax")
_MODEL_RELOADS = _counter("model_reload", "Versions that took over, or could not be opened, a worker each", "result")

_WORKERS = _gauge("workers", "Workers that live")
_WORKERS_READY = _gauge("workers_ready", "Workers whose model is warm")
_WORKER_STARTS = _counter("worker_starts", "Workers that were started")
_WORKER_RESIDENT = _gauge("worker_resident_bytes", "Memory of a worker, with what it shares", "worker")
_WORKER_PROPORTIONAL = _gauge("worker_proportional_bytes", "Memory of a worker; what n share counts 1/n", "worker")
_CPU = _counter("cpu_seconds", "Processor time of all workers, those that are gone included")

# A child is looked up once: labels() takes three times as long as counting does.
_durations: dict[tuple[str, str, int, str], Histogram] = {}
_scoring = {kind: _SCORING.labels(kind) for kind in _KINDS}
_rows = {kind: _ROWS_RETURNED.labels(kind) for kind in _KINDS}
_fallbacks = {reason: _FALLBACK.labels(reason) for reason in ("empty_history", "unknown_history", "no_profile")}
_cache = {result: _CACHE_REQUESTS.labels(result) for result in ("hit", "stale", "miss", "bypass")}
_stores = {
    kind: _STORE_FAILURES.labels(kind) for kind in ("timeout", "unreachable", "full", "refused", "late", "resting")
}
_engine = {outcome: _ENGINE.labels(outcome) for outcome in ("found", "failed", "missing", "resting", "inexpressible")}
_reloads = {result: _MODEL_RELOADS.labels(result) for result in ("ok", "failed")}


# ---------------------------------------------------------------- requests


def request_began() -> None:
    _IN_FLIGHT.inc()


def request_ended(scope: Mapping[str, Any], status: int, seconds: float, body_bytes: int) -> None:
    """`scope` is the request's, once the app is through with it."""
    _IN_FLIGHT.dec()
    _RESPONSE_BYTES.inc(body_bytes)
    route, serving = scope.get("route"), scope["state"].get("serving")
    method = scope["method"] if scope["method"] in _METHODS else OTHER
    variant = (serving and serving.variant) or NONE
    labels = (UNMATCHED if route is None else route.path_format, method, status, variant)
    duration = _durations.get(labels)
    if duration is None:
        duration = _durations[labels] = _DURATION.labels(*labels)
    duration.observe(seconds)


def body_read(n_bytes: int) -> None:
    _REQUEST_BYTES.inc(n_bytes)


def problem_answered(code: str) -> None:
    _PROBLEMS.labels(code).inc()


# ---------------------------------------------------------------- answers


def scored(kind: Kind, history: Sized, answer: Callable[[], Found]) -> Found:
    """What `answer` returns, timed and counted."""
    began = time.perf_counter()
    found = answer()
    _scoring[kind].observe(time.perf_counter() - began)
    _HISTORY_ITEMS.observe(len(history))
    rows, source = _shown(found)
    _rows[kind].observe(rows)
    if found.unknown_items:
        _UNKNOWN_ITEMS.inc(len(found.unknown_items))
    if source == "popularity":
        _fallbacks[_reason(len(history), len(found.unknown_items))].inc()
    if isinstance(found, Recommendation) and found.shortfall is not None:
        _SHORTFALL.inc()
    return found


def _shown(found: Recommendation | SegmentRanking | Homepage) -> tuple[int, str | None]:
    """How many rows, and what the first is there by."""
    match found:
        case Recommendation():
            return len(found.items), found.items[0].source if found.items else None
        case SegmentRanking():
            return len(found.segments), found.segments[0].source if found.segments else None
        case Homepage():
            items = found.shelves[0].items if found.shelves else []
            return len(found.shelves), items[0].source if items else None


def _reason(n_items: int, n_unknown: int) -> str:
    if n_items == 0:
        return "empty_history"
    return "unknown_history" if n_unknown == n_items else "no_profile"


# ---------------------------------------------------------------- cache and Redis


def page_answered(result: Literal["hit", "stale", "miss", "bypass"]) -> None:
    _cache[result].inc()


def page_waited_for() -> None:
    _CACHE_WAITS.inc()


def store_failed(kind: Literal["timeout", "unreachable", "full", "refused", "late", "resting"]) -> None:
    _stores[kind].inc()


def store_rests(change: Literal[1, -1]) -> None:
    _STORE_RESTING.inc(change)


def engine_asked(outcome: Literal["found", "failed", "missing", "resting", "inexpressible"]) -> None:
    _engine[outcome].inc()


def denied(n_items: int) -> None:
    _DENIED_ITEMS.set(n_items)


# ---------------------------------------------------------------- models and workers


class ServedVersion(NamedTuple):
    version: str
    n_bytes: int


_served: dict[str, ServedVersion] = {}


def models_served(versions: Mapping[Any, ServedVersion]) -> None:
    """What this worker answers from now on, by variant; None is who is in no split."""
    now = {variant or NONE: served for variant, served in versions.items()}
    for variant, before in _served.items():
        if now.get(variant) != before:
            for gauge in _OF_VERSIONS:
                if _FOLDER is None:
                    gauge.remove(before.version, variant)
                else:  # files forget nothing; what is 0 is not listed
                    gauge.labels(before.version, variant).set(0)
    for variant, served in now.items():
        if _served.get(variant) != served:
            _MODEL_INFO.labels(served.version, variant).set(1)
            _MODEL_LOADED.labels(served.version, variant).set(time.time())
            _MODEL_BYTES.labels(served.version, variant).set(served.n_bytes)
    _served.clear()
    _served.update(now)


def model_reloaded(result: Literal["ok", "failed"]) -> None:
    _reloads[result].inc()


def worker_started() -> None:
    _WORKERS.set(1)
    _WORKER_STARTS.inc()


def worker_ready(ready: bool) -> None:
    _WORKERS_READY.set(ready)


def worker_takes(worker: int, resident_bytes: int, proportional_bytes: int) -> None:
    """`worker` is the process' id; prometheus_client keeps the label `pid` for itself."""
    _WORKER_RESIDENT.labels(worker).set(resident_bytes)
    _WORKER_PROPORTIONAL.labels(worker).set(proportional_bytes)


def processor_used(seconds: float) -> None:
    _CPU.inc(seconds)


# ---------------------------------------------------------------- /metrics

_OF_VERSIONS = (_MODEL_INFO, _MODEL_LOADED, _MODEL_BYTES)
_VERSION_NAMES = frozenset(
    f"{PREFIX}_{name}" for name in ("model_info", "model_loaded_timestamp_seconds", "model_bytes")
)


class _Exposed(Collector):
    """All workers' metrics, without the versions that nobody serves any more."""

    def collect(self) -> Iterator[Metric]:
        for metric in (_REGISTRY if _FOLDER is None else _FOLDER).collect():
            if metric.name in _VERSION_NAMES:
                metric.samples = [sample for sample in metric.samples if sample.value]
            yield metric


def exposition() -> bytes:
    """Everything, as Prometheus reads it: milliseconds."""
    return generate_latest(_Exposed())
