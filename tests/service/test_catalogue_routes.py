"""What is looked up: items by their titles and one by one, items of a segment, segments that are alike; and batches."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from index.samples import Samples
from service.app import create_app
from service.live import Denied
from service.requests import MAX_BATCH, MAX_BATCH_N
from service.settings import Settings
from tests import oracle
from tests.conftest import write
from tests.service.asking import asking
from tests.worlds import by_hand, grown, random_model

pytestmark = pytest.mark.anyio


@pytest.fixture
async def films(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Six films: Comedy (a, c, and b as a guest), War (d, e, and a), Gloom (b); f was never trained."""
    write(tmp_path, grown())
    async with asking(Settings(artifacts=tmp_path)) as client:
        yield client


def ids(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [item["item_id"] for item in answer.json()["items"]]


def refused(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_items_are_found_by_their_titles(films: httpx.AsyncClient) -> None:
    found = (await films.get("/items", params={"q": "boot DAS"})).json()
    assert found["items"] == [{"item_id": "d", "title": "Das Boot", "popularity": pytest.approx(0.2)}]
    assert found["n_matching"] == 1
    assert ids(await films.get("/items", params={"q": "b"})) == ["b", "d"]
    assert ids(await films.get("/items", params={"q": "b", "n": 1})) == ["b"]
    assert ids(await films.get("/items", params={"q": "e"})) == ["e"]
    wrongs: list[dict[str, Any]] = [{}, {"q": ""}, {"q": "x" * 513}, {"q": "b", "n": 0}]
    for wrong in wrongs:
        assert refused(await films.get("/items", params=wrong)) == (422, "INVALID_REQUEST")


async def test_an_item_is_told_with_attributes_segments_and_code(films: httpx.AsyncClient) -> None:
    item = (await films.get("/items/a")).json()
    del item["model_version"]
    assert item == {
        "item_id": "a",
        "title": "Airplane!",
        "popularity": 0.5,
        "attributes": {"year": 1980, "country": "US", "genres": ["Comedy"], "poster": "https://example.org/a.jpg"},
        "segment": {"segment_id": "s1", "label": "Comedy"},
        "guest_of": [{"segment_id": "s2", "label": "War"}],
        "coded": True,
        "dims": [{"dim": 0, "weight": pytest.approx(0.8)}, {"dim": 2, "weight": pytest.approx(0.6)}],
    }
    unknown = (await films.get("/items/e")).json()
    assert unknown["title"] is None
    assert unknown["attributes"] == {"year": None, "country": None, "genres": [], "poster": None}
    never_trained = (await films.get("/items/f")).json()
    assert (never_trained["segment"], never_trained["coded"], never_trained["dims"]) == (None, False, [])
    assert refused(await films.get("/items/zz")) == (404, "UNKNOWN_ITEM")


async def test_ids_with_slashes_have_addresses_and_the_last_similar_is_the_route(tmp_path: Path) -> None:
    model = random_model(0, n_items=4)
    renamed = type(model)(
        model.embedding,
        model.popularity,
        type(model.vocabulary).of(["x", "x/y", "x/similar", "items/x"]),
        model.catalog,
        model.segments,
    )
    write(tmp_path, renamed)
    async with asking(Settings(artifacts=tmp_path)) as client:
        for item_id in ("x", "x/y", "items/x"):
            assert (await client.get(f"/items/{item_id}")).json()["item_id"] == item_id
            assert (await client.get(f"/items/{item_id}/similar")).json()["item_id"] == item_id
        assert "dims" not in (await client.get("/items/x/similar")).json()
        assert (await client.get("/items/x/similar/similar")).json()["item_id"] == "x/similar"
        assert ids(await client.get("/items", params={"q": "x/similar"}))[0] == "x/similar"


async def test_all_items_of_a_shelf_come_with_guests_or_without(films: httpx.AsyncClient) -> None:
    answer = (await films.post("/segments/s1/items", json={"history": ["d"]})).json()
    assert (answer["segment_id"], answer["label"]) == ("s1", "Comedy")
    assert [item["item_id"] for item in answer["items"]] == ["a", "b", "c"]
    assert answer["shortfall"] == "3 of 20: the segment, the history leave no more of the 6 items"

    async def asked(segment: str = "s1", **body: Any) -> list[str]:
        return ids(await films.post(f"/segments/{segment}/items", json={"history": ["d"], **body}))

    assert await asked(guests=False) == ["a", "c"]
    assert await asked(n=1) == ["a"]
    assert await asked(exclude=["a"]) == ["b", "c"]
    assert await asked(filter={"eq": {"country": "UK"}}) == ["b"]
    assert await asked(steer=[{"segment_id": "s1", "strength": 3}]) == ["c", "a", "b"]
    assert await asked(mute=["s3"]) == ["a", "c"]
    assert await asked(history=[]) == ["a", "b", "c"]
    assert await asked("s2", history=["d"]) == ["e", "a"]


async def test_what_is_wrong_with_a_segment_is_a_404_in_the_path_and_a_422_in_the_body(
    films: httpx.AsyncClient,
) -> None:
    for path in ("/segments/s9/items", "/segments/s1/items/more/items"):
        assert refused(await films.post(path, json={"history": []})) == (404, "UNKNOWN_SEGMENT")
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"mute": ["s9"]}, "UNKNOWN_SEGMENT"),
        ({"filter": {"eq": {"colour": "red"}}}, "INVALID_FILTER"),
        ({"n": 0}, "INVALID_REQUEST"),
        ({"explain": True}, "INVALID_REQUEST"),
    ]
    for body, code in wrongs:
        assert refused(await films.post("/segments/s1/items", json={"history": ["a"], **body})) == (422, code)


