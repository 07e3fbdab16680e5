"""Which version of a folder is current, and which were before it: the files CURRENT and SUCCESSION.

CURRENT alone says what is served. SUCCESSION has a version a line, in the order in which they became current, none
twice: those above the current one were current before it, those below it were left when somebody went back. Where a
version takes the place of another, it is written before CURRENT is: killed between the two, a writer leaves a CURRENT
that opens, with the same versions before it. A current version that it does not name (an earlier release or a person
wrote it there) comes last.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from index.errors import ArtifactError
from index.folder import read, replace_synced
from index.verified_files import MANIFEST

CURRENT, SUCCESSION = "CURRENT", "SUCCESSION"
POINTERS = (f".{CURRENT}-*", f".{SUCCESSION}-*")  # half-written ones
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MOST_VERSIONS = 1000  # that are remembered: of a training a day nearly three years
_MOST_BYTES = 2 * _MOST_VERSIONS * 129


def current_version(folder: Path) -> str:
    """The version that CURRENT names."""
    pointer = folder / CURRENT
    try:
        version = read(pointer, 1024).decode().strip()
    except FileNotFoundError:
        raise ArtifactError(_without_current(folder)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ArtifactError(f"{pointer}: cannot be read ({error})") from error
    if not VERSION.fullmatch(version):
        raise ArtifactError(f"{pointer}: {version[:40]!r} is not the name of a version")
    return version


def _without_current(folder: Path) -> str:
    if (folder / MANIFEST).is_file():
        return f"no {CURRENT} in {folder}, which is itself a version: name the folder that it lies in"
    if any(folder.glob(f"*/{MANIFEST}")):
        back = f"python -m trainer rollback {folder}"
        return f"no {CURRENT} in {folder}, but versions: `{back} --to VERSION` makes one current, --list lists them"
    return f"no artifact in {folder}: train one with `python -m trainer fit --data FILE --out {folder}`"


def point_at(folder: Path, version: str) -> None:
    """Makes `version` the one to serve, atomically, and remembers the one before. Raises OSError."""
    try:
        known = Succession.read(folder)
    except ArtifactError:  # neither may keep a new version from being served
        known = Succession(*_current_alone(folder))
    _replace(folder, version, known.overtaken_by(version))


def go_back(folder: Path, version: str) -> None:
    """Makes a version the one to serve that was so before; what came after it is remembered as left.

    One that never was takes the place of the current one, as a new one does. Raises OSError.
    """
    try:
        known = Succession.read(folder)
    except ArtifactError:
        known = Succession(*_current_alone(folder))
    _replace(folder, version, known.named if version in known.named else known.overtaken_by(version))


@dataclass(frozen=True)
class Succession:
    versions: tuple[str, ...]  # as SUCCESSION has them
    current: str | None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Raises ArtifactError where CURRENT or SUCCESSION cannot be read; without SUCCESSION nothing was before."""
        current = current_version(folder)
        path = folder / SUCCESSION
        try:
            versions = read(path, _MOST_BYTES).decode().split()
        except FileNotFoundError:
            versions = []
        except (OSError, UnicodeDecodeError) as error:
            raise ArtifactError(f"{path}: cannot be read ({error})") from error
        wrong = next((version for version in versions if not VERSION.fullmatch(version)), None)
        if wrong is not None or len(set(versions)) < len(versions):
            raise ArtifactError(
                f"{path}: it is not a list of versions, none twice; delete it, and what was current before is not known"
            )
        return cls(tuple(versions), current)

    @property
    def before(self) -> tuple[str, ...]:
        """The versions that were current before the current one, the last of them last."""
        return self.versions[: self._place]

    @property
    def left(self) -> tuple[str, ...]:
        """The versions that came after the current one, until somebody went back."""
        return self.versions[self._place + 1 :]

    @property
    def named(self) -> tuple[str, ...]:
        """All of them, the current one at its place."""
        return (*self.before, *([self.current] if self.current else []), *self.left)

    @property
    def _place(self) -> int:
        return self.versions.index(self.current) if self.current in self.versions else len(self.versions)

    def overtaken_by(self, version: str) -> tuple[str, ...]:
        """What is to be remembered before `version` takes the current one's place."""
        if version == self.current:
            return self.versions
        earlier = (*self.before, *([self.current] if self.current else []))
        return tuple(one for one in earlier if one != version)


def _current_alone(folder: Path) -> tuple[tuple[str, ...], str | None]:
    try:
        return (), current_version(folder)
    except ArtifactError:
        return (), None


def _replace(folder: Path, version: str, remembered: tuple[str, ...]) -> None:
    if remembered:
        lines = "".join(f"{one}\n" for one in remembered[-_MOST_VERSIONS:])
        if not _holds(folder / SUCCESSION, lines):
            replace_synced(folder / SUCCESSION, lines.encode())
    replace_synced(folder / CURRENT, f"{version}\n".encode())


def _holds(path: Path, content: str) -> bool:
    try:
        return read(path, _MOST_BYTES) == content.encode()
    except (OSError, ArtifactError):
        return False
