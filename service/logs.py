"""Logs: one form for all lines, text or JSON, and nothing in them that a request brought along.

What exceptions say may be a history, an address with its password, an input: of an exception only its type and where it
passed are logged. What other libraries say is filled with such values as well: their lines keep the words and lose
the values, and where the words cannot be told from the values only the place is named.
"""

import logging
import os
import sys
import threading
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any, TextIO

from fastapi import FastAPI
from structlog.processors import EventRenamer, ExceptionRenderer, JSONRenderer, TimeStamper
from structlog.stdlib import ProcessorFormatter, add_log_level, add_logger_name
from structlog.tracebacks import Trace, extract
from structlog.typing import EventDict, ExcInfo

from service import request_log
from service.settings import Settings

logger = logging.getLogger(__name__)
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
_OWN = ("service", "index")
_MOST_FRAMES = 40


def configure(settings: Settings) -> None:
    """Once a process, before anything is logged: levels, the form of lines, and what Python itself would print."""
    level = getattr(logging, settings.log_level.upper())
    root = logging.getLogger()
    for handler in list(root.handlers):
        if type(handler) in {logging.StreamHandler, LineHandler}:  # others' are in place for a reason: a test's
            root.removeHandler(handler)
    root.addHandler(LineHandler(settings.log_format))
    root.setLevel(max(level, logging.INFO))  # what libraries say of their work in detail is nobody's to read
    for name in _OWN:
        logging.getLogger(name).setLevel(level)
    warnings.showwarning = _warned
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread
    sys.unraisablehook = _unraisable


def telling(lifespan: Lifespan) -> Lifespan:
    """Says why it failed, which uvicorn says in one piece with messages."""

    @asynccontextmanager
    async def told(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with lifespan(app):
                yield
        except Exception:
            logger.exception("the service could not start, or not end")
            raise

    return told


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines to stderr. One that cannot be written is named by its place, without what it should have said."""

    def __init__(self, form: str) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(_formatter(form))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  the standard library's name
        if record.name != logger.name:
            logger.error("a line could not be written: %s", _place(record))


def _formatter(form: str) -> ProcessorFormatter:
    return ProcessorFormatter(
        processors=[
            TimeStamper(fmt="iso", utc=True, key="time"),
            add_log_level,
            add_logger_name,
            _told,
            EventRenamer("message"),
            _known,
            ExceptionRenderer(_passed),
            ProcessorFormatter.remove_processors_meta,
            JSONRenderer() if form == "json" else _as_text,
        ],
        pass_foreign_args=True,
        use_get_message=False,
    )


def _told(_logger: object, _method: str, event: EventDict) -> EventDict:
    """What the line says, as far as it may be told."""
    record: logging.LogRecord = event["_record"]
    words, values = record.msg, event.pop("positional_args", ())
    event.pop("stack_info", None)
    package = record.name.partition(".")[0]
    if not isinstance(words, str) or (package == "uvicorn" and "\n" in words.strip()):  # a whole traceback, in words
        event["event"] = _place(record)
    elif package in _OWN or package == "uvicorn":
        if isinstance(values, tuple):
            values = tuple(_harmless(value) for value in values)
        event["event"] = (words % values if values else words).strip()
    else:
        event["event"] = words if values else _place(record)
    return event


def _harmless(value: object) -> object:
    """An exception of a library says what it likes."""
    if isinstance(value, BaseException) and type(value).__module__.partition(".")[0] not in _OWN:
        return type(value).__name__
    return value


def _place(record: logging.LogRecord) -> str:
    return f"{record.module}.{record.funcName}, line {record.lineno}"


def _known(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Whose line it is: the process, and the request that is being answered."""
    event["pid"] = os.getpid()
    request = request_log.current.get()
    if request is not None:
        event.update(request.fields())
    event.update(getattr(event["_record"], "fields", {}))
    return event


def _passed(exc_info: ExcInfo) -> list[dict[str, Any]]:
    """An exception and what came before it, first the one that was raised last: types and places, no messages."""
    return _stacks(extract(*exc_info, show_locals=False))


def _stacks(trace: Trace) -> list[dict[str, Any]]:
    found = []
    for stack in trace.stacks:
        frames = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in stack.frames]
        if len(frames) > _MOST_FRAMES:
            half = _MOST_FRAMES // 2
            frames = [*frames[:half], f"{len(frames) - 2 * half} more", *frames[-half:]]
        entry: dict[str, Any] = {"type": stack.exc_type, "frames": frames}
        if stack.exceptions:
            entry["exceptions"] = [_stacks(nested) for nested in stack.exceptions]
        found.append(entry)
    return found


def _as_text(_logger: object, _method: str, event: EventDict) -> str:
    """A line to read; those of an exception follow, set in, so that none can pass for the beginning of another."""
    time, level, name, message = (event.pop(key) for key in ("time", "level", "logger", "message"))
    exception = event.pop("exception", [])
    del event["pid"]
    fields = [f"{key}={_printable(str(value))}" for key, value in event.items()]
    first = " ".join([time, level.upper(), name, _printable(message), *fields])
    return "\n".join([first, *_exception_lines(exception, "    ")])


def _exception_lines(stacks: list[dict[str, Any]], indent: str) -> Iterator[str]:
    for number, stack in enumerate(stacks):
        yield indent + ("after " if number else "") + stack["type"]
        for frame in stack["frames"]:
            yield f"{indent}  {_printable(frame)}"
        for nested in stack.get("exceptions", ()):
            yield from _exception_lines(nested, indent + "    ")


def _printable(text: str) -> str:
    """Without what ends a line or moves a terminal's cursor."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode() for character in text
    )


def _warned(  # noqa: PLR0917  as warnings calls it
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    del message, file, line  # pydantic's name the value that they warn of
    logger.warning("%s at %s:%d", category.__name__, filename, lineno)


def _uncaught(kind: type[BaseException], error: BaseException, passed: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, passed)
    else:
        logger.critical("the process ends by an exception", exc_info=(kind, error, passed))


def _uncaught_in_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None:
        error = (ended.exc_type, ended.exc_value, ended.exc_traceback)
        logger.error("a thread ended by an exception", exc_info=error)


def _unraisable(ignored: "sys.UnraisableHookArgs") -> None:
    if ignored.exc_value is not None:
        error = (ignored.exc_type, ignored.exc_value, ignored.exc_traceback)
        logger.error("an exception could be raised to nobody", exc_info=error)