async def test_a_shelf_shows_the_best_of_its_segments_items(tmp_path: Path) -> None:
    write(tmp_path, random_model(5))
    async with asking(Settings(artifacts=tmp_path)) as client:
        body = {"history": ["item-3", "item-8"], "shelves": 3, "items_per_shelf": 4, "lead": "none"}
        page = (await client.post("/homepage", json=body)).json()["shelves"]
        first = page[0]
        every = await client.post(f"/segments/{first['segment_id']}/items", json={"history": body["history"]})
        assert ids(every)[:4] == [item["item_id"] for item in first["items"]]


async def test_segments_that_are_alike_are_ranked(films: httpx.AsyncClient) -> None:
    answer = (await films.get("/segments/s1/similar")).json()
    assert [(one["segment_id"], one["rank"], one["size"]) for one in answer["segments"]] == [("s3", 1, 1), ("s2", 2, 2)]
    assert len((await films.get("/segments/s1/similar?n=1")).json()["segments"]) == 1
    assert refused(await films.get("/segments/s9/similar")) == (404, "UNKNOWN_SEGMENT")
    assert refused(await films.get("/segments/s1/similar?n=0")) == (422, "INVALID_REQUEST")


async def test_samples_are_histories_that_came_with_the_model(films: httpx.AsyncClient, tmp_path: Path) -> None:
    answer = (await films.get("/samples")).json()
    assert [(one["sample_id"], one["item_ids"]) for one in answer["samples"]] == [
        ("1", ["a", "b", "c"]),
        ("2", ["d", "f"]),
    ]
    assert answer["samples"][1]["items"] == [
        {"item_id": "d", "title": "Das Boot", "popularity": pytest.approx(0.2)},
        {"item_id": "f", "title": "Fog", "popularity": pytest.approx(0.05)},
    ]
    write(tmp_path / "without", replace(grown(), samples=None))
    async with asking(Settings(artifacts=tmp_path / "without")) as client:
        assert (await client.get("/samples")).json()["samples"] == []


async def test_a_sample_is_named_by_its_three_best_known_items(tmp_path: Path) -> None:
    histories = np.concatenate([np.arange(0, 200, 2), np.arange(100, 200)]).astype(np.int32)
    model = replace(random_model(5), samples=Samples(np.array([0, 100, 200], np.int64), histories))
    write(tmp_path, model)
    async with asking(Settings(artifacts=tmp_path)) as client:
        found = (await client.get("/samples")).json()["samples"]
    for sample, history in zip(found, (histories[:100], histories[100:]), strict=True):
        best = sorted(history.tolist(), key=lambda row: (-model.popularity[row], row))[:3]
        assert sample["item_ids"] == [f"item-{row}" for row in history]
        assert [item["item_id"] for item in sample["items"]] == [f"item-{row}" for row in best]
        assert [item["title"] for item in sample["items"]] == [f"Title {row}" for row in best]


