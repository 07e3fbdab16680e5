"""A service that follows CURRENT: new versions, broken ones, two side by side; asked all the while."""

import asyncio
import fcntl
import gc
import json
import os
import signal
import socket
import time
import weakref
from itertools import pairwise
from pathlib import Path

import httpx
import numpy as np
import pytest

from index import artifact
from index.artifact import Artifact
from index.errors import ArtifactError
from service.app import create_app
from service.live import Denied
from service.roster import Roster
from service.server import _shared_folder
from service.settings import Settings
from service.split import Split
from service.worker import FOLDER
from tests.conftest import write
from tests.service.asking import asking, live
from tests.service.processes import service
from tests.worlds import by_hand, random_model

pytestmark = pytest.mark.anyio


def versions(folder: Path) -> tuple[Artifact, Artifact]:
    """Two of them, the first of which is current."""
    first = write(folder, by_hand())
    second = write(folder, by_hand(), name="other")
    artifact.point_at(folder, first.version)
    return first, second


def following(folder: Path, **more: object) -> Settings:
    return Settings.model_validate({"artifacts": folder, "reload_seconds": 0.1, **more})


async def answering(client: httpx.AsyncClient, version: str) -> None:
    """Returns once this version answers."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        answer = await client.post("/recommend", json={"history": ["a"]})
        assert answer.status_code == 200
        assert answer.json()["model_version"] == answer.headers["X-Model-Version"]
        if answer.headers["X-Model-Version"] == version:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{version} never answered")


async def refused(client: httpx.AsyncClient, words: str) -> str:
    """Returns once the service says that a version cannot be opened, and why."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        ready = await client.get("/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "ok")
        if words in (failure := ready.json().get("failure", "")):
            return str(failure)
        await asyncio.sleep(0.02)
    raise AssertionError(f"never said {words!r}")


async def test_what_current_names_answers_without_a_restart(tmp_path: Path) -> None:
    first, second = versions(tmp_path)
    async with asking(following(tmp_path)) as client:
        await answering(client, first.version)
        artifact.point_at(tmp_path, second.version)
        await answering(client, second.version)
        assert (await client.get("/model")).json()["model_version"] == second.version


async def test_a_broken_version_changes_nothing_but_what_is_said_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = versions(tmp_path)
    (second.folder / "popularity.npy").write_bytes(b"")
    async with asking(following(tmp_path)) as client:
        artifact.point_at(tmp_path, second.version)
        failure = await refused(client, "popularity.npy")
        assert str(tmp_path) not in failure
        await answering(client, first.version)
        await asyncio.sleep(0.5)
        assert len([record for record in caplog.records if "popularity.npy" in record.getMessage()]) == 1
        artifact.point_at(tmp_path, first.version)
        until = time.monotonic() + 20
        while "failure" in (await client.get("/health/ready")).json():
            assert time.monotonic() < until
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("content", [None, b"", b"nowhere-0123456789ab", b"../../etc", b"\xff\xfe"])
async def test_a_pointer_that_leads_nowhere_changes_nothing(tmp_path: Path, content: bytes | None) -> None:
    first, _ = versions(tmp_path)
    async with asking(following(tmp_path)) as client:
        if content is None:
            (tmp_path / "CURRENT").unlink()
        else:
            (tmp_path / "CURRENT").write_bytes(content)
        await refused(client, "")
        await answering(client, first.version)
        artifact.point_at(tmp_path, first.version)


async def test_a_version_that_was_broken_and_is_there_again_answers_after_a_reload(tmp_path: Path) -> None:
    first, second = versions(tmp_path)
    aside = second.folder.rename(tmp_path / "aside")
    async with asking(following(tmp_path, reload_seconds=3600)) as client:
        artifact.point_at(tmp_path, second.version)
        failed = await client.post("/admin/reload")
        assert (failed.status_code, failed.json()["code"]) == (409, "RELOAD_FAILED")
        assert f"{first.version} goes on answering" in failed.json()["detail"]
        aside.rename(second.folder)
        done = await client.post("/admin/reload")
        assert done.json() == {
            "model_version": second.version,
            "workers": [{"worker": os.getpid(), "version": second.version, "failure": None}],
        }
        await answering(client, second.version)


async def test_what_is_denied_stays_denied_and_pages_of_the_old_version_are_not_shown(tmp_path: Path) -> None:
    _, second = versions(tmp_path)
    app = create_app(following(tmp_path))
    async with live(app) as client:
        body = {"history": ["d"], "min_items": 1}
        before = (await client.post("/homepage", json=body)).json()
        app.state.live.deny(Denied.of(["c"]))
        artifact.point_at(tmp_path, second.version)
        await answering(client, second.version)
        after = (await client.post("/homepage", json=body)).json()
        assert before["model_version"] != after["model_version"] == second.version
        shown = {item["item_id"] for shelf in after["shelves"] for item in shelf["items"]}
        assert shown
        assert "c" not in shown


