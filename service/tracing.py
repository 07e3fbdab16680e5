"""Spans: where the time of a request goes. Without tracing they cost a look at a context variable.

service/spans.py makes them; this file is all that the rest of the service knows of it.
"""

from contextvars import ContextVar
from importlib.util import find_spec
from types import TracebackType
from typing import Protocol, Self

Attribute = str | int | float | bool


class TracingError(Exception):
    """The environment asks of OpenTelemetry what is not there."""


class Span(Protocol):
    """A part of the work, entered and left."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, passed: TracebackType | None, /
    ) -> None: ...

    def note(self, name: str, value: Attribute) -> None:
        """What is known of it: a size, an outcome; never an id."""
        ...


class Trace(Protocol):
    """The spans of one request."""

    def note(self, name: str, value: Attribute) -> None: ...

    def span(self, name: str) -> Span: ...


class _NoSpan:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def note(self, name: str, value: Attribute) -> None: ...


current: ContextVar[Trace | None] = ContextVar("current", default=None)
"""That of the request that is being answered, in its tasks and threads."""
_NO_SPAN = _NoSpan()


def span(name: str) -> Span:
    """What is done inside of it is measured."""
    trace = current.get()
    return _NO_SPAN if trace is None else trace.span(name)


def note(**known: Attribute) -> None:
    """What is known of the request itself: how much it asks for, from how long a history; never an id."""
    trace = current.get()
    if trace is not None:
        for name, value in known.items():
            trace.note(name, value)


def installed() -> bool:
    """Whether what spans are made and sent with is there."""
    try:
        return find_spec("opentelemetry.sdk.trace") is not None and (
            find_spec("opentelemetry.exporter.otlp.proto.http.trace_exporter") is not None
        )
    except ModuleNotFoundError:  # of a package that one of them lies in
        return False
