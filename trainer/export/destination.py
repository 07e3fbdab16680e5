"""Where a version goes: `--to KIND PLACE` to an engine."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from trainer.errors import ConfigurationError
from trainer.export.engine import Engine

KEY = "SPARSESHELF_EXPORT_KEY"
"""The environment variable with the key of a server: an API key, or USER:PASSWORD."""
FILES = ("npz", "parquet", "safetensors")
SEARCH = ("opensearch", "elasticsearch")
KINDS = ("qdrant", "milvus", *SEARCH, *FILES)
_NEEDS = {
    "qdrant folder": ("qdrant_edge", "qdrant-edge-py"),
    "qdrant server": ("qdrant_client", "qdrant-client"),
    "milvus file": ("milvus_lite", "milvus-lite"),
    "milvus server": ("pymilvus", "pymilvus"),
    "safetensors": ("safetensors", "safetensors"),
}


class Destination(NamedTuple):
    """`place` is a folder, a file (milvus-lite's) or an http address; `verify` a search engine's that has the files."""

    kind: str
    place: str
    name: str
    verify: str | None

    @classmethod
    def of(cls, kind: str, place: str, name: str, verify: str | None) -> "Destination":
        """Raises ConfigurationError for what is no kind, for an address that is none, and for a missing library."""
        if kind not in KINDS:
            raise ConfigurationError(f"--to {kind}: the kinds are {', '.join(KINDS)}")
        if verify is not None and kind not in SEARCH:
            raise ConfigurationError(
                f"--verify goes with --to {' and --to '.join(SEARCH)}; all others are asked anyway"
            )
        found = cls(kind, place, name, verify)
        if found.remote and kind not in ("qdrant", "milvus"):
            raise ConfigurationError(f"--to {kind} {place}: it is written to a folder")
        for address in (place if found.remote else None, verify):
            _refuse(address)
        if kind == "milvus" and not found.remote and not place.endswith(".db"):
            raise ConfigurationError(f"--to milvus {place}: an http address of a server, or a file that ends in .db")
        module, package = _NEEDS.get(found._form, ("", ""))
        if module and find_spec(module) is None:
            raise ConfigurationError(f"--to {kind} {place} needs {package}: pip install {package}")
        return found

    @property
    def remote(self) -> bool:
        return self.place.startswith(("http://", "https://"))

    @property
    def folder(self) -> Path | None:
        """What is written to and must not be by two at a time."""
        if self.remote:
            return None
        return Path(self.place).absolute().parent if self.kind == "milvus" else Path(self.place)

    @property
    def exact(self) -> bool:
        """Whether its answers are to be ours: search engines keep nine bits of a weight."""
        return self.kind not in SEARCH

    @property
    def _form(self) -> str:
        where = "server" if self.remote else {"qdrant": "folder", "milvus": "file"}.get(self.kind)
        return self.kind if where is None else f"{self.kind} {where}"

    def engine(self, version: str) -> Engine:  # each knows a library that may be absent
        """Opens what has to be opened. Raises ExportError where it cannot be reached."""
        key = os.environ.get(KEY, "").strip()
        if self.kind in FILES:
            from trainer.export.array_files import ArrayFiles  # noqa: PLC0415

            return ArrayFiles(Path(self.place), self.kind)
        if self.kind in SEARCH:
            from trainer.export.search_files import SearchFiles  # noqa: PLC0415

            where = Path(self.place)
            return SearchFiles(where, self.kind, name=self.name, version=version, url=self.verify, key=key)
        if self.kind == "milvus":
            from trainer.export.milvus import Milvus  # noqa: PLC0415

            return Milvus.opened(self.place, key, name=self.name, version=version)
        if self.remote:
            from trainer.export.qdrant_server import QdrantServer  # noqa: PLC0415

            return QdrantServer.opened(self.place, key, name=self.name, version=version)
        from trainer.export.qdrant_folder import QdrantFolder  # noqa: PLC0415

        return QdrantFolder(Path(self.place), version)


def _refuse(address: str | None) -> None:
    if address is None:
        return
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError as error:
        raise ConfigurationError(f"{address}: no address of a server ({error})") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ConfigurationError(f"{address}: http://HOST:PORT or https://HOST:PORT was expected")
    if parts.username or parts.password:
        raise ConfigurationError(f"an address must not hold a user or a password; a key goes into {KEY}")