async def test_the_old_version_is_given_back(tmp_path: Path) -> None:
    _, second = versions(tmp_path)
    app = create_app(following(tmp_path))
    async with live(app) as client:
        old = weakref.ref(app.state.live.serving.recommender)
        artifact.point_at(tmp_path, second.version)
        await answering(client, second.version)
        gc.collect()
        assert old() is None


async def test_no_answer_mixes_versions_while_they_are_replaced(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    written = [write(tmp_path, random_model(seed, k=4, packed=True), name=f"v{seed}") for seed in range(4)]
    artifact.point_at(tmp_path, written[0].version)
    history = [written[0].model.vocabulary.item_id(row) for row in range(3)]
    app = create_app(following(tmp_path))
    seen: dict[str, set[str]] = {}
    async with live(app) as client:

        async def ask_on() -> None:
            while not done.is_set():
                answer = await client.post("/recommend", json={"history": history, "n": 5})
                assert answer.status_code == 200
                assert answer.headers["X-Model-Version"] == answer.json()["model_version"]
                items = json.dumps(answer.json()["items"])
                seen.setdefault(answer.headers["X-Model-Version"], set()).add(items)
                await asyncio.sleep(0)

        done = asyncio.Event()
        asking_on = [asyncio.create_task(ask_on()) for _ in range(4)]
        for _ in range(6):
            artifact.point_at(tmp_path, written[int(rng.integers(4))].version)
            await client.post("/admin/reload")
        done.set()
        await asyncio.gather(*asking_on)
    assert len(seen) > 1
    assert {len(answers) for answers in seen.values()} == {1}


# ---------------------------------------------------------------- two versions side by side


async def test_a_split_is_sticky_and_says_which_variant_answered(tmp_path: Path) -> None:
    first, second = versions(tmp_path)
    async with asking(following(tmp_path, challenger=second.version, challenger_share=0.5)) as client:
        found: dict[str, set[tuple[str, str]]] = {}
        for _ in range(2):
            for visitor in map(str, range(20)):
                answer = await client.post("/recommend", json={"history": ["a"]}, headers={"X-Split-Key": visitor})
                body = answer.json()
                assert answer.headers["X-Variant"] == body["variant"]
                assert answer.headers["X-Model-Version"] == body["model_version"]
                found.setdefault(visitor, set()).add((body["variant"], body["model_version"]))
        assert set.union(*found.values()) == {("a", first.version), ("b", second.version)}
        assert {len(answers) for answers in found.values()} == {1}
        without = await client.post("/recommend", json={"history": ["a"]})
        assert "X-Variant" not in without.headers
        assert "variant" not in without.json()
        assert without.json()["model_version"] == first.version


async def test_pages_of_the_variants_are_not_mixed_up_in_the_cache(tmp_path: Path) -> None:
    _, second = versions(tmp_path)
    settings = following(tmp_path, challenger=second.version)
    visitors = {settings.split.variant(str(i)): str(i) for i in range(100)} if settings.split else {}
    async with asking(settings) as client:
        for _ in range(2):
            for variant, visitor in [*visitors.items(), (None, None)]:
                headers = {} if visitor is None else {"X-Split-Key": visitor}
                page = await client.post("/homepage", json={"history": ["d"], "min_items": 1}, headers=headers)
                assert page.json().get("variant") == page.headers.get("X-Variant") == variant
                assert page.json()["model_version"] == page.headers["X-Model-Version"]
        assert page.headers["X-Cache"] == "hit"


def test_who_has_the_challenger_keeps_it_when_its_share_grows() -> None:
    visitors = [str(i) for i in range(5000)]
    shares = (0.0, 0.1, 0.5, 1.0)
    chosen = [{key for key in visitors if Split("v2", share).variant(key) == "b"} for share in shares]
    assert all(less <= more for less, more in pairwise(chosen))
    for share, found in zip(shares, chosen, strict=True):
        assert abs(len(found) / len(visitors) - share) < 0.03


@pytest.mark.parametrize("name", ["v", f"{'n' * 64}-0123456789a"])  # versions end in what tells them apart
def test_another_challenger_is_shown_to_others(name: str) -> None:
    visitors = [str(i) for i in range(5000)]
    challengers = f"{name}2", f"{name}3"
    first, second = ({key for key in visitors if Split(each, 0.5).variant(key) == "b"} for each in challengers)
    assert 0.4 < len(first & second) / len(first) < 0.6


async def test_a_challenger_that_is_not_there_is_said_at_the_start(tmp_path: Path) -> None:
    versions(tmp_path)
    with pytest.raises(ArtifactError, match=r"the challenger: .*nowhere"):
        create_app(following(tmp_path, challenger="nowhere"))


# ---------------------------------------------------------------- several workers


async def workers_of(client: httpx.AsyncClient) -> dict[int, str]:
    answer = await client.post("/admin/reload")
    assert answer.status_code == 200, answer.text
    return {worker["worker"]: worker["version"] for worker in answer.json()["workers"]}


async def test_a_version_that_fails_in_an_unknown_way_is_not_tried_without_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = versions(tmp_path)
    app = create_app(following(tmp_path, reload_seconds=0.1))
    tried = []

    def failing(version: str) -> None:
        tried.append(version)
        raise MemoryError

    monkeypatch.setattr(app.state.following, "_opened", failing)
    async with live(app) as client:
        artifact.point_at(tmp_path, second.version)
        assert await refused(client, "MemoryError") == "MemoryError, see the log"
        await asyncio.sleep(1.5)  # after 0, .1, .3, .7 and 1.5 s
        assert 2 <= len(tried) <= 6
        await answering(client, first.version)


async def test_a_worker_goes_on_following_where_it_cannot_tell_the_others(tmp_path: Path) -> None:
    _, second = versions(tmp_path / "artifacts")
    app = create_app(following(tmp_path / "artifacts"), Roster(tmp_path / "gone"))
    async with live(app) as client:
        await asyncio.sleep(0.3)
        artifact.point_at(tmp_path / "artifacts", second.version)
        await answering(client, second.version)


async def test_a_worker_that_does_not_answer_a_call_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = versions(tmp_path)
    (roster := tmp_path / "roster").mkdir()
    silent = {"worker": os.getppid(), "version": "older-0123456789ab", "failure": None, "call": 0}
    (roster / f"worker-{os.getppid()}.json").write_text(json.dumps(silent))
    monkeypatch.setattr("service.following._PATIENCE_SECONDS", 0.3)
    async with live(create_app(following(tmp_path), Roster(roster))) as client:
        answer = await client.post("/admin/reload")
        assert (answer.status_code, answer.json()["code"]) == (409, "RELOAD_FAILED")
        assert answer.json()["detail"] == (
            "1 of 2 workers: no word of it within 0.3 s; version older-0123456789ab goes on answering"
        )
        await answering(client, first.version)


def test_a_report_that_another_worker_takes_away_is_passed_over(tmp_path: Path) -> None:
    roster = Roster(tmp_path)
    roster.say(version="v", failure=None, call=0)
    (tmp_path / "worker-1.json").symlink_to(tmp_path / "taken away between the list and the look")
    assert [report.worker for report in roster.reports()] == [os.getpid()]


def test_what_cleans_temporary_folders_finds_that_of_the_workers_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    with _shared_folder(Settings(workers=2)):
        folder = os.open(os.environ[FOLDER], os.O_RDONLY)
        with pytest.raises(BlockingIOError):
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)


