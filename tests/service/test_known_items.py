"""What is told of many items at once: what each would be told by itself, and nothing of one that is hidden."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from service.app import create_app
from service.live import Denied
from service.requests import MAX_N
from service.settings import Settings
from tests.conftest import write
from tests.service.asking import asking, live
from tests.worlds import grown, random_model

pytestmark = pytest.mark.anyio


@pytest.fixture
async def films(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    write(tmp_path, grown())
    async with asking(Settings(artifacts=tmp_path)) as client:
        yield client


async def test_many_items_are_told_in_the_order_asked_each_once(films: httpx.AsyncClient) -> None:
    body = {"item_ids": ["f", "who", "a", "f", "e", "who"], "code": True}
    answer = (await films.post("/items", json=body)).json()
    assert answer["unknown_items"] == ["who"]
    assert [item["item_id"] for item in answer["items"]] == ["f", "a", "e"]
    for item in answer["items"]:
        alone = (await films.get(f"/items/{item['item_id']}")).json()
        assert item | {"model_version": answer["model_version"]} == alone


async def test_codes_come_where_they_are_asked_for(films: httpx.AsyncClient) -> None:
    with_code, without = [
        (await films.post("/items", json={"item_ids": ["a", "f"], **code})).json()["items"]
        for code in ({"code": True}, {})
    ]
    assert [item.pop("dims") for item in with_code] == [
        [{"dim": 0, "weight": 0.8}, {"dim": 2, "weight": 0.6}],  # six decimals, not what float32 makes of them
        [],
    ]
    assert [item.pop("dims") for item in without] == [None, None]
    assert with_code == without
    assert [item["coded"] for item in without] == [True, False]


@pytest.mark.parametrize(
    "wrong",
    [{}, {"item_ids": []}, {"item_ids": ["a"] * (MAX_N + 1)}, {"item_ids": [""]}, {"item_ids": ["a"], "code": 1}],
)
async def test_what_is_no_list_of_ids_is_refused(films: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await films.post("/items", json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "INVALID_REQUEST")
    assert (await films.post("/items", json={"item_ids": ["a"] * MAX_N})).status_code == 200


async def test_hidden_items_are_unknown(tmp_path: Path) -> None:
    write(tmp_path, grown())
    app = create_app(Settings(artifacts=tmp_path))
    async with live(app) as client:
        for hidden in (["a"], ["c", "f"], ["a", "b", "c", "d", "e", "f"]):
            app.state.live.deny(Denied.of(hidden))
            answer = (await client.post("/items", json={"item_ids": list("fedcba")})).json()
            assert [item["item_id"] for item in answer["items"]] == [one for one in "fedcba" if one not in hidden]
            assert answer["unknown_items"] == [one for one in "fedcba" if one in hidden]


@pytest.mark.parametrize("packed", [False, True])
async def test_codes_are_the_rows_of_the_matrix(tmp_path: Path, packed: bool) -> None:
    model = random_model(4, packed=packed)
    A = model.embedding.to_dense()
    model = replace(model, segments=replace(model.segments, guests=None))  # as of an older artifact
    write(tmp_path, model)
    async with asking(Settings(artifacts=tmp_path)) as client:
        body = {"item_ids": [f"item-{row}" for row in range(len(A))], "code": True}
        items = (await client.post("/items", json=body)).json()["items"]
    for row, item in enumerate(items):
        found = np.zeros(A.shape[1])
        for dim in item["dims"]:
            assert dim["weight"] == round(dim["weight"], 6) != 0
            found[dim["dim"]] = dim["weight"]
        np.testing.assert_allclose(found, A[row], atol=1e-6)
        assert [dim["dim"] for dim in item["dims"]] == np.flatnonzero(A[row]).tolist()
        assert item["coded"] == bool(A[row].any())
        assert item["guest_of"] == []
