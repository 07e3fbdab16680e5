"""What is compiled is kept where that can be done, and done without where it cannot."""

import importlib.util
import logging
import pickle
from pathlib import Path
from typing import Any

import numba
import pytest

from index import compiled

WARNING = "compiled kernels cannot be kept"


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    compiled._warn.cache_clear()
    path = tmp_path / "doubling.py"
    path.write_text(
        "from index.compiled import compiled\n\n\n"
        "@compiled\ndef double(number):\n    return number + number\n\n\n"
        "@compiled\ndef increment(number):\n    return number + 1\n"
    )
    return path


def hits(source: Path) -> int:
    """Calls the functions of a module imported anew; how many of them were loaded from the cache."""
    spec = importlib.util.spec_from_file_location("doubling", source)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.double(21) == 42
    assert module.increment(41) == 42
    return sum(sum(function.stats.cache_hits.values()) for function in (module.double, module.increment))


def indexes(source: Path) -> list[Path]:
    found = sorted((source.parent / "cache").rglob("*.nbi"))
    assert len(found) == 2
    return found


def test_what_was_compiled_once_is_loaded(source: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert hits(source) == 0
    assert hits(source) == 2
    assert not caplog.records


def test_a_change_in_a_file_beside_it_compiles_anew(source: Path) -> None:
    """A kernel may call one of another file; numba itself looks only at the kernel's own."""
    hits(source)
    source.with_name("called.py").write_text("# another kernel\n")
    assert hits(source) == 0
    assert hits(source) == 2


def test_what_was_compiled_for_another_processor_is_compiled_anew_and_kept_beside_it(
    source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hits(source)
    monkeypatch.setattr(numba.config, "CPU_NAME", "another")
    assert [hits(source), hits(source)] == [0, 2]
    monkeypatch.undo()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(source.parent / "cache"))
    assert hits(source) == 2
    assert not caplog.records


# The last is an index as an update leaves it: arguments' types are written down by their classes' names.
GONE = pickle.dumps(numba.__version__) + b"cindex.compiled\nGone\n."


@pytest.mark.parametrize("content", [b"", b"\x80", b"no index", GONE])
def test_what_was_kept_and_is_damaged_is_compiled_anew_and_kept(
    source: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    hits(source)
    for path in indexes(source):
        path.write_bytes(content)
    assert [hits(source), hits(source)] == [0, 2]
    assert not caplog.records


def test_what_can_neither_be_read_nor_replaced_is_compiled_anew_with_one_warning(
    source: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hits(source)
    for path in indexes(source):
        path.unlink()
        path.mkdir()
    with caplog.at_level(logging.WARNING):
        assert hits(source) == 0
    assert [WARNING in record.message for record in caplog.records] == [True]


def test_without_any_folder_it_is_compiled_with_one_warning(
    source: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(compiled._Places, "_locator_classes", ())
    assert [hits(source), hits(source)] == [0, 0]
    assert [WARNING in record.message for record in caplog.records] == [True]


def test_an_interruption_while_a_kernel_is_kept_is_not_swallowed(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise SystemError from KeyboardInterrupt()

    monkeypatch.setattr("numba.core.caching.FunctionCache.save_overload", interrupted)
    with pytest.raises(SystemError):
        hits(source)
