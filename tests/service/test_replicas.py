"""Several services side by side, on one Redis: a page that many ask for at once is computed once."""

import asyncio
import contextlib
import re

import httpx
import pytest

from index.artifact import Artifact
from tests.conftest import RedisServer
from tests.service.processes import service

pytestmark = pytest.mark.anyio
REPLICAS, AT_ONCE, PAGES = 4, 24, 5


async def test_of_four_replicas_one_computes_a_page(written: Artifact, redis_server: RedisServer) -> None:
    patient = {"SPARSESHELF_REDIS_URL": redis_server.url, "SPARSESHELF_REDIS_BUDGET_SECONDS": "5"}
    with contextlib.ExitStack() as stack:
        replicas = [stack.enter_context(service(written.folder.parent, **patient)) for _ in range(REPLICAS)]
        async with httpx.AsyncClient(timeout=30) as client:
            for page in range(PAGES):
                item_id = written.model.vocabulary.item_ids[page]
                asked = [
                    client.post(f"{replicas[turn % REPLICAS].url}/homepage", json={"history": [item_id]})
                    for turn in range(AT_ONCE)
                ]
                answers = await asyncio.gather(*asked)
                assert {answer.status_code for answer in answers} == {200}
                assert len({answer.content for answer in answers}) == 1
            told = [(await client.get(f"{replica.url}/metrics")).text for replica in replicas]
    counted = [re.search(r'scoring_seconds_count\{kind="layout"\} (\S+)', text) for text in told]
    assert sum(float(count[1]) for count in counted if count) == PAGES
