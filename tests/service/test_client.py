"""The client against a live service, over a socket: every route, every way that things go wrong."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

from benchmarks.bench_contract import serving
from service import calls, client
from service.answers import Health
from service.calls import Call
from service.client import AsyncClient, Client, ServiceError
from service.example_answers import ANSWERS
from service.examples import REQUESTS
from service.requests import HomepageRequest, ProfileRequest, RecommendRequest, SegmentItemsRequest, SegmentsRequest
from tests.conftest import RedisServer

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(tmp_path_factory.mktemp("films")) as url:
        yield url


def given(name: str) -> dict[str, Any]:
    """Of a method, by the first example of its operation."""
    examples = REQUESTS[name]
    body = next((body for body in examples.values() if isinstance(body, dict)), {})
    return {key: value for key, value in examples.items() if not isinstance(value, dict)} | body


def same(answer: BaseModel, expected: Any) -> bool:
    """Whether the answer says what the example does, of whichever version."""
    example = type(answer).model_validate(expected)
    return bool(flat(answer.model_dump()) == pytest.approx(flat(example.model_dump()), abs=1e-3))


def flat(answer: Any) -> dict[str, Any]:
    """By place, for pytest's comparison of floats."""
    found: dict[str, Any] = {}

    def put(value: Any, place: str) -> None:
        if isinstance(value, dict):
            for key, one in value.items():
                put(one, f"{place}.{key}")
        elif isinstance(value, list):
            for i, one in enumerate(value):
                put(one, f"{place}[{i}]")
        elif not place.endswith(("model_version", "request_id")):
            found[place] = value

    put(answer, "")
    return found


STORED = ("read_history", "replace_history", "forget_history", "add_events", "read_deny_list", "change_deny_list")
NO_JSON = "read_metrics"  # for Prometheus, which has a client of its own
STATELESS = [name for name in ANSWERS if name not in (*STORED, "reload", NO_JSON)]


def test_a_reload_says_what_every_worker_answers_from(url: str) -> None:
    with Client(url) as shelf:
        done = shelf.reload()
    assert [worker.version for worker in done.workers] == [done.model_version]


def test_histories_and_the_deny_list_have_methods_too(tmp_path: Path, redis_server: RedisServer) -> None:
    stored = {"SPARSESHELF_REDIS_URL": redis_server.url, "SPARSESHELF_HISTORIES": "1"}
    with serving(tmp_path, **stored) as url, Client(url) as shelf:
        assert [entry.item_id for entry in shelf.replace_history("u /1", ["c", "d"]).items] == ["c", "d"]
        assert shelf.add_events("u /1", [{"event_id": "1", "item_id": "a"}]).added == 1
        assert shelf.read_history("u /1").items[0].item_id == "a"
        assert shelf.homepage(user_id="u /1", min_items=1).shelves
        shelf.forget_history("u /1")
        assert shelf.read_history("u /1").items == []
        assert shelf.change_deny_list(add=["c"]).items == shelf.read_deny_list().items == ["c"]


@pytest.mark.parametrize("name", STORED)
def test_where_nothing_is_stored_that_is_the_error(name: str, url: str) -> None:
    with Client(url) as shelf, pytest.raises(ServiceError) as refused:
        getattr(shelf, name)(**given(name))
    assert (refused.value.status, refused.value.code) == (409, "SWITCHED_OFF")


@pytest.mark.parametrize("name", STATELESS)
def test_every_operation_has_a_method_of_its_name(name: str, url: str) -> None:
    with Client(url) as shelf:
        answer = getattr(shelf, name)(**given(name))
    assert same(answer, ANSWERS[name])


@pytest.mark.anyio
async def test_and_one_to_be_awaited(url: str) -> None:
    async with AsyncClient(url) as shelf:
        for name in STATELESS:
            answer = await getattr(shelf, name)(**given(name))
            assert same(answer, ANSWERS[name])


@pytest.mark.parametrize(
    ("options", "request_model", "first"),
    [
        (calls.RecommendOptions, RecommendRequest, {"history"}),
        (calls.ProfileOptions, ProfileRequest, {"history"}),
        (calls.SegmentsOptions, SegmentsRequest, {"history"}),
        (calls.SegmentItemsOptions, SegmentItemsRequest, {"history"}),
        (calls.HomepageOptions, HomepageRequest, {"history"}),
    ],
)
def test_options_are_the_fields_of_the_requests(options: type, request_model: type[BaseModel], first: set[str]) -> None:
    fields = options.__annotations__.keys() | inherited(options)
    assert fields == request_model.model_fields.keys() - first | {"split_key"}  # which is a header


def inherited(options: Any) -> set[str]:
    return set(options.__required_keys__ | options.__optional_keys__)


@pytest.mark.parametrize("item_id", ["x/y", "a b", "ä?#&%", "%2F", "similar", "+", "a\nb\n", ".", "..", "..."])
def test_any_id_can_be_asked_for(url: str, item_id: str) -> None:
    with Client(url) as shelf, pytest.raises(ServiceError) as refused:
        shelf.read_item(item_id)
    assert refused.value.detail == f"no item {item_id!r} in this model"


