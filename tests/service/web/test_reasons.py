"""Why something is there, and what a person can do about it."""

import re

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.service.web.seen import chips, eventually, homepage, item_id, number, ready, segment_id, shelf, shelves, sums
from tests.service.web.visitor import Visitor

HALF_A_DIGIT = 0.0005001


def adds_up(dialog: Locator) -> float:
    """The score that both tables end with."""
    (by_item, first), (by_dim, second) = sums(dialog)
    assert first == second
    assert len(by_item) > 1
    assert len(by_dim) > 1
    for parts in (by_item, by_dim):
        assert abs(sum(parts) - first) <= HALF_A_DIGIT * (len(parts) + 2)
    return first


def explained(page: Page) -> Locator:
    dialog = page.get_by_role("dialog", name="Why")
    expect(dialog.get_by_role("table").first).to_be_visible()
    return dialog


def test_the_parts_of_a_card_add_up_to_its_score_in_both_tables(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3&i=i4&d=i7")
    ready(page)
    steered = segment_id(visitor.url, "Deep Sea")
    page.get_by_role("button", name="More of Deep Sea").click()
    ready(page)
    card = shelf(page, "Deep Sea").get_by_role("button", name=re.compile("^Deep Sea No. ")).first
    title = card.inner_text()
    card.click()
    dialog = explained(page)
    expect(dialog.get_by_role("heading", name=title)).to_be_visible()
    body = {
        "history": ["i3", "i4", {"item_id": "i7", "weight": -1}],
        "steer": [{"segment_id": steered, "strength": 0.5}],
        "candidates": [item_id(visitor.url, title)],
        "n": 1,
    }
    (item,) = httpx.post(f"{visitor.url}/recommend", json=body).json()["items"]
    assert abs(adds_up(dialog) - item["score"]) <= HALF_A_DIGIT
    expect(dialog.get_by_role("rowheader", name="More of Deep Sea")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(card).to_be_focused()


def test_the_parts_of_a_shelf_add_up_to_its_score_in_both_tables(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3&i=i4&i=i5")
    ready(page)
    shelf(page, "Early Jazz").get_by_role("button", name="Why?").click()
    dialog = explained(page)
    body = {"history": ["i3", "i4", "i5"], "segments": [segment_id(visitor.url, "Early Jazz")], "n": 1}
    (segment,) = httpx.post(f"{visitor.url}/segments", json=body).json()["segments"]
    assert abs(adds_up(dialog) - segment["score"]) <= HALF_A_DIGIT
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_have_count(0)


def test_what_is_only_popular_says_so(visitor: Visitor) -> None:
    page = visitor.open()
    ready(page)
    page.get_by_role("button", name="Kites No. 1", exact=True).click()
    dialog = page.get_by_role("dialog", name="Why")
    expect(dialog.get_by_text("It is here because it is popular.")).to_be_visible()
    share = re.search(r"([\d.]+)\s*% of all users", dialog.inner_text())
    assert share is not None
    known = httpx.get(f"{visitor.url}/items/i10").json()
    assert abs(number(share[1]) - 100 * known["popularity"]) < 0.51
    dialog.get_by_role("button", name="I like it").click()
    expect(dialog).to_have_count(0)
    eventually(lambda: shelves(page), homepage(visitor.url, ["i10"]))


def test_more_less_mute_and_start_over(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3&i=i4")
    ready(page)
    deep_sea = segment_id(visitor.url, "Deep Sea")

    def steered(strength: float) -> object:
        return homepage(visitor.url, ["i3", "i4"], steer=[{"segment_id": deep_sea, "strength": strength}])

    page.get_by_role("button", name="More of Deep Sea").click()
    eventually(lambda: shelves(page), steered(0.5))
    expect(chips(page).first).to_contain_text("more Deep Sea")
    page.get_by_role("button", name="Remove Deep Sea", exact=True).click()
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3", "i4"]))
    page.get_by_role("button", name="Less of Deep Sea").click()
    eventually(lambda: shelves(page), steered(-0.5))
    expect(chips(page).first).to_contain_text("less Deep Sea")
    page.get_by_role("button", name="Mute Early Jazz").click()
    expect(chips(page).filter(has_text="without Early Jazz")).to_be_visible()
    expect(shelf(page, "Early Jazz")).to_have_count(0)
    page.get_by_role("button", name="Remove Early Jazz", exact=True).click()
    expect(shelf(page, "Early Jazz")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(chips(page)).to_have_count(0)
    eventually(lambda: shelves(page), homepage(visitor.url, []))