async def test_a_reload_reaches_every_worker_and_a_killed_one_is_replaced(tmp_path: Path) -> None:
    first, second = versions(tmp_path / "artifacts")
    settings = {"SPARSESHELF_RELOAD_SECONDS": "3600", "SPARSESHELF_WORKERS": "2"}
    with service(tmp_path / "artifacts", **settings) as running:
        limits = httpx.Limits(max_keepalive_connections=0)  # a kept one may lead to the worker that is killed
        async with httpx.AsyncClient(base_url=running.url, timeout=30, limits=limits) as client:
            until = time.monotonic() + 30
            while len(before := await workers_of(client)) < 2:  # the other one is still starting
                assert time.monotonic() < until
                await asyncio.sleep(0.1)
            assert list(before.values()) == [first.version] * 2
            artifact.point_at(tmp_path / "artifacts", second.version)
            assert await workers_of(client) == dict.fromkeys(before, second.version)
            (tmp_path / "artifacts" / "CURRENT").write_text("nowhere-0123456789ab\n")
            os.kill(min(before), signal.SIGKILL)  # another one starts, and serves what the others do
            until = time.monotonic() + 30
            while "2 of 2 workers" not in (await client.post("/admin/reload")).json()["detail"]:
                assert time.monotonic() < until
                await asyncio.sleep(0.2)
            artifact.point_at(tmp_path / "artifacts", second.version)
            after = await workers_of(client)
            assert list(after.values()) == [second.version] * 2
            assert min(before) not in after
    assert running.code == 0
    assert "Traceback" not in running.log


async def test_without_a_supervisor_the_workers_end(tmp_path: Path) -> None:
    versions(tmp_path / "artifacts")
    with service(tmp_path / "artifacts", SPARSESHELF_WORKERS="2") as running:
        running.process.kill()
        until, answering = time.monotonic() + 20, True
        while answering and time.monotonic() < until:
            await asyncio.sleep(0.1)
            with socket.socket() as probe:
                answering = probe.connect_ex(("127.0.0.1", running.port)) == 0
        assert not answering


async def test_what_is_under_way_is_answered_when_the_service_is_told_to_stop(tmp_path: Path) -> None:
    write(tmp_path, random_model(5, k=4))
    with service(tmp_path) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        body = json.dumps({"history": ["0"]}).encode()
        head = f"Host: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        writer.write(b"POST /recommend HTTP/1.1\r\n" + head.encode() + body[:5])
        await writer.drain()
        await asyncio.sleep(0.3)
        running.process.terminate()
        await asyncio.sleep(0.3)
        writer.write(body[5:])
        answer = await asyncio.wait_for(reader.read(), 10)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        writer.close()
    assert running.code == -signal.SIGTERM  # uvicorn ends as whoever is told to, once all is answered
