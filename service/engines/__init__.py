"""Engines of others that can find items in the index's place, for /recommend with and without a filter."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.engines.retriever import Retriever
    from service.settings import Settings


def installed(*, remote: bool) -> bool:
    """Whether what asks a server, or a folder, is there: it is an extra."""
    return find_spec("qdrant_client" if remote else "qdrant_edge") is not None


def retriever_of(settings: "Settings") -> "Retriever | None":
    """Asks nothing yet."""
    if settings.qdrant is None:
        return None
    from service.engines.retriever import Retriever  # noqa: PLC0415

    if settings.qdrant.startswith(("http://", "https://")):
        from service.engines.qdrant_server import QdrantServer  # noqa: PLC0415

        key = None if settings.qdrant_api_key is None else settings.qdrant_api_key.get_secret_value()
        server = QdrantServer.opened(
            settings.qdrant, key, name=settings.qdrant_name, seconds=settings.qdrant_budget_seconds
        )
        return Retriever(server, pause_seconds=settings.qdrant_pause_seconds)
    from service.engines.qdrant_folder import QdrantFolder  # noqa: PLC0415

    return Retriever(QdrantFolder(Path(settings.qdrant)), pause_seconds=settings.qdrant_pause_seconds)
