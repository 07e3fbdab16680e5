"""An interruption waits for a file, and is not forgotten."""

import signal
import threading
from collections.abc import Iterator

import pytest

from trainer.uninterrupted import uninterrupted


@pytest.fixture
def _stoppable() -> Iterator[None]:
    """As in a terminal; a program in the background of a script is started without it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_stoppable")
def test_an_interruption_waits_for_the_end() -> None:
    done = []

    def write() -> None:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append("written")

    with pytest.raises(KeyboardInterrupt):
        write()
    assert done == ["written"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_errors_are_those_of_the_block_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(OSError, match="full"), uninterrupted():
        raise OSError("full")
    assert signal.getsignal(signal.SIGTERM) is before


def test_other_threads_have_no_handlers_to_hold() -> None:
    done = []

    def work() -> None:
        with uninterrupted():
            done.append(1)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [1]
