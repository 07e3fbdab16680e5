"""The service as a process on a file system that cannot be written to: with its kernels brought along, and without."""

import contextlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import pytest

from index.artifact import Artifact
from tests.conftest import free_port

ROOT = Path(__file__).parent.parent.parent
WARNING = "compiled kernels cannot be kept"


def unprivileged() -> Sequence[str]:
    """What makes a process one that a folder without the write bit keeps out. Root's privileges overrule it."""
    if os.geteuid() != 0:
        return []
    if setpriv := shutil.which("setpriv"):
        return [setpriv, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
    pytest.skip("root may write everywhere, and there is no setpriv to give that up")


def outside_of(image: Path) -> dict[str, str]:
    """An environment that names nothing of this one."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_", "XDG_", "PYTHONPATH"))}
    return kept | {"HOME": str(image / "home"), "PYTHONDONTWRITEBYTECODE": "1", "NUMBA_OPT": "1"}  # compiles sooner


def lock(folder: Path, *, locked: bool = True) -> None:
    for path in [folder, *folder.rglob("*")]:
        path.chmod((0o500 if path.is_dir() else 0o400) if locked else 0o700)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Path]:
    """A folder with the code, an empty home and an empty cache, as an image has it: lock it before use."""
    for package in ("index", "service"):
        shutil.copytree(ROOT / package, tmp_path / "image" / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("home", "cache"):
        (tmp_path / "image" / name).mkdir()
    yield tmp_path / "image"
    lock(tmp_path / "image", locked=False)


@contextlib.contextmanager
def answering(image: Path, written: Artifact, **settings: str) -> Iterator[list[str]]:
    """Starts the service, asks it once, stops it; then the list holds the lines of its log."""
    port, log = free_port(), []
    arguments = ["-m", "service", "--artifacts", str(written.folder.parent), "--port", str(port), "--no-auth"]
    process = subprocess.Popen(
        [*unprivileged(), sys.executable, *arguments],
        cwd=image,
        env=outside_of(image) | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200:
                    break
            time.sleep(0.05)
        answer = httpx.post(f"http://127.0.0.1:{port}/recommend", json={"history": ["a"], "n": 2})
        assert [item["item_id"] for item in answer.json()["items"]] == ["c", "b"]
        process.terminate()
        _, errors = process.communicate(timeout=30)
        log += errors.splitlines()
        yield log
    finally:
        process.kill()
        process.communicate()


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_without_any_folder_to_write_to_it_answers_and_says_once_that_it_compiles_each_time(
    image: Path, written: Artifact
) -> None:
    lock(image)
    with answering(image, written) as log:
        assert len([line for line in log if WARNING in line]) == 1
        assert not [line for line in log if "Traceback" in line]


def test_kernels_that_were_compiled_beforehand_are_loaded_from_a_folder_that_cannot_be_written_to(
    image: Path, written: Artifact
) -> None:
    cache = {"NUMBA_CACHE_DIR": str(image / "cache"), "NUMBA_CPU_NAME": "generic"}
    command = [*unprivileged(), sys.executable, "-m", "index.warm"]
    compiled = subprocess.run(command, cwd=image, env=outside_of(image) | cache, stderr=subprocess.PIPE, check=False)
    assert (compiled.returncode, compiled.stderr) == (0, b"")
    lock(image)
    before = files(image)
    with answering(image, written, **cache) as log:
        assert not [line for line in log if "WARNING" in line]
    assert files(image) == before
