"""The files that a manifest lists, one by one."""

import numpy as np

from index.errors import ArtifactError
from index.folder import Folder
from index.manifest import Manifest
from index.npy import Array, Shape, verified

MANIFEST = "manifest.json"


class VerifiedFiles:
    """The files that a manifest lists, each opened, verified and mapped when it is asked for."""

    def __init__(self, folder: Folder, manifest: Manifest) -> None:
        self._folder, self._manifest = folder, manifest
        self._unread = set(manifest.files)

    def read(self, path: str, kind: type[np.generic], shape: Shape) -> Array:
        if path not in self._unread:
            manifest = self._folder.path / MANIFEST
            raise ArtifactError(f"{manifest}: it does not list {path}, which the format asks for")
        self._unread.remove(path)
        name = self._folder.path / path
        try:
            with self._folder.open(path) as file:
                return verified(file, kind, shape, self._manifest.files[path])
        except FileNotFoundError:
            raise ArtifactError(f"{name}: the manifest lists it, but it is missing") from None
        except (OSError, ValueError) as error:
            raise ArtifactError(f"{name}: {error}") from error

    def surplus(self) -> str | None:
        """A file that the manifest lists and the format does not know; it was not opened."""
        return f"{MANIFEST}: {min(self._unread)[:80]!r} is not a file of an artifact" if self._unread else None
