"""What goes wrong around the page, and how it goes on: keys, restarts, Redis, the network, another model."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from service.keys import new_key
from tests.conftest import RedisServer
from tests.service.processes import Running, service
from tests.service.web import shop
from tests.service.web.pictures import Pictures
from tests.service.web.seen import chips, eventually, homepage, ready, shelves
from tests.service.web.visitor import Visitor

PICK = "I like Deep Sea No. 4"


def picked(page: Page, url: str) -> None:
    """One item is picked and one more: the page shows what the service answers."""
    page.get_by_role("button", name=PICK, exact=True).click()
    eventually(lambda: shelves(page), homepage(url, ["i3", "i39"]))


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A key a scope, and the `file` of them."""
    made = {scope: new_key(scope, frozenset({scope})) for scope in ("read", "metrics")}
    file = tmp_path_factory.mktemp("keys") / "keys.txt"
    file.write_text("".join(key.line for _, key in made.values()))
    return {"file": str(file)} | {scope: secret for scope, (secret, _) in made.items()}


@pytest.fixture(scope="module")
def locked(artifacts: Path, keys: dict[str, str]) -> Iterator[Running]:
    """A service that asks for one."""
    with service(artifacts, SPARSESHELF_KEYS_FILE=keys["file"]) as running:
        yield running


def test_a_key_is_asked_for_until_it_is_valid_and_may_read(
    visitor: Visitor, locked: Running, keys: dict[str, str]
) -> None:
    visitor.expect("status of 401", "status of 403")
    page = visitor.open("#/home?i=i3", at=locked.url)
    prompt = page.get_by_role("dialog", name="This service asks for a key")
    expect(prompt).to_have_count(1)
    expect(prompt.get_by_role("textbox")).to_be_focused()
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(prompt).to_contain_text("not valid")
    prompt.get_by_role("textbox").fill(keys["read"])
    prompt.get_by_role("button", name="Go on").click()
    ready(page)
    expect(prompt).to_have_count(0)
    assert len(shelves(page)) > 3
    expect(chips(page)).to_contain_text(["Deep Sea No. 1"])
    kept = page.evaluate("[...Object.values(localStorage), location.href, document.cookie]")
    assert not any(keys["read"] in where for where in kept)
    page.reload()
    ready(page)

    other = visitor.open("#/home?i=i3", at=locked.url)
    other.get_by_role("textbox", name="Key").fill(keys["metrics"])
    other.keyboard.press("Enter")
    expect(other.get_by_role("alert").filter(has_text="A key with the scope read is needed.")).to_be_visible()


def test_who_gives_no_key_is_told_so_and_can_do_it_later(
    visitor: Visitor, locked: Running, keys: dict[str, str]
) -> None:
    visitor.expect("status of 401")
    page = visitor.open(at=locked.url)
    failure = page.get_by_role("alert").filter(has_text="key")
    prompt = page.get_by_role("dialog", name="This service asks for a key")
    expect(prompt).to_be_visible()

    def refused() -> bool:
        page.keyboard.press("Escape")
        return failure.is_visible() and not prompt.count()

    eventually(refused)
    failure.get_by_role("button", name="Give a key").click()
    prompt.get_by_role("textbox").fill(keys["read"])
    page.keyboard.press("Enter")
    ready(page)


def test_a_service_that_is_killed_and_started_again_is_waited_for(visitor: Visitor, artifacts: Path) -> None:
    visitor.expect("ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET", "status of 503")
    with service(artifacts) as first:
        page = visitor.open("#/home?i=i3", at=first.url)
        ready(page)
        first.process.kill()
        first.process.wait()
        page.get_by_role("button", name=PICK, exact=True).click()
        expect(page.get_by_role("alert").filter(has_text="Trying again")).to_be_visible()
        with service(artifacts, "--port", str(first.port)) as again:
            wanted = homepage(again.url, ["i3", "i39"])
            eventually(lambda: shelves(page), wanted)
            expect(page.get_by_role("alert")).to_have_count(0)
            expect(chips(page)).to_have_count(2)
            visitor.close()


