"""The HTTP contract, route by route, on the model checked by hand and against the oracle on a random one."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from index.artifact import Artifact
from service.settings import Settings
from tests import oracle
from tests.conftest import write
from tests.service.asking import asking
from tests.worlds import random_model

pytestmark = pytest.mark.anyio


async def ask(written: Artifact, method: str, path: str, body: Any = None, **settings: Any) -> httpx.Response:
    async with asking(Settings(artifacts=written.folder.parent, **settings)) as client:
        return await client.request(method, path, json=body)


async def test_recommend_answers_with_items_scores_and_what_it_did_not_know(written: Artifact) -> None:
    response = await ask(written, "POST", "/recommend", {"history": ["a", "who"], "n": 2})
    assert response.status_code == 200
    assert response.json() == {
        "model_version": written.version,
        "items": [
            {"item_id": "c", "title": "Clerks", "score": pytest.approx(0.8), "rank": 1, "source": "profile"},
            {"item_id": "b", "title": "Brazil", "score": pytest.approx(0.48), "rank": 2, "source": "profile"},
        ],
        "unknown_items": ["who"],
        "shortfall": None,
    }


async def test_every_answer_names_the_model_version_in_a_header(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        for path in ("/model", "/segments", "/health/live", "/nowhere"):
            assert (await client.get(path)).headers["X-Model-Version"] == written.version


async def test_repeats_count_once_and_weights_add_up(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:

        async def scores(history: list[Any]) -> list[float]:
            items = (await client.post("/recommend", json={"history": history})).json()["items"]
            return [item["score"] for item in items]

        once = await scores(["a"])
        assert await scores(["a", "a", "a"]) == once
        assert await scores([{"item_id": "a", "weight": 1}]) == once
        twice = await scores([{"item_id": "a", "weight": 0.5}, {"item_id": "a", "weight": 1.5}])
        assert twice == pytest.approx([2 * score for score in once])


async def test_whole_numbers_may_be_written_with_a_point(written: Artifact) -> None:
    """In JSON 2.0 is 2, and in a schema an integer."""
    response = await ask(written, "POST", "/recommend", {"history": ["a"], "n": 2.0, "max_per_segment": 1.0})
    assert response.status_code == 200
    assert len(response.json()["items"]) == 2


async def test_a_405_names_the_methods_of_every_route_at_the_path(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        assert (await client.put("/segments")).headers["Allow"] == "GET, POST"
        assert (await client.get("/recommend")).headers["Allow"] == "POST"


async def test_recommend_restricts_to_candidates_segments_and_excludes(written: Artifact) -> None:
    body = {"history": ["a"], "candidates": ["c", "d", "e"], "segments": ["s2"], "exclude": ["d"], "n": 3}
    answer = (await ask(written, "POST", "/recommend", body)).json()
    assert [item["item_id"] for item in answer["items"]] == ["e"]
    assert answer["shortfall"].startswith("1 of 3")


async def test_a_filter_limits_recommendations_and_pages(written: Artifact) -> None:
    wanted = {"and": [{"in": {"genres": ["War", "Comedy"]}}, {"range": {"year": {"from": 1981}}}]}
    answer = (await ask(written, "POST", "/recommend", {"history": ["a"], "filter": wanted})).json()
    assert [item["item_id"] for item in answer["items"]] == ["c", "b", "d"]
    assert answer["shortfall"] == "3 of 20: filter, the history leave no more of the 6 items"
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        for genre, expected in (("Comedy", ["c", "b"]), ("War", ["d"])):
            body = {"history": ["a"], "min_items": 1, "filter": {"eq": {"genres": genre}}}
            for outcome in ("miss", "hit"):
                response = await client.post("/homepage", json=body)
                assert response.headers["X-Cache"] == outcome
                shown = [item["item_id"] for shelf in response.json()["shelves"] for item in shelf["items"]]
                assert shown == expected


@pytest.mark.parametrize(
    ("wanted", "code", "words"),
    [
        ({"like": {"country": "US"}}, "INVALID_REQUEST", "filter.like: the kinds are eq, in, range"),
        ({"eq": {"colour": "red"}}, "INVALID_FILTER", "there is no attribute 'colour'; the model has year, country"),
        ({"eq": {"year": "1980"}}, "INVALID_FILTER", "'year' is a number"),
        ([], "INVALID_REQUEST", "an object with one key was expected"),
    ],
)
@pytest.mark.parametrize("path", ["/recommend", "/homepage"])
async def test_a_filter_that_says_nothing_is_a_422(
    written: Artifact, wanted: Any, code: str, words: str, path: str
) -> None:
    response = await ask(written, "POST", path, {"history": ["a"], "filter": wanted})
    assert response.status_code == 422
    found = response.json()
    assert found["code"] == code
    (error,) = found["errors"]
    assert error["field"] == "filter"
    assert words in error["message"]


async def test_scores_are_explained_where_that_is_asked_for(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        (item,) = (await client.post("/recommend", json={"history": ["a"], "n": 1, "explain": True})).json()["items"]
        assert item["why"] == {
            "history": [
                {
                    "item_id": "a",
                    "title": "Airplane!",
                    **dict.fromkeys(("part", "plus"), pytest.approx(0.8)),
                    "minus": 0,
                }
            ],
            "history_rest": 0,
            "steering": [],
            "dims": [
                {
                    "dim": 0,
                    "sign": 1,
                    "segments": ["s1"],
                    **dict.fromkeys(("part", "plus"), pytest.approx(0.8)),
                    "minus": 0,
                }
            ],
            "dims_rest": 0,
            "flows": [[pytest.approx(0.8)]],
        }
        (segment,) = (await client.post("/segments", json={"history": ["d"], "n": 1, "explain": True})).json()[
            "segments"
        ]
        assert [part["item_id"] for part in segment["why"]["history"]] == ["d"]
        refused = (await client.post("/recommend", json={"history": ["a"], "n": 101, "explain": True})).json()
        assert (refused["code"], refused["errors"][0]["message"]) == ("INVALID_REQUEST", "explain is for n up to 100")


async def test_profiles_are_steered_and_segments_muted(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:

        async def best(path: str = "/recommend", **wanted: Any) -> list[str]:
            answer = (await client.post(path, json={"history": ["a"], **wanted})).json()
            return [one.get("item_id", one.get("segment_id")) for one in answer.get("items", answer.get("segments"))]

        assert (await best())[0] == "c"
        assert (await best(steer=[{"segment_id": "s2", "strength": 3}]))[:2] == ["e", "d"]
        assert (await best(steer=[{"segment_id": "s2", "strength": 1.5}] * 2))[:2] == ["e", "d"]
        assert (await best("/segments", steer=[{"segment_id": "s2", "strength": 3}]))[0] == "s2"
        assert await best(mute=["s1", "s2"]) == ["b", "f"]
        assert await best("/segments", mute=["s1", "s2"]) == ["s3"]
        for field, named in (("steer", [{"segment_id": "s9", "strength": 1}]), ("mute", ["s9"])):
            refused = (await client.post("/recommend", json={"history": ["a"], field: named})).json()
            assert (refused["code"], refused["errors"][0]["field"]) == ("UNKNOWN_SEGMENT", field)


async def test_a_list_may_be_made_of_items_that_differ(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:

        async def items(**wanted: Any) -> list[str]:
            answer = (await client.post("/recommend", json={"history": ["f"], **wanted})).json()
            return [item["item_id"] for item in answer["items"]]

        assert await items() == ["a", "b", "c", "d", "e"]
        assert await items(max_per_segment=1) == ["a", "b", "d"]
        assert (await items(diversity=0.9))[:2] == ["a", "e"]
        for wrong in ({"diversity": 1.1}, {"diversity": -0.1}, {"max_per_segment": 0}):
            response = await client.post("/recommend", json={"history": [], **wrong})
            assert response.status_code == 422


async def test_segments_are_ranked_with_label_and_size(written: Artifact) -> None:
    answer = (await ask(written, "POST", "/segments", {"history": ["d"], "n": 2})).json()
    assert [(s["segment_id"], s["label"], s["size"], s["rank"]) for s in answer["segments"]] == [
        ("s2", "War", 2, 1),
        ("s1", "Comedy", 2, 2),
    ]
    assert answer["segments"][0]["score"] == pytest.approx(0.8)


async def test_a_homepage_has_labelled_shelves_with_reasons(written: Artifact) -> None:
    body = {"history": ["d"], "min_items": 1, "items_per_shelf": 1}
    answer = (await ask(written, "POST", "/homepage", body)).json()
    assert [(s["kind"], s["segment_id"], s["label"], s["reason"]) for s in answer["shelves"]] == [
        ("top_picks", None, "Top picks", "What suits you best of everything"),
        ("segment", "s1", "Comedy", "Because of Das Boot"),
        ("segment", "s3", "Gloom", "Popular with everyone"),
    ]
    assert [[item["item_id"] for item in shelf["items"]] for shelf in answer["shelves"]] == [["e"], ["a"], ["b"]]
    assert "audit" not in answer


async def test_a_page_can_be_steered_muted_capped_led_rotated_and_explained(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:

        async def page(**body: object) -> dict[str, object]:
            response = await client.post("/homepage", json={"history": ["b"], "min_items": 1, "lead": "none", **body})
            assert response.status_code == 200
            answer: dict[str, object] = response.json()
            return answer

        def labels(answer: dict[str, object]) -> list[str]:
            shelves = answer["shelves"]
            assert isinstance(shelves, list)
            return [shelf["label"] for shelf in shelves]

        assert labels(await page())[0] == "Comedy"
        assert labels(await page(steer=[{"segment_id": "s2", "strength": 5}]))[0] == "War"
        assert labels(await page(mute=["s1"])) == ["War"]
        assert labels(await page(lead="because"))[0] == "Because you liked Brazil"
        assert len(str((await page(max_per={"country": 1}))["shelves"])) < len(str((await page())["shelves"]))
        assert await page(seed=3) == await page(seed=3)
        audit = (await page(explain=True, mute=["s2"]))["audit"]
        assert isinstance(audit, dict)
        assert audit["unshown"][0] == {
            "segment_id": "s2", "label": "War", "why": "muted", "worth": None, "n_items": None,
        }  # fmt: skip
        assert audit["best_items_shown"] == 1.0


async def test_a_cap_on_an_unknown_attribute_is_refused_with_those_there_are(written: Artifact) -> None:
    response = await ask(written, "POST", "/homepage", {"history": ["a"], "max_per": {"director": 1}})
    assert (response.status_code, response.json()["code"]) == (422, "UNKNOWN_ATTRIBUTE")
    assert "'country'" in response.json()["detail"]
    wrongs: list[dict[str, object]] = [
        {"max_per": {"country": 0}},
        {"lead": "popular"},
        {"seed": -1},
        {"seed": 2**53},
        {"max_per": []},
    ]
    for wrong in wrongs:
        assert (await ask(written, "POST", "/homepage", {"history": ["a"], **wrong})).status_code == 422


async def test_only_segments_that_are_named_are_ranked(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:

        async def best(**wanted: Any) -> list[str]:
            answer = (await client.post("/segments", json={"history": ["d"], **wanted})).json()
            return [one["segment_id"] for one in answer["segments"]]

        assert await best() == ["s2", "s1", "s3"]
        assert await best(segments=["s3", "s2", "s3"]) == ["s2", "s3"]
        assert await best(segments=["s3", "s2"], n=1) == ["s2"]
        assert await best(segments=["s1", "s2"], mute=["s2"]) == ["s1"]
        assert await best(segments=[]) == []
        assert await best(segments=["s3"], history=[]) == ["s3"]
        explained = (
            await client.post("/segments", json={"history": ["d"], "segments": ["s2"], "explain": True})
        ).json()
        assert [part["item_id"] for part in explained["segments"][0]["why"]["history"]] == ["d"]


async def test_an_empty_history_gets_what_is_popular_and_is_told_so(written: Artifact) -> None:
    answer = (await ask(written, "POST", "/recommend", {"history": [], "n": 2})).json()
    assert [(item["item_id"], item["source"]) for item in answer["items"]] == [("a", "popularity"), ("b", "popularity")]


async def test_similar_items_a_segment_the_list_and_the_model(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        similar = (await client.get("/items/c/similar", params={"n": 1})).json()
        assert [item["item_id"] for item in similar["items"]] == ["a"]
        listed = (await client.get("/segments")).json()["segments"]
        coherence = pytest.approx(0.8)
        assert listed[0] == {"segment_id": "s1", "label": "Comedy", "size": 2, "n_guests": 0, "coherence": coherence}
        segment = (await client.get("/segments/s2")).json()
        assert segment["signed_dims"] == [{"dim": 1, "sign": -1}]
        assert [item["item_id"] for item in segment["items"]] == ["d", "e"]
        model = (await client.get("/model")).json()
        assert (model["n_items"], model["k"], model["n_dims"], model["bytes_per_item"]) == (6, 2, 4, 12)
        types = {"year": "number", "country": "category", "genres": "list", "poster": "link"}
        assert {attribute["name"]: attribute["type"] for attribute in model["attributes"]} == types


@pytest.mark.parametrize("item_id", ["a/b", "ä ö", "100%", "..", "?", "similar"])
async def test_any_string_is_an_item_id(tmp_path: Path, item_id: str) -> None:
    model = random_model(0, n_items=3)
    renamed = type(model)(
        model.embedding, model.popularity, type(model.vocabulary).of([item_id, "x", "y"]), model.catalog, model.segments
    )
    written = write(tmp_path, renamed)
    async with asking(Settings(artifacts=tmp_path)) as client:
        url = httpx.URL(
            "http://test",
            raw_path=b"/items/" + httpx.URL("", params={"q": item_id}).query[2:].replace(b"+", b"%20") + b"/similar",
        )
        response = await client.get(url)
        if item_id != "..":  # a path of two dots is resolved away by every client; the posted routes take it
            assert response.status_code == 200, response.text
        posted = await client.post("/recommend", json={"history": [item_id], "n": 1})
        assert posted.json()["unknown_items"] == []
    assert written.version


# ---------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/recommend", {}, "history"),
        ("/recommend", {"history": "a"}, "history"),
        ("/recommend", {"history": [1]}, "history[0]"),
        ("/recommend", {"history": ["a", ""]}, "history[1]"),
        ("/recommend", {"history": ["x" * 513]}, "history[0]"),
        ("/recommend", {"history": [{"item_id": "a"}]}, "history[0].weight"),
        ("/recommend", {"history": [{"item_id": "a", "weight": "1"}]}, "history[0].weight"),
        ("/recommend", {"history": [{"item_id": "a", "weight": 1, "x": 1}]}, "history[0].x"),
        ("/recommend", {"history": ["a"] * 1001}, "history"),
        ("/recommend", {"history": ["a"], "n": 0}, "n"),
        ("/recommend", {"history": ["a"], "n": 1001}, "n"),
        ("/recommend", {"history": ["a"], "n": 1.5}, "n"),
        ("/recommend", {"history": ["a"], "n": True}, "n"),
        ("/recommend", {"history": ["a"], "rerank": 0.5}, "rerank"),
        ("/recommend", {"history": ["a"], "id": 3}, "id"),
        ("/recommend", {"history": ["a"], "exclude": ["a"] * 10_001}, "exclude"),
        ("/recommend", {"history": ["a"], "segments": ["s9"]}, "segments"),
        ("/recommend", [], "body"),
        ("/segments", {"history": ["a"], "segments": ["s9"]}, "segments"),
        ("/segments", {"history": ["a"], "n": -1}, "n"),
        ("/homepage", {"history": ["a"], "shelves": 101}, "shelves"),
        ("/homepage", {"history": ["a"], "user_id": "u"}, "body"),
        ("/homepage", {}, "body"),
        ("/homepage", {"user_id": ""}, "user_id"),
    ],
)
async def test_a_422_names_the_field(written: Artifact, path: str, body: Any, field: str) -> None:
    response = await ask(written, "POST", path, body)
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert field in [error["field"] for error in problem["errors"]]
    assert problem["code"] == ("UNKNOWN_SEGMENT" if body and "segments" in body else "INVALID_REQUEST")
    assert problem["request_id"] == response.headers["X-Request-ID"]


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000, b'{"history": [NaN'])
async def test_what_is_no_json_is_a_400(written: Artifact, content: bytes) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        response = await client.post("/recommend", content=content, headers={"content-type": "application/json"})
    assert (response.status_code, response.json()["code"]) == (400, "MALFORMED_JSON")


@pytest.mark.parametrize(
    "history",
    [
        b'["\\ud800"]',
        b'[{"item_id": "a", "weight": NaN}]',
        b'[{"item_id": "a", "weight": 1e999}]',
        b'["a"], "filter": {"\\ud800": {}}',
    ],
)
async def test_what_json_allows_and_text_or_numbers_do_not_is_a_422(written: Artifact, history: bytes) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        headers = {"content-type": "application/json"}
        response = await client.post("/recommend", content=b'{"history": ' + history + b"}", headers=headers)
    assert (response.status_code, response.json()["code"]) == (422, "INVALID_REQUEST")


async def test_a_body_over_the_bound_is_a_413_however_it_is_sent(written: Artifact) -> None:
    async def chunks() -> Any:
        for _ in range(5):
            yield b" " * 1000

    async with asking(Settings(artifacts=written.folder.parent, max_body_bytes=2048)) as client:
        for content in (b" " * 5000, chunks()):
            response = await client.post("/recommend", content=content, headers={"content-type": "application/json"})
            assert (response.status_code, response.json()["code"]) == (413, "BODY_TOO_LARGE")


async def test_who_forgets_the_content_type_is_told_so(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        for headers in ({}, {"content-type": "application/x-www-form-urlencoded"}):
            response = await client.post("/recommend", content=b'{"history": ["a"]}', headers=headers)
            assert (response.status_code, response.json()["code"]) == (422, "INVALID_REQUEST")
            assert "content-type: application/json" in response.json()["detail"]


async def test_unknown_paths_items_segments_and_methods_are_problems(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        for method, path, status, code, said in (
            ("GET", "/nowhere", 404, "NOT_FOUND", "/docs"),
            ("GET", "/items/zz/similar", 404, "UNKNOWN_ITEM", "'zz'"),
            ("GET", "/segments/zz", 404, "UNKNOWN_SEGMENT", "'zz'"),
            ("GET", "/recommend", 405, "METHOD_NOT_ALLOWED", "only POST"),
            ("GET", "/segments/s1?n=0", 422, "INVALID_REQUEST", "check n: "),
        ):
            response = await client.request(method, path)
            assert (response.status_code, response.json()["code"]) == (status, code)
            assert said in response.json()["detail"]
            assert response.headers["content-type"] == "application/problem+json"


async def test_a_request_id_is_taken_over_when_it_is_harmless(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        assert (await client.get("/model", headers={"X-Request-ID": "abc-1"})).headers["X-Request-ID"] == "abc-1"
        assert (await client.get("/model", headers={"X-Request-ID": "a b<script>"})).headers[
            "X-Request-ID"
        ] != "a b<script>"


async def test_a_failure_of_ours_is_a_500_that_tells_nothing(
    written: Artifact, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        monkeypatch.setattr("index.recommender.Recommender.segments", lambda *_: 1 / 0)
        response = await client.post("/segments", json={"history": ["secret-item"]})
    assert (response.status_code, response.json()["code"]) == (500, "INTERNAL_ERROR")
    assert response.json()["request_id"] in caplog.text
    assert "secret-item" not in caplog.text + response.text
    assert "division" not in response.text


async def test_histories_stay_out_of_the_log(written: Artifact, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        for body in ({"history": ["secret-item"]}, {"history": ["secret-item"], "n": 0}):
            for path in ("/recommend", "/segments", "/homepage"):
                response = await client.post(path, json=body)
                assert response.status_code in (200, 422)
    assert "secret-item" not in caplog.text


# ---------------------------------------------------------------- against the oracle


async def test_the_service_equals_the_oracle_on_random_histories(tmp_path: Path) -> None:
    model = random_model(11, n_items=300, n_dims=64, k=8, n_segments=12)
    write(tmp_path, model)
    A = model.embedding.to_dense().astype(np.float64)
    B = oracle.segment_matrix([model.segments.signed_dims(row) for row in range(12)], 64)
    coded = (A != 0).any(axis=1)
    rng = np.random.default_rng(0)
    async with asking(Settings(artifacts=tmp_path)) as client:
        for _ in range(100):
            rows = rng.choice(np.flatnonzero(coded), rng.integers(1, 40), replace=False).tolist()
            history = [f"item-{row}" for row in rows]
            values = oracle.scores(A, rows, [1.0] * len(rows))
            items = (await client.post("/recommend", json={"history": history, "n": 50})).json()["items"]
            found = [int(item["item_id"].split("-")[1]) for item in items]
            allowed = [row not in rows and bool(coded[row]) for row in range(300)]
            assert oracle.same_order(found, values, oracle.ranking(values, 50, allowed))
            np.testing.assert_allclose([item["score"] for item in items], values[found], atol=1e-5)

            worth = oracle.profile(A, rows, [1.0] * len(rows)) @ B.T
            ranked = (await client.post("/segments", json={"history": history, "n": 5})).json()["segments"]
            found = [int(segment["segment_id"][1:]) for segment in ranked]
            assert oracle.same_order(found, worth, oracle.ranking(worth, 5, [True] * 12))

            body = {"history": history, "shelves": 4, "items_per_shelf": 6, "min_items": 3}
            page = (await client.post("/homepage", json=body)).json()["shelves"]
            segments = model.segments
            assert segments.guests is not None
            members, guests = oracle.shelves(
                segments.membership.tolist(), segments.guests.starts.tolist(), segments.guests.rows.tolist()
            )
            size = {"shelves": 4, "items_per_shelf": 6, "min_items": 3}
            expected = oracle.homepage(values, members, guests, set(rows), **size, lead=True)
            assert [shelf["segment_id"] and int(shelf["segment_id"][1:]) for shelf in page] == [
                segment for segment, _ in expected
            ]
            for shelf, (_, wanted) in zip(page, expected, strict=True):
                shown = [int(item["item_id"].split("-")[1]) for item in shelf["items"]]
                assert oracle.same_order(shown, values, wanted)


# ---------------------------------------------------------------- readiness and the document


async def test_before_it_is_warm_the_service_lives_but_is_not_ready(
    written: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.live.LiveModel.warm_up", lambda _self: None)
    from service.app import create_app  # noqa: PLC0415

    app = create_app(Settings(artifacts=written.folder.parent))
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            assert (await client.get("/health/live")).status_code == 200
            assert (await client.get("/health/ready")).status_code == 503
            refused = await client.post("/recommend", json={"history": []})
            assert (refused.status_code, refused.json()["code"]) == (503, "NOT_READY")
            assert refused.headers["Retry-After"] == "1"


async def test_the_openapi_document_names_exactly_the_routes_of_the_contract(written: Artifact) -> None:
    document = (await ask(written, "GET", "/openapi.json")).json()
    assert {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods} == {
        "POST /recommend", "POST /recommend/batch", "POST /segments", "POST /segments/{segment_id}/items",
        "POST /homepage", "POST /profile", "GET /samples", "GET /items", "POST /items", "GET /items/{item_id}",
        "GET /items/{item_id}/similar", "GET /segments", "GET /segments/{segment_id}",
        "GET /segments/{segment_id}/similar", "GET /segments/{segment_id}/tree",
        "GET /dims/{dim}", "GET /model", "GET /health/live",
        "GET /health/ready", "GET /metrics", "GET /users/{user_id}/history", "PUT /users/{user_id}/history",
        "DELETE /users/{user_id}/history", "POST /users/{user_id}/events", "GET /admin/deny-list",
        "POST /admin/deny-list", "POST /admin/reload",
    }  # fmt: skip
