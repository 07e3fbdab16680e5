"""POST /profile over HTTP: what is refused, what deny lists and splits do to it."""

from pathlib import Path
from typing import Any

import pytest

from index.artifact import Artifact
from service.app import create_app
from service.live import Denied
from service.settings import Settings
from tests.conftest import write
from tests.service.asking import asking, live
from tests.worlds import by_hand, random_model

pytestmark = pytest.mark.anyio


async def test_scores_are_what_the_activations_make_of_codes(tmp_path: Path) -> None:
    write(tmp_path, random_model(2))
    body: dict[str, Any] = {"history": ["item-3", "item-8"], "steer": [{"segment_id": "s1", "strength": -0.5}]}
    async with asking(Settings(artifacts=tmp_path)) as client:
        profile = (await client.post("/profile", json=body)).json()
        items = (await client.post("/recommend", json=body | {"n": 20})).json()["items"]
        asked = {"item_ids": [item["item_id"] for item in items], "code": True}
        known = (await client.post("/items", json=asked)).json()["items"]
    activations = {one["dim"]: one["activation"] for one in profile["dims"]}
    for item, facts in zip(items, known, strict=True):
        product = sum(activations.get(one["dim"], 0.0) * one["weight"] for one in facts["dims"])
        assert product == pytest.approx(item["score"], abs=1e-4)


async def test_what_is_wrong_is_refused(written: Artifact) -> None:
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({}, "INVALID_REQUEST"),
        ({"history": ["a"], "n": 3}, "INVALID_REQUEST"),
        ({"history": ["a"], "mute": ["s1"]}, "INVALID_REQUEST"),
        ({"history": ["a"], "steer": [{"segment_id": "s9", "strength": 1}]}, "UNKNOWN_SEGMENT"),
    ]
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        for body, code in wrongs:
            answer = await client.post("/profile", json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_a_hidden_item_still_says_something_of_who_has_it(written: Artifact) -> None:
    """As in /recommend: it is not named, here as nothing is."""
    app = create_app(Settings(artifacts=written.folder.parent))
    async with live(app) as client:
        before = (await client.post("/profile", json={"history": ["a", "d"]})).json()
        app.state.live.deny(Denied.of(["a"]))
        assert (await client.post("/profile", json={"history": ["a", "d"]})).json() == before


async def test_either_version_of_a_split_answers_with_its_own_dims(tmp_path: Path) -> None:
    current, challenger = write(tmp_path, by_hand(), "v1"), write(tmp_path, random_model(0, n_items=6), "v2")
    (tmp_path / "CURRENT").write_text(current.version)
    settings = Settings(artifacts=tmp_path, challenger=challenger.version)
    assert settings.split is not None
    visitors: dict[str, str] = {settings.split.variant(str(i)): str(i) for i in range(100)}
    async with asking(settings) as client:
        for variant, item_id in (("a", "c"), ("b", "item-3")):
            headers = {"X-Split-Key": visitors[variant]}
            profile = (await client.post("/profile", json={"history": [item_id]}, headers=headers)).json()
            known = (await client.post("/items", json={"item_ids": [item_id], "code": True}, headers=headers)).json()
            assert (profile["variant"], known["variant"]) == (variant, variant)
            weights = [one["weight"] for one in known["items"][0]["dims"]]
            assert [one["activation"] for one in profile["dims"]] == pytest.approx(weights, abs=1e-6)