def test_redis_is_killed_and_the_page_goes_on(visitor: Visitor, artifacts: Path, redis_server: RedisServer) -> None:
    with service(artifacts, SPARSESHELF_REDIS_URL=redis_server.url) as running:
        page = visitor.open("#/home?i=i3", at=running.url)
        ready(page)
        redis_server.kill()
        picked(page, running.url)
        expect(page.get_by_role("contentinfo")).to_contain_text("The cache is out of reach")
        visitor.close()


def test_offline_is_said_and_what_was_picked_meanwhile_is_shown_afterwards(visitor: Visitor) -> None:
    visitor.expect("ERR_INTERNET_DISCONNECTED")
    page = visitor.open("#/home?i=i3")
    ready(page)
    page.context.set_offline(True)
    warning = page.get_by_role("alert").filter(has_text="You are offline.")
    expect(warning).to_be_visible()
    page.get_by_role("button", name=PICK, exact=True).click()
    expect(chips(page)).to_have_count(2)
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3", "i39"]))


def test_an_explanation_that_could_not_be_had_comes_when_the_service_is_back(visitor: Visitor) -> None:
    visitor.expect("ERR_INTERNET_DISCONNECTED")
    page = visitor.open("#/home?i=i3")
    ready(page)
    page.context.set_offline(True)
    page.get_by_role("button", name="Why?").first.click()
    dialog = page.get_by_role("dialog", name="Why")
    expect(dialog.get_by_role("alert")).to_contain_text("You are offline.")
    page.context.set_offline(False)
    expect(dialog.get_by_role("table")).to_have_count(2)


def test_a_browser_that_may_keep_nothing_shows_the_page_all_the_same(
    visitor: Visitor, locked: Running, keys: dict[str, str]
) -> None:
    visitor.expect("status of 401")
    page = visitor.open("#/home", at=locked.url)
    page.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, { get: () => { throw new DOMException('blocked', 'SecurityError'); } });"
    )
    page.goto(f"{locked.url}/?#/home?i=i3")
    page.get_by_role("dialog").get_by_role("textbox").fill(keys["read"])
    page.keyboard.press("Enter")
    ready(page)
    assert len(shelves(page)) > 3
    page.get_by_role("button", name="Colours").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_another_model_is_told_of_and_everything_is_its_own(
    visitor: Visitor, artifacts: Path, pictures: Pictures, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(artifacts, tmp_path / "artifacts"))
    with service(folder, SPARSESHELF_RELOAD_SECONDS="0.1") as running:
        page = visitor.open("#/home?i=i3", at=running.url)
        ready(page)
        before = homepage(running.url, ["i3"])
        shop.train(tmp_path, pictures.origin, seed=2)
        current = (folder / "CURRENT").read_text().strip()
        eventually(lambda: homepage(running.url, ["i3"]) != before)
        picked(page, running.url)
        expect(page.get_by_text(f"Another model answers now: {current}")).to_be_visible()
        expect(page.get_by_role("contentinfo")).to_contain_text(current)
        visitor.close()


def test_nothing_of_a_person_comes_into_the_log(visitor: Visitor, artifacts: Path) -> None:
    with service(artifacts, SPARSESHELF_ACCESS_LOG="true", SPARSESHELF_LOG_LEVEL="debug") as running:
        _walked_through(visitor, running)
        visitor.close()
    assert "/homepage" in running.log
    assert "/recommend" in running.log
    assert not re.search(r"\bi30[35]\b|Deep|s2\b|mute=", running.log)


def _walked_through(visitor: Visitor, running: Running) -> None:
    page = visitor.open("#/home?i=i303&d=i305&mute=s2", at=running.url)
    ready(page)
    picked_item = page.get_by_role("button", name=re.compile("^Deep Sea No. ")).first
    picked_item.click()
    expect(page.get_by_role("dialog").get_by_role("table")).to_have_count(2)
    page.get_by_role("link", name="All about it").click()
    expect(page.get_by_role("region", name="Its code")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Profile").click()
    expect(page.get_by_role("slider").first).to_be_visible()
