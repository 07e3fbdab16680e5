"""A Qdrant server that `python -m trainer export --to qdrant URL` wrote to."""

import warnings
from typing import Self

import httpx
import numpy as np
from qdrant_client import QdrantClient
from qdrant_client.common.client_exceptions import QdrantException
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from qdrant_client.models import Filter as QdrantFilter
from qdrant_client.models import SparseVector

from index.filters import Filter
from index.kernels import Floats
from index.points import CODE, collection
from index.retrieval import Retrieved
from service.engines.engine import EngineUnavailableError, VersionMissingError
from service.engines.qdrant_filter import document_of

_NOT_FOUND = 404


class _Within(httpx.HTTPTransport):
    """Connecting and answering within so many seconds: the client rounds parts of one up."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._timeout = httpx.Timeout(seconds).as_dict()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions["timeout"] = self._timeout
        return super().handle_request(request)


class QdrantServer:
    """Asks the collection NAME-VERSION-items."""

    def __init__(self, client: QdrantClient, name: str) -> None:
        self._client, self._name = client, name

    @classmethod
    def opened(cls, url: str, key: str | None, *, name: str, seconds: float) -> Self:
        """Asks nothing yet; a question may take so many seconds."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a key without TLS: whoever says http:// knows
            client = QdrantClient(url=url, api_key=key, transport=_Within(seconds), check_compatibility=False)
        return cls(client, name)

    def nearest(self, version: str, profile: Floats, n: int, where: Filter | None) -> Retrieved:
        dims = np.flatnonzero(profile)
        wanted = document_of(where)
        there = collection(self._name, version, "items")
        try:
            found = self._client.query_points(
                there,
                query=SparseVector(indices=dims.tolist(), values=profile[dims].tolist()),
                using=CODE,
                limit=n,
                query_filter=None if wanted is None else QdrantFilter.model_validate(wanted),
                with_payload=False,
            ).points
        except UnexpectedResponse as error:
            if error.status_code == _NOT_FOUND:
                raise VersionMissingError(f"there is no collection {there}") from error
            raise EngineUnavailableError(f"it answers {error.status_code}") from error
        except (ResponseHandlingException, QdrantException, OSError) as error:
            raise EngineUnavailableError(type(getattr(error, "source", error)).__name__) from error
        rows = np.array([point.id for point in found], np.int32)
        return Retrieved(rows, np.array([point.score for point in found], np.float64))

    def close(self) -> None:
        self._client.close()
