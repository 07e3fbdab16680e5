"""To compile every kernel takes half a minute of one core: for the tests of it, it begins beside the tests before."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@dataclass
class Compilation:
    """A process that fills a folder, with compiled kernels too."""

    process: subprocess.Popen[str]
    folder: Path

    def done(self) -> str:
        """What it said on stderr, once it has ended well."""
        _, errors = self.process.communicate(timeout=300)
        assert self.process.returncode == 0, errors
        return errors


def of_an_image(folder: Path) -> Compilation:
    """Code, an empty home and a cache that is being filled, as an image has it."""
    for package in ("index", "service"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("home", "cache"):
        (folder / name).mkdir()
    environment = outside_of(folder) | {"NUMBA_CACHE_DIR": str(folder / "cache"), "NUMBA_CPU_NAME": "generic"}
    return _begun([*unprivileged(), sys.executable, "-m", "index.warm"], folder, folder, environment)


FIT_QUICKLY = (
    "fit --dataset synthetic --threads 1 --precision float32 --dims 32 --nonzeros 4 --prune-epochs 4 --regrow-epochs 2 "
    "--final-epochs 4 --batch-size 128"
).split()


def of_a_fit(folder: Path) -> Compilation:
    """A version in `folder`/compiled, and the kernels in `folder`/cache."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "trainer", *FIT_QUICKLY, "--out", str(folder / "compiled")]
    return _begun(command, folder, ROOT, environment)


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
    return kept | {"HOME": str(image / "home"), "PYTHONDONTWRITEBYTECODE": "1"}


def _begun(command: Sequence[str], folder: Path, cwd: Path, environment: dict[str, str]) -> Compilation:
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    return Compilation(process, folder)