async def test_a_dim_is_told_by_what_stands_on_its_sides(films: httpx.AsyncClient) -> None:
    plus, minus = (await films.get("/dims/0")).json()["sides"]
    assert [(item["item_id"], item["title"], item["weight"]) for item in plus["items"]] == [
        ("c", "Clerks", 1.0), ("a", "Airplane!", 0.8), ("b", "Brazil", 0.6),
    ]  # fmt: skip
    assert (plus["sign"], plus["n_items"], plus["segments"]) == (1, 3, [{"segment_id": "s1", "label": "Comedy"}])
    assert minus == {"sign": -1, "n_items": 0, "segments": [], "items": []}
    plus, _ = (await films.get("/dims/0?n=1")).json()["sides"]
    assert ([item["item_id"] for item in plus["items"]], plus["n_items"]) == (["c"], 3)
    for dim in ("4", "-1", "9" * 40):
        assert refused(await films.get(f"/dims/{dim}")) == (404, "UNKNOWN_DIM")
    for wrong in ("/dims/x", "/dims/1.5", "/dims/0?n=0", "/dims/0?n=101"):
        assert refused(await films.get(wrong)) == (422, "INVALID_REQUEST")


async def test_segments_are_found_by_their_labels(films: httpx.AsyncClient) -> None:
    async def found(**asked: Any) -> tuple[list[str], int]:
        answer = (await films.get("/segments", params=asked)).json()
        return [one["segment_id"] for one in answer["segments"]], answer["n_matching"]

    assert await found() == (["s1", "s2", "s3"], 3)
    assert await found(n=2) == (["s1", "s2"], 3)
    assert await found(q="GLOO") == (["s3"], 1)
    assert await found(q="s2", n=1) == (["s2"], 1)
    assert await found(q="loom") == ([], 0)
    wrongs: list[dict[str, Any]] = [{"q": ""}, {"q": "x" * 513}, {"n": 0}, {"n": 10_001}, {"n": ""}]
    for wrong in wrongs:
        assert refused(await films.get("/segments", params=wrong)) == (422, "INVALID_REQUEST")


async def test_a_segment_tells_what_it_was_made_of(films: httpx.AsyncClient, tmp_path_factory: Any) -> None:
    tree = (await films.get("/segments/s2/tree")).json()
    assert (tree["segment_id"], tree["label"]) == ("s2", "War")
    assert [(group["node"], group["dim"], group["sign"], group["n_items"]) for group in tree["groups"]] == [
        (0, 1, -1, 2), (1, 2, 1, 0), (2, 3, 1, 0),
    ]  # fmt: skip
    assert [item["item_id"] for item in tree["groups"][0]["items"]] == ["d", "e"]
    assert [(merge["node"], merge["first"], merge["second"]) for merge in tree["merges"]] == [(3, 0, 2), (4, 3, 1)]
    assert len((await films.get("/segments/s1/tree")).json()["groups"]) == 1
    assert refused(await films.get("/segments/s9/tree")) == (404, "UNKNOWN_SEGMENT")
    folder = tmp_path_factory.mktemp("without")
    write(folder, by_hand())
    async with asking(Settings(artifacts=folder)) as client:
        older = (await client.get("/segments/s2/tree")).json()
        assert (older["groups"], older["merges"]) == ([], [])


async def test_a_segment_says_how_many_guests_it_has_and_how_much_its_items_have_in_common(
    films: httpx.AsyncClient,
) -> None:
    listed = (await films.get("/segments")).json()["segments"]
    assert [one["n_guests"] for one in listed] == [1, 1, 0]
    assert [one["coherence"] for one in listed] == [pytest.approx(0.8), pytest.approx(0.8), None]
    alone = (await films.get("/segments/s2")).json()
    assert alone | listed[1] == alone
    (similar,) = (await films.get("/segments/s1/similar?n=1")).json()["segments"]
    assert similar | listed[2] == similar


