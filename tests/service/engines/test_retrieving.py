"""/recommend with an engine: the answers of a service without one, whatever happens to the engine."""

import shutil
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from index.artifact import Artifact
from index.item_set import ItemSet
from index.kernels import Floats
from index.retrieval import Retrieved, best_of
from index.search import Mask, search_of
from service.__main__ import main
from service.settings import Settings
from tests.conftest import RedisServer, write
from tests.filtered import N_ITEMS
from tests.service.asking import asking
from tests.service.engines.conftest import attributed, exported
from tests.worlds import random_model

pytestmark = pytest.mark.anyio
FILTERS = (
    None, {"eq": {"country": "US"}}, {"not": {"in": {"genres": ["War", "Drama"]}}},
    {"and": [{"range": {"year": {"from": 1983}}}, {"exists": "poster"}]}, {"exists": 'quoted "name"'},
)  # fmt: skip


def bodies(seed: int, n_items: int) -> list[dict[str, Any]]:
    """Histories of no item, of one, of many, of unknown ones; with and without the rest."""
    rng = np.random.default_rng(seed)
    found: list[dict[str, Any]] = [{"history": []}, {"history": ["who"]}, {"history": ["item-5"], "n": 3}]
    for number in range(60):
        history = [f"item-{row}" for row in rng.choice(n_items, rng.integers(1, 12), replace=False)]
        body: dict[str, Any] = {"history": history, "n": int(rng.choice([1, 5, 20, 60]))}
        if number % 3 == 0:
            body["exclude"] = [f"item-{row}" for row in rng.choice(n_items, 5)]
        if number % 5 == 0:
            body["history"] = [{"item_id": item_id, "weight": float(rng.normal())} for item_id in history]
        if number % 7 == 0:
            body["steer"] = [{"segment_id": "s1", "strength": -1.0}]
        if number % 11 == 0:
            body |= {"explain": True, "diversity": 0.5}
        found.append(body | {"filter": FILTERS[number % len(FILTERS)]})
    return found


async def outcomes(client: httpx.AsyncClient) -> dict[str, float]:
    lines = (await client.get("/metrics")).text.splitlines()
    prefix = 'sparseshelf_engine_questions_total{outcome="'
    counted = (line.removeprefix(prefix).split('"} ') for line in lines if line.startswith(prefix))
    return {name: float(value) for name, value in counted}


async def changed(client: httpx.AsyncClient, before: dict[str, float]) -> dict[str, float]:
    after = await outcomes(client)
    return {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}


async def test_an_engine_changes_no_answer(shop: Artifact, tmp_path: Path) -> None:
    exported(tmp_path, shop.model, shop.version)
    folder = shop.folder.parent
    async with (
        asking(Settings(artifacts=folder)) as plain,
        asking(Settings(artifacts=folder, qdrant=str(tmp_path))) as with_engine,
    ):
        before = await outcomes(with_engine)
        for body in bodies(1, N_ITEMS):
            expected = await plain.post("/recommend", json=body)
            assert (await with_engine.post("/recommend", json=body)).content == expected.content
            assert expected.status_code == 200
        asked = await changed(with_engine, before)
    assert asked["found"] > 40
    assert asked["inexpressible"] > 5
    assert set(asked) == {"found", "inexpressible"}


async def test_an_engine_changes_no_answer_of_a_larger_shop_with_packed_codes(tmp_path: Path) -> None:
    model = random_model(2, n_items=3000, n_dims=24, k=6, packed=True)
    written = write(tmp_path / "artifacts", model)
    exported(tmp_path / "qdrant", model, written.version)
    async with (
        asking(Settings(artifacts=tmp_path / "artifacts")) as plain,
        asking(Settings(artifacts=tmp_path / "artifacts", qdrant=str(tmp_path / "qdrant"))) as with_engine,
    ):
        for body in bodies(2, 3000):
            body.pop("filter", None)
            expected = await plain.post("/recommend", json=body)
            assert (await with_engine.post("/recommend", json=body)).content == expected.content


