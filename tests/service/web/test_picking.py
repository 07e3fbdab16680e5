"""Home: what is picked, and the page of shelves that it makes."""

import re
from functools import partial

from playwright.sync_api import Page, expect

from tests.service.web.seen import (
    Shelves,
    address,
    chips,
    eventually,
    homepage,
    ready,
    search,
    segment_id,
    shelf,
    shelves,
)
from tests.service.web.visitor import Visitor


def test_an_item_is_picked_by_keyboard_alone_and_the_page_of_shelves_builds_itself(visitor: Visitor) -> None:
    page = visitor.open()
    ready(page)
    box = page.get_by_role("combobox", name="Find something you like")
    for _ in range(12):
        page.keyboard.press("Tab")
        if box.evaluate("(box) => box === document.activeElement"):
            break
    page.keyboard.type("chess no. 1")
    expect(page.get_by_role("option").nth(2)).to_be_visible()
    page.keyboard.press("ArrowDown")
    second = page.get_by_role("option", selected=True)
    title = second.locator("span").nth(-2).inner_text()
    assert re.match(r"Chess No\. 1\d", title)
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_text([re.compile(re.escape(title))])
    expect(box).to_be_focused()
    expect(page.get_by_role("heading", name="Pick a few things you like.")).to_be_hidden()
    item = "i" + str(12 * (int(title.split()[-1]) - 1) + 2)
    eventually(lambda: shelves(page), homepage(visitor.url, [item]))


def test_adding_and_removing_changes_the_page_as_the_service_says(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3")
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3"]))
    page.get_by_role("button", name="I like Deep Sea No. 4", exact=True).click()
    expect(chips(page)).to_have_count(2)
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3", "i39"]))
    ready(page)
    page.get_by_role("button", name=re.compile("^Less like Chess No. ")).first.click()
    expect(chips(page).first).to_contain_text("less like Chess No.")
    page.get_by_role("button", name="Remove Deep Sea No. 4").click()
    page.get_by_role("button", name=re.compile("^Remove Chess No. ")).click()
    expect(chips(page)).to_have_count(1)
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3"]))


def _is_another(page: Page, before: Shelves) -> bool:
    return shelves(page) != before


def test_a_row_begins_with_its_first_card_whatever_becomes_of_the_others(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3")
    ready(page)
    for name in ("I like Deep Sea No. 4", "I like Deep Sea No. 5", "Remove Deep Sea No. 4"):
        before = shelves(page)
        page.get_by_role("button", name=name, exact=True).first.click()
        eventually(partial(_is_another, page, before))
        ready(page)
        page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        assert set(page.evaluate("[...document.querySelectorAll('.row')].map((row) => row.scrollLeft)")) == {0}


def test_less_like_an_item_counts_against_it(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3&i=i4&d=i5")
    history = ["i3", "i4", {"item_id": "i5", "weight": -1}]
    eventually(lambda: shelves(page), homepage(visitor.url, history))
    assert homepage(visitor.url, history) != homepage(visitor.url, ["i3", "i4"])


def test_back_undoes_a_pick_and_forward_does_it_again(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3")
    ready(page)
    search(page, "Kites No. 2").first.click()
    both = homepage(visitor.url, ["i3", "i22"])
    eventually(lambda: shelves(page), both)
    page.go_back()
    expect(chips(page)).to_have_count(1)
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3"]))
    page.go_forward()
    eventually(lambda: shelves(page), both)


def test_who_opens_the_link_sees_the_page_steered_and_muted_as_it_was(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3&i=i4&d=i5", permissions=["clipboard-read", "clipboard-write"])
    ready(page)
    page.get_by_role("button", name="More of Deep Sea").click()
    expect(chips(page).first).to_contain_text("more Deep Sea")
    page.get_by_role("button", name="Mute Early Jazz").click()
    expect(shelf(page, "Early Jazz")).to_have_count(0)
    ready(page)
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link.startswith(f"{visitor.url}/#/home?")
    other = visitor.open(link.removeprefix(f"{visitor.url}/"))
    steered = {
        "steer": [{"segment_id": segment_id(visitor.url, "Deep Sea"), "strength": 0.5}],
        "mute": [segment_id(visitor.url, "Early Jazz")],
    }
    wanted = homepage(visitor.url, ["i3", "i4", {"item_id": "i5", "weight": -1}], **steered)
    eventually(lambda: shelves(other), wanted)
    assert shelves(page) == wanted
    expect(chips(other)).to_have_text(chips(page).all_text_contents())


def test_an_address_with_what_the_model_does_not_hold_says_so_and_goes_on(visitor: Visitor) -> None:
    visitor.expect("status of 422", "status of 404")
    page = visitor.open("#/home?i=i3&i=nobody&s:s99=1&mute=s98")
    expect(page.get_by_text("One item of this link is not in this model.")).to_be_visible()
    expect(page.get_by_text("2 segments are not in this model.")).to_be_visible()
    eventually(lambda: shelves(page), homepage(visitor.url, ["i3"]))
    eventually(lambda: "s99" in address(page), wanted=False)


def test_an_address_that_is_nonsense_is_home(visitor: Visitor) -> None:
    for fragment in ("#nonsense", "#/home?s:s1=much&i=&%E0%A4%A", "#/%zz/%zz?i=%zz"):
        page = visitor.open(fragment)
        ready(page)
        expect(page.get_by_role("link", name="Home")).to_have_attribute("aria-current", "page")


def test_one_can_take_the_place_of_somebody(visitor: Visitor) -> None:
    page = visitor.open()
    heading = page.get_by_role("heading", name="Or see it as somebody else does")
    expect(heading).to_be_visible()
    somebody = page.get_by_role("button", name=re.compile(r"and \d+ more$")).first
    n_more = int(somebody.inner_text().split()[-2])
    somebody.click()
    expect(heading).to_be_hidden()
    eventually(lambda: address(page).count("i="), n_more + 3)
    ready(page)
    assert len(shelves(page)) > 1
    page.get_by_role("button", name="Start over").click()
    expect(heading).to_be_visible()
    expect(chips(page)).to_have_count(0)


def test_what_no_title_has_is_said(visitor: Visitor) -> None:
    page = visitor.open()
    assert search(page, "zzzz").all_inner_texts() == ["Nothing has this in its title"]
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("option")).to_have_count(0)