async def test_items_that_no_answer_may_hold_are_not_looked_up_either(tmp_path: Path) -> None:
    write(tmp_path, grown())
    app = create_app(Settings(artifacts=tmp_path))
    async with app.router.lifespan_context(app):
        app.state.live.warm_up()
        app.state.live.deny(Denied.of(["a"]))
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert refused(await client.get("/items/a")) == (404, "UNKNOWN_ITEM")
            assert ids(await client.get("/items", params={"q": "airplane"})) == []
            assert ids(await client.get("/items", params={"q": "a"})) == []
            assert ids(await client.get("/segments/s1")) == ["c"]
            (first, second) = (await client.get("/samples")).json()["samples"]
            assert (first["item_ids"], second["item_ids"]) == (["b", "c"], ["d", "f"])
            assert [item["item_id"] for item in first["items"]] == ["b", "c"]
            app.state.live.deny(Denied.of("abc"))
            assert [one["sample_id"] for one in (await client.get("/samples")).json()["samples"]] == ["2"]
            app.state.live.deny(Denied.of(["a"]))
            plus, _ = (await client.get("/dims/0")).json()["sides"]
            assert ([item["item_id"] for item in plus["items"]], plus["n_items"]) == (["c", "b"], 2)
            (group,) = (await client.get("/segments/s1/tree")).json()["groups"]
            assert ([item["item_id"] for item in group["items"]], group["n_items"]) == (["c"], 2)
            assert ids(await client.post("/segments/s1/items", json={"history": ["d"]})) == ["b", "c"]


# ---------------------------------------------------------------- batches


async def test_each_request_of_a_batch_gets_what_it_would_get_by_itself(films: httpx.AsyncClient) -> None:
    requests: list[Any] = [
        {"history": ["a", "who"], "n": 2},
        {"history": ["a"], "n": 0},
        {"history": ["a"], "steer": [{"segment_id": "s2", "strength": 3}], "explain": True},
        {"history": ["a"], "segments": ["s9"]},
        {"history": ["a"], "filter": {"eq": {"colour": "red"}}},
        {"history": [{"item_id": "a"}], "rerank": 1},
        "no object",
        None,
        {"history": []},
    ]
    batch = await films.post("/recommend/batch", json={"requests": requests})
    assert batch.status_code == 200
    results = batch.json()["results"]
    assert [result["status"] for result in results] == [200, 422, 200, 422, 422, 422, 422, 422, 200]
    for request, result in zip(requests, results, strict=True):
        alone = await films.post("/recommend", json=request)
        if request is None:  # by itself it is no body at all
            assert result["problem"]["errors"][0]["field"] == "body"
        elif alone.status_code == 200:
            assert result == {"status": 200, "answer": alone.json()}
        else:
            expected = alone.json() | {"request_id": batch.headers["X-Request-ID"]}
            assert result == {"status": 422, "problem": expected}


async def test_the_work_of_a_batch_is_bounded_and_its_own_faults_refuse_it(films: httpx.AsyncClient) -> None:
    at_most = {"requests": [{"history": [], "n": MAX_BATCH_N // 10}] * 10}
    assert len((await films.post("/recommend/batch", json=at_most)).json()["results"]) == 10
    assert (await films.post("/recommend/batch", json={"requests": []})).json()["results"] == []
    more = {"requests": [*at_most["requests"], {"history": [], "n": 1}]}
    wrongs: list[Any] = [more, {}, [], {"requests": {}}, {"requests": [{}] * (MAX_BATCH + 1)}, {"requests": [], "n": 1}]
    for wrong in wrongs:
        assert refused(await films.post("/recommend/batch", json=wrong)) == (422, "INVALID_REQUEST")
    answer = await films.post("/recommend/batch", content=b"{", headers={"content-type": "application/json"})
    assert refused(answer) == (400, "MALFORMED_JSON")


# ---------------------------------------------------------------- against the oracle


async def test_items_of_segments_equal_the_oracle(tmp_path: Path) -> None:
    model = random_model(12, n_items=300, n_dims=64, k=8, n_segments=6)
    write(tmp_path, model)
    A = model.embedding.to_dense().astype(np.float64)
    coded = (A != 0).any(axis=1)
    assert model.segments.guests is not None
    members, guests = oracle.shelves(
        model.segments.membership.tolist(), model.segments.guests.starts.tolist(), model.segments.guests.rows.tolist()
    )
    rng = np.random.default_rng(0)
    async with asking(Settings(artifacts=tmp_path)) as client:
        for segment in range(6):
            for with_guests in (True, False):
                rows = rng.choice(np.flatnonzero(coded), 9, replace=False).tolist()
                values = oracle.scores(A, rows, [1.0] * 9)
                there = members[segment] | (guests[segment] if with_guests else set())
                allowed = [row in there and row not in rows and bool(coded[row]) for row in range(300)]
                body = {"history": [f"item-{row}" for row in rows], "n": 12, "guests": with_guests}
                found = ids(await client.post(f"/segments/s{segment}/items", json=body))
                found_rows = [int(item_id.split("-")[1]) for item_id in found]
                assert oracle.same_order(found_rows, values, oracle.ranking(values, 12, allowed))