async def test_hidden_items_stay_hidden(shop: Artifact, tmp_path: Path, redis_server: RedisServer) -> None:
    exported(tmp_path, shop.model, shop.version)
    settings = Settings(artifacts=shop.folder.parent, qdrant=str(tmp_path), redis_url=redis_server.url)  # type: ignore[arg-type]
    async with asking(settings) as client:
        body = {"history": ["item-3", "item-8"], "n": 5}
        best = (await client.post("/recommend", json=body)).json()["items"]
        hidden = [item["item_id"] for item in best[:3]]
        assert (await client.post("/admin/deny-list", json={"add": hidden})).status_code == 200
        after = [item["item_id"] for item in (await client.post("/recommend", json=body)).json()["items"]]
    assert after[:2] == [item["item_id"] for item in best[3:]]
    assert not set(after) & set(hidden)


async def test_a_missing_version_is_answered_by_the_index_and_asked_for_again(
    shop: Artifact, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(artifacts=shop.folder.parent, qdrant=str(tmp_path), qdrant_pause_seconds=0)
    body = {"history": ["item-3", "item-8"], "n": 5}
    caplog.set_level("INFO", "service")
    async with asking(settings) as client:
        before = await outcomes(client)
        answers = [(await client.post("/recommend", json=body)).json() for _ in range(3)]
        assert await changed(client, before) == {"missing": 3}
        exported(tmp_path, shop.model, shop.version)
        assert (await client.post("/recommend", json=body)).json() == answers[0] == answers[2]
        assert (await changed(client, before))["found"] == 1
    told = [record.getMessage() for record in caplog.records if record.name == "service.engines.retriever"]
    assert len(told) == 2  # once that it is missing, once that it is back
    assert "the index answers in its place: there is no folder" in told[0]


async def test_an_engine_that_is_gone_is_left_alone_for_a_while(shop: Artifact) -> None:
    settings = Settings(artifacts=shop.folder.parent, qdrant="http://127.0.0.1:9", qdrant_pause_seconds=60)
    async with asking(settings) as client:
        before = await outcomes(client)
        for _ in range(3):
            assert (await client.post("/recommend", json={"history": ["item-3"]})).status_code == 200
        assert await changed(client, before) == {"failed": 1, "resting": 2}


async def test_what_an_engine_cannot_say_is_not_asked(shop: Artifact, tmp_path: Path) -> None:
    exported(tmp_path, shop.model, shop.version)
    asked: list[dict[str, Any]] = [
        {"segments": ["s1"]}, {"best_segments": 2}, {"candidates": ["item-7"]}, {"mute": ["s1"]}, {"explain": True},
        {"diversity": 0.3}, {"max_per_segment": 2},
    ]  # fmt: skip
    async with asking(Settings(artifacts=shop.folder.parent, qdrant=str(tmp_path))) as client:
        before = await outcomes(client)
        for more in asked:
            assert (await client.post("/recommend", json={"history": ["item-3"], **more})).status_code == 200
        assert (await client.post("/homepage", json={"history": ["item-3"]})).status_code == 200
        assert await changed(client, before) == {}


async def test_a_filter_that_is_wrong_is_refused_as_without_an_engine(shop: Artifact, tmp_path: Path) -> None:
    exported(tmp_path, shop.model, shop.version)
    async with asking(Settings(artifacts=shop.folder.parent, qdrant=str(tmp_path))) as client:
        for wanted in ({"eq": {"colour": "red"}}, {"range": {"country": {"from": 1}}}, {"eq": {"year": "1980"}}):
            answer = await client.post("/recommend", json={"history": ["item-3"], "filter": wanted})
            assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_FILTER")


# ------------------------------------------------------------ when candidates decide


class Engine:
    """Says what it is told to, and how often it was asked."""

    def __init__(self, scores: Floats, *, off: float = 0.0, most: int = 10**9) -> None:
        self._scores, self._off, self._most = scores, off, most
        self.asked: list[int] = []

    def __call__(self, profile: Floats, n: int) -> Retrieved | None:
        self.asked.append(n)
        allowed = np.flatnonzero(self._scores)
        rng = np.random.default_rng(0)
        scores = self._scores[allowed] + rng.uniform(-self._off, self._off, len(allowed))
        order = np.argsort(-scores, kind="stable")[: min(n, self._most)]
        return Retrieved(allowed[order].astype(np.int32), scores[order])


@pytest.mark.parametrize("seed", range(8))
def test_an_imprecise_engine_comes_to_the_exact_answer_or_to_none(seed: int) -> None:
    model = random_model(seed, n_items=400, n_dims=24, k=6)
    search, rng = search_of(model.embedding), np.random.default_rng(seed)
    for _ in range(10):
        profile = rng.normal(size=24)
        mask = Mask.hiding(rng.choice(400, 7, replace=False))
        engine = Engine(search.scores(profile), off=1e-6)
        expected = search.best(profile, 10, mask)
        found = best_of(search, engine, profile, 10, mask)
        assert engine.asked[0] == 10 + 7 + 16
        assert found.rows.tolist() == expected.rows.tolist()
        np.testing.assert_array_equal(found.scores, expected.scores)


def test_where_candidates_do_not_decide_the_index_answers() -> None:
    model = random_model(1, n_items=400, n_dims=24, k=6)
    search = search_of(model.embedding)
    mask = Mask.hiding(np.empty(0, np.int32))
    profile = np.zeros(24)
    profile[3] = 1.0
    n = int((search.scores(profile) > 0).sum()) + 5  # more than score above 0
    engine = Engine(search.scores(profile))
    found = best_of(search, engine, profile, n, mask)
    assert found.rows.tolist() == search.best(profile, n, mask).rows.tolist()
    ties = Engine(search.scores(profile), most=5)
    assert best_of(search, ties, profile, 5, mask).rows.tolist() == search.best(profile, 5, mask).rows.tolist()
    assert (
        best_of(search, lambda *_: None, profile, 5, mask).rows.tolist() == search.best(profile, 5, mask).rows.tolist()
    )


def test_a_mask_that_leaves_little_makes_it_ask_for_more() -> None:
    model = random_model(1, n_items=400, n_dims=24, k=6)
    search = search_of(model.embedding)
    profile = np.random.default_rng(0).normal(size=24)
    best = search.best(profile, 60, Mask.hiding(np.empty(0, np.int32))).rows
    mask = Mask(ItemSet.of_rows(best[40:], 400), np.empty(0, np.int32))
    engine = Engine(search.scores(profile))
    assert best_of(search, engine, profile, 5, mask).rows.tolist() == best[40:45].tolist()
    assert engine.asked == [21, 84]


def test_check_says_whether_the_engine_holds_the_version(
    shop: Artifact, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def said(place: str) -> tuple[int, str]:
        monkeypatch.setenv("SPARSESHELF_QDRANT", place)
        code = main(["check", "--artifacts", str(shop.folder.parent), "--no-auth"])
        return code, next(line for line in capsys.readouterr().out.splitlines() if "SPARSESHELF_QDRANT" in line)

    code, line = said(str(tmp_path))
    assert code == 0
    assert line.startswith("warning  engine")
    assert f"python -m trainer export {shop.folder.parent} --to qdrant {tmp_path}" in line
    exported(tmp_path, attributed(in_common=False), shop.version)
    assert said(str(tmp_path)) == (0, f"ok       engine         SPARSESHELF_QDRANT holds {shop.version}")
    code, line = said("http://127.0.0.1:9")
    assert (code, line.split()[:2]) == (3, ["error", "engine"])
    code, line = said("http://me:s3cret@host:6333")
    assert code == 3
    assert "a key goes into SPARSESHELF_QDRANT_API_KEY" in line
    assert "s3cret" not in line
    shutil.rmtree(tmp_path)
