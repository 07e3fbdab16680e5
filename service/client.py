"""A client of the service, typed, which needs httpx and pydantic and nothing of the server.

    with Client("http://127.0.0.1:8000") as shelf:
        for item in shelf.recommend(["50", "181"], n=5, filter={"eq": {"genres": "Comedy"}}).items:
            print(item.title, item.score)

`AsyncClient` has the same methods, to be awaited. Connections are kept: one client is for many requests and threads.
"""

import time
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec, Self

import anyio
import httpx
from pydantic import ValidationError

from service import calls
from service.answers import Problem
from service.calls import Answered, Call

LONGEST_WAIT_SECONDS = 10
_LATER = (429, 503)
_LOST = (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError)
"""A connection that ended before its answer, as where a worker was killed: another one takes the next."""
Asked = ParamSpec("Asked")


class ServiceError(Exception):
    """What came in the place of an answer. Without a `code` it is not the service's, but of something before it.

    Where nothing comes at all httpx.TransportError is raised.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.request_id = response.headers.get("x-request-id")
        self.problem = _problem(response)
        self.code = self.problem.code if self.problem else None
        self.detail = self.problem.detail if self.problem else response.reason_phrase
        self.errors = (self.problem.errors if self.problem else None) or []
        super().__init__(f"{self.status} {self.code or 'no problem+json'}: {self.detail} (request {self.request_id})")


def _sent(
    route: Callable[Asked, Call[Answered]],
) -> "Callable[Concatenate[Client, Asked], Answered]":
    @wraps(route)
    def method(self: "Client", /, *given: Asked.args, **named: Asked.kwargs) -> Answered:
        return self.send(route(*given, **named))

    return method


def _awaited(
    route: Callable[Asked, Call[Answered]],
) -> "Callable[Concatenate[AsyncClient, Asked], Awaitable[Answered]]":
    @wraps(route)
    async def method(self: "AsyncClient", /, *given: Asked.args, **named: Asked.kwargs) -> Answered:
        return await self.send(route(*given, **named))

    return method


class Client:
    """`api_key` is sent as `Authorization: Bearer`. What 429 and 503 put off, and what was lost with its connection, is
    asked again, `retries` times.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 5.0,
        retries: int = 2,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._retries = retries
        headers = _headers(api_key)
        self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_seconds, transport=transport)

    recommend = _sent(calls.recommend)
    recommend_batch = _sent(calls.recommend_batch)
    rank_segments = _sent(calls.rank_segments)
    list_segments = _sent(calls.list_segments)
    recommend_in_segment = _sent(calls.recommend_in_segment)
    similar_segments = _sent(calls.similar_segments)
    read_segment = _sent(calls.read_segment)
    read_segment_tree = _sent(calls.read_segment_tree)
    homepage = _sent(calls.homepage)
    read_profile = _sent(calls.read_profile)
    read_history = _sent(calls.read_history)
    replace_history = _sent(calls.replace_history)
    forget_history = _sent(calls.forget_history)
    add_events = _sent(calls.add_events)
    read_deny_list = _sent(calls.read_deny_list)
    change_deny_list = _sent(calls.change_deny_list)
    reload = _sent(calls.reload)
    find_items = _sent(calls.find_items)
    similar_items = _sent(calls.similar_items)
    read_items = _sent(calls.read_items)
    read_item = _sent(calls.read_item)
    list_samples = _sent(calls.list_samples)
    read_dim = _sent(calls.read_dim)
    read_model = _sent(calls.read_model)
    health_live = _sent(calls.health_live)
    health_ready = _sent(calls.health_ready)

    def send(self, call: Call[Answered]) -> Answered:
        """Raises ServiceError, httpx.TransportError."""
        left = self._retries
        while True:
            try:
                response = self._http.request(
                    call.method, call.path, params=call.query, json=call.body, headers=call.headers
                )
            except _LOST:
                if not (call.repeatable and left):
                    raise
                left -= 1
                continue
            wait = _wait_seconds(call, response)
            if wait is None or not left:
                return _answer(call, response)
            time.sleep(wait)
            left -= 1

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncClient:
    """As Client."""

    def __init__(
        self,
        url: str,
        *,
        api_key: str | None = None,
        timeout_seconds: float = 5.0,
        retries: int = 2,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._retries = retries
        headers = _headers(api_key)
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=timeout_seconds, transport=transport)

    recommend = _awaited(calls.recommend)
    recommend_batch = _awaited(calls.recommend_batch)
    rank_segments = _awaited(calls.rank_segments)
    list_segments = _awaited(calls.list_segments)
    recommend_in_segment = _awaited(calls.recommend_in_segment)
    similar_segments = _awaited(calls.similar_segments)
    read_segment = _awaited(calls.read_segment)
    read_segment_tree = _awaited(calls.read_segment_tree)
    homepage = _awaited(calls.homepage)
    read_profile = _awaited(calls.read_profile)
    read_history = _awaited(calls.read_history)
    replace_history = _awaited(calls.replace_history)
    forget_history = _awaited(calls.forget_history)
    add_events = _awaited(calls.add_events)
    read_deny_list = _awaited(calls.read_deny_list)
    change_deny_list = _awaited(calls.change_deny_list)
    reload = _awaited(calls.reload)
    find_items = _awaited(calls.find_items)
    similar_items = _awaited(calls.similar_items)
    read_items = _awaited(calls.read_items)
    read_item = _awaited(calls.read_item)
    list_samples = _awaited(calls.list_samples)
    read_dim = _awaited(calls.read_dim)
    read_model = _awaited(calls.read_model)
    health_live = _awaited(calls.health_live)
    health_ready = _awaited(calls.health_ready)

    async def send(self, call: Call[Answered]) -> Answered:
        """Raises ServiceError, httpx.TransportError."""
        left = self._retries
        while True:
            try:
                response = await self._http.request(
                    call.method, call.path, params=call.query, json=call.body, headers=call.headers
                )
            except _LOST:
                if not (call.repeatable and left):
                    raise
                left -= 1
                continue
            wait = _wait_seconds(call, response)
            if wait is None or not left:
                return _answer(call, response)
            await anyio.sleep(wait)
            left -= 1

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _headers(api_key: str | None) -> dict[str, str]:
    return {} if api_key is None else {"Authorization": f"Bearer {api_key}"}


def _wait_seconds(call: Call[Answered], response: httpx.Response) -> int | None:
    """After which to send it again, where it was put off and may be repeated."""
    after = response.headers.get("retry-after", "")
    if not call.repeatable or response.status_code not in _LATER or not after.isdecimal():
        return None
    return int(after) if int(after) <= LONGEST_WAIT_SECONDS else None


def _answer(call: Call[Answered], response: httpx.Response) -> Answered:
    if response.status_code not in call.answered:
        raise ServiceError(response)
    try:
        return call.answer.model_validate_json(response.content or b"{}")
    except ValidationError as error:
        raise ServiceError(response) from error


def _problem(response: httpx.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None
