"""Spans for OpenTelemetry, sent by OTLP over HTTP: the only file that knows it (extra `otel`).

FastAPI has spans of its own; they hold paths and query strings, in which ids stand, and are switched off.
"""

import asyncio
import logging
import os
import threading
import time
from types import TracebackType
from typing import Self

from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import __version__, request_log, tracing
from service.operations import is_open
from service.tracing import Attribute, TracingError

logger = logging.getLogger(__name__)
_FLUSH_SECONDS = 3.0
_ENDING_SECONDS = 0.5
_PARENT = TraceContextTextMapPropagator()
_PREFIX = "sparseshelf."


class Exporting:
    """Where spans go: by OTel's own environment variables, in batches, from a thread of its own."""

    def __init__(self) -> None:
        """Raises TracingError."""
        _refuse_what_is_not_there()
        self.provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self.exporter: OTLPSpanExporter | None = None
        if os.environ.get("OTEL_TRACES_EXPORTER") != "none":
            try:
                self.exporter = OTLPSpanExporter()
                self.provider.add_span_processor(BatchSpanProcessor(self.exporter))
            except ValueError as error:
                raise TracingError(f"an environment variable OTEL_… has a value that is none ({error})") from error
        self.tracer = self.provider.get_tracer("sparseshelf", __version__)

    def surround(self, app: FastAPI) -> None:
        """Every request from here on, inwards."""
        app.add_middleware(TracedRequests, tracer=self.tracer)

    async def close(self) -> None:
        """Sends what is there, for a few seconds at most."""
        sending = threading.Thread(target=self.provider.shutdown, daemon=True)
        sending.start()
        if not await _ended(sending, _FLUSH_SECONDS) and self.exporter is not None:
            logger.warning("spans that could not be sent within %g s are lost", _FLUSH_SECONDS)
            self.exporter.shutdown()  # type: ignore[no-untyped-call]
            await _ended(sending, _ENDING_SECONDS)


class TracedRequests:
    """Gives every request that is no probe a span, below that of the caller's where there is one."""

    def __init__(self, app: ASGIApp, *, tracer: trace.Tracer) -> None:
        self.app, self.tracer = app, tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self.app(scope, receive, send)
            return
        method = request_log.method_of(scope)
        span = self.tracer.start_span(
            method, context=_parent(scope), kind=SpanKind.SERVER, attributes={"http.request.method": method}
        )
        _tell_log(span)

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= 500:
                    span.set_status(StatusCode.ERROR)
            await send(message)

        token = tracing.current.set(_Trace(self.tracer, span))
        try:
            with trace.use_span(span, end_on_exit=False, record_exception=False, set_status_on_exception=False):
                await self.app(scope, receive, noted)
        except Exception as error:
            span.set_attribute("http.response.status_code", 500)  # which the ring answers with
            span.set_attribute("error.type", type(error).__name__)  # its message may hold anything
            span.set_status(StatusCode.ERROR)
            raise
        finally:
            tracing.current.reset(token)
            _end(span, scope, method)


class _Trace:
    def __init__(self, tracer: trace.Tracer, server: trace.Span) -> None:
        self.tracer, self.server = tracer, server

    def note(self, name: str, value: Attribute) -> None:
        self.server.set_attribute(_PREFIX + name, value)

    def span(self, name: str) -> "_Span":
        return _Span(self.tracer, name)


class _Span:
    def __init__(self, tracer: trace.Tracer, name: str) -> None:
        self._entered = tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)

    def __enter__(self) -> Self:
        self._span = self._entered.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, passed: TracebackType | None, /
    ) -> None:
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)  # no status: it may be what was asked for
        self._entered.__exit__(kind, error, passed)

    def note(self, name: str, value: Attribute) -> None:
        self._span.set_attribute(_PREFIX + name, value)


def _parent(scope: Scope) -> Context:
    """The caller's span. What else a caller may send along (tracestate, baggage) is anyone's words, and left alone."""
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"traceparent"]
    return _PARENT.extract({"traceparent": named[0]} if len(named) == 1 else {}, Context())


def _tell_log(span: trace.Span) -> None:
    request = request_log.current.get()
    if request is not None and span.get_span_context().is_valid:
        request.trace_id = trace.format_trace_id(span.get_span_context().trace_id)


def _end(span: trace.Span, scope: Scope, method: str) -> None:
    if span.is_recording():
        if (route := request_log.route_of(scope)) is not None:
            span.update_name(f"{method} {route}")
            span.set_attribute("http.route", route)
        if (serving := scope["state"].get("serving")) is not None:
            span.set_attribute(f"{_PREFIX}model_version", serving.recommender.version)
            if (variant := serving.variant) is not None:
                span.set_attribute(f"{_PREFIX}variant", variant)
    span.end()


def _refuse_what_is_not_there() -> None:
    """Spans that are sent nowhere, or to where nobody understands them, would be missed much later."""
    for name, known in (
        ("OTEL_TRACES_EXPORTER", {"otlp", "none"}),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", {"http/protobuf"}),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", {"http/protobuf"}),
    ):
        value = os.environ.get(name)
        if value and value not in known:
            raise TracingError(f"{name} may be {' or '.join(sorted(known))} here")


def _resource() -> Resource:
    """Who sends: by the environment, else by our own name."""
    found = Resource.create()
    own = {"service.name": "sparseshelf", "service.version": __version__}
    named = not str(found.attributes["service.name"]).startswith("unknown_service")
    kept = {name: value for name, value in found.attributes.items() if name != "service.name" or named}
    return Resource({**own, **kept})


async def _ended(thread: threading.Thread, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while thread.is_alive() and time.monotonic() < until:
        await asyncio.sleep(0.01)
    return not thread.is_alive()
