"""Ctrl-C and SIGTERM wait while a file is written: nothing is lost, and no library is stopped halfway."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """What was sent meanwhile is sent again at the end. Only in the main thread, where Python handles signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    sent: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: sent.append(number)) for number in _NUMBERS}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler or signal.SIG_DFL)
        if sent:
            signal.raise_signal(sent[0])