def test_an_error_tells_all_that_the_problem_does(url: str) -> None:
    with Client(url) as shelf, pytest.raises(ServiceError) as refused:
        shelf.recommend(["a"], n=0)
    error = refused.value
    message = "Input should be greater than or equal to 1"
    assert (error.status, error.code, error.detail) == (422, "INVALID_REQUEST", f"check n: {message}")
    assert error.errors == [{"field": "n", "message": message}]
    assert error.problem is not None
    assert error.request_id == error.problem.request_id
    assert "INVALID_REQUEST" in str(error)


def test_where_nothing_answers_httpx_says_so() -> None:
    with Client("http://127.0.0.1:9") as shelf, pytest.raises(httpx.TransportError):
        shelf.read_model()


# ---------------------------------------------------------------- keys, retries, what is not the service


class Served:
    """Gives these answers in turn, and keeps what it was asked."""

    def __init__(self, *given: httpx.Response) -> None:
        self.given, self.asked = list(given), list[httpx.Request]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.given.pop(0)


def later(status: int = 503, after: str | None = "0") -> httpx.Response:
    return httpx.Response(status, headers={} if after is None else {"Retry-After": after}, text="later")


def ok() -> httpx.Response:
    return httpx.Response(200, json={"status": "ok"})


def shelf_of(served: Served, **options: Any) -> Client:
    return Client("http://shelf.test/base", transport=httpx.MockTransport(served), **options)


def test_the_key_is_sent_and_the_path_of_the_address_kept() -> None:
    served = Served(ok(), ok())
    shelf_of(served, api_key="s3cret").health_live()
    shelf_of(served).health_live()
    assert served.asked[0].headers["Authorization"] == "Bearer s3cret"
    assert "Authorization" not in served.asked[1].headers
    assert str(served.asked[0].url) == "http://shelf.test/base/health/live"


@pytest.mark.parametrize("status", [429, 503])
def test_what_is_put_off_is_asked_again(status: int) -> None:
    served = Served(later(status), later(status), ok())
    assert shelf_of(served).health_live().status == "ok"
    assert len(served.asked) == 3


@pytest.mark.anyio
async def test_also_when_it_is_awaited() -> None:
    served = Served(later(), ok())
    async with AsyncClient("http://shelf.test", transport=httpx.MockTransport(served)) as shelf:
        assert (await shelf.health_live()).status == "ok"


@pytest.mark.parametrize(
    "given",
    [[later()] * 3, [later(after=None)], [later(after="3600")], [later(after="soon")], [later(500)], [later(404)]],
)
def test_but_not_for_ever_nor_where_it_does_not_say_when(given: list[httpx.Response]) -> None:
    served = Served(*given)
    with pytest.raises(ServiceError) as refused:
        shelf_of(served).health_live()
    assert not served.given
    assert refused.value.code is None


def test_what_must_not_be_repeated_is_asked_once() -> None:
    served = Served(later(), ok())
    call = Call(Health, "POST", "/x", repeatable=False)
    with pytest.raises(ServiceError):
        shelf_of(served).send(call)
    assert len(served.asked) == 1


def test_an_answer_that_is_none_is_an_error() -> None:
    with pytest.raises(ServiceError) as refused:
        shelf_of(Served(httpx.Response(200, text="<html>"))).read_model()
    assert refused.value.status == 200


def test_a_service_that_warms_up_is_no_error_to_ask_about() -> None:
    served = Served(httpx.Response(503, json={"status": "starting", "model_version": "films-1"}))
    assert shelf_of(served).health_ready().status == "starting"


def test_it_needs_nothing_of_the_server() -> None:
    program = """
import sys
for name in "fastapi starlette uvicorn redis numpy numba pydantic_settings index".split():
    sys.modules[name] = None
from service.client import AsyncClient, Client
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_both_clients_have_the_same_methods() -> None:
    def methods(kind: type) -> set[str]:
        return {name for name in vars(kind) if not name.startswith("_")}

    assert methods(Client) == methods(AsyncClient) >= set(REQUESTS) - {NO_JSON}
    assert client.__doc__


def test_what_was_lost_with_its_connection_is_asked_again() -> None:
    lost = [httpx.ReadError("gone"), httpx.RemoteProtocolError("gone")]

    def answer(_: httpx.Request) -> httpx.Response:
        if lost:
            raise lost.pop()
        return httpx.Response(200, json={"status": "ok"})

    with Client("http://shelf.test", transport=httpx.MockTransport(answer)) as shelf:
        assert shelf.health_live().status == "ok"


def test_what_is_lost_again_and_again_is_said() -> None:
    def answer(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("gone")

    with Client("http://shelf.test", transport=httpx.MockTransport(answer)) as shelf, pytest.raises(httpx.ReadError):
        shelf.health_live()
