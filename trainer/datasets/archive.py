"""A published archive: taken from the data folder, else downloaded, and verified either way."""

import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

from trainer.datasets.download import FetchError, fetch
from trainer.datasets.tables import Request
from trainer.errors import DataError


@dataclass(frozen=True)
class Archive:
    """A zip file that somebody publishes."""

    title: str
    name: str
    url: str
    sha256: str | None  # None: none is published, and the zip's own checksums have to do

    def path(self, request: Request) -> Path:
        """Where it lies, fetched if need be. Raises DataError where it is damaged or out of reach."""
        if (found := self.found(request)) is not None:
            return found
        try:
            return self.fetched(request)
        except FetchError as error:
            raise FetchError(f"{self.title} could not be fetched. {error}. {self.by_hand(request)}") from error

    def found(self, request: Request) -> Path | None:
        """The archive in the data folder, verified; None where there is none."""
        path = request.data_dir / self.name
        if not path.is_file():
            return None
        if (wrong := self.complaint(path)) is not None:
            raise DataError(f"{path}: {wrong}; delete it and try again")
        return path

    def fetched(self, request: Request) -> Path:
        path = request.folder_made / self.name
        fetch(self.url, path, self.complaint, request.say, quiet=request.quiet)
        return path

    def by_hand(self, request: Request) -> str:
        return (
            f"Put {self.name} into {request.data_dir} by hand ({self.url}), give its folder with --data-dir, or use "
            "--dataset synthetic, which needs no network"
        )

    def complaint(self, path: Path) -> str | None:
        """What is wrong with the file, None for nothing."""
        return wrong_digest(path, self.sha256) if self.sha256 is not None else _broken_archive(path)


def wrong_digest(path: Path, sha256: str) -> str | None:
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return None if found == sha256 else f"its sha256 is {found[:12]}…, not the published {sha256[:12]}…"


def _broken_archive(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        return f"it is no complete zip archive ({error})"
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
    return None if broken is None else f"{broken} in it is damaged"
