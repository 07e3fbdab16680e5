"""What a directory keeps, and what it holds up meanwhile."""

import gc
import threading
import weakref

import pytest

from index.directory import Directory
from index.search import search_of
from index.title_search import TitleSearch
from tests.worlds import random_model


def test_what_is_there_is_looked_up_while_titles_are_sorted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = random_model(0)
    directory = Directory(model, search_of(model.embedding))
    begun, go_on = threading.Event(), threading.Event()
    make = TitleSearch.__init__

    def slowly(self: TitleSearch, *given: object) -> None:
        begun.set()
        assert go_on.wait(60)
        make(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(TitleSearch, "__init__", slowly)
    finding = threading.Thread(target=directory.find, args=("title", 1))
    others = [
        directory.coherence,
        lambda: directory.sides(0, 1),
        lambda: directory.find_segments("segment", 1),
        lambda: directory.closest_segments(0, 1),
    ]
    looking = [threading.Thread(target=other) for other in others]
    finding.start()
    assert begun.wait(60)
    for thread in looking:
        thread.start()
    for thread in looking:
        thread.join(10)
    waited = [thread.is_alive() for thread in looking]
    go_on.set()
    finding.join()
    assert waited == [False] * 4


def test_a_model_that_was_asked_about_is_gone_with_its_directory() -> None:
    """Its files are mapped: what waits for the collector keeps them when they are deleted."""
    model = random_model(0)
    directory = Directory(model, search_of(model.embedding))
    directory.sides(0, 1)
    directory.coherence()
    directory.find("title", 1)
    directory.find_segments("segment", 1)
    directory.closest_segments(0, 1)
    gc.collect()
    gc.disable()
    try:
        held = weakref.ref(model.embedding)
        del model, directory
        assert held() is None
    finally:
        gc.enable()
