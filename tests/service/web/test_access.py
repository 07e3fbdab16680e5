"""For everybody: keyboards, small screens, dark rooms, people who wish for no movement, and screen readers."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.service.web.seen import chips, eventually, ready, search
from tests.service.web.visitor import Visitor

VIEWS = ("home", "profile", "explore", "segment/s1", "item/i14", "model")
PICKED = "?i=i3&i=i4&d=i5&s:s1=0.5&mute=s2"
PHONE: dict[str, Any] = {"viewport": {"width": 375, "height": 667}, "is_mobile": True, "has_touch": True}
_FOCUSED = """() => {
  const element = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
  const { top, bottom, left, right } = element.getBoundingClientRect();
  const inside = bottom > 0 && top < innerHeight && right > 0 && left < innerWidth;
  return {
    name: element.getAttribute("aria-label") ?? element.textContent.trim().slice(0, 60),
    kind: element.tagName,
    visible: (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
    inside,
  };
}"""


_COUNT_MOVEMENTS = """() => {
  window.began = 0;
  for (const kind of ["animationstart", "transitionrun"]) addEventListener(kind, () => began++);
}"""


def visited(page: Page, view: str) -> None:
    """Waits until a view is as it will be."""
    expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
    if view in ("home", "segment/s1", "explore"):
        ready(page)
    if view == "profile":
        expect(page.get_by_role("slider").first).to_be_visible()
    if view == "item/i14":
        expect(page.get_by_role("region", name="Items like it")).to_be_visible()


def findings(page: Page, rules: tuple[str, ...] = ()) -> list[str]:
    """What axe-core calls serious or critical, with where it is, by these rules or all. Of a row two cards are seen."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": {"type": "rule", "values": rules}} if rules else {})
    found = Axe().run(page, {"exclude": [[".row > :nth-child(n + 3)"]]}, options).response["violations"]
    return [
        f"{one['id']} ({one['impact']}): {json.dumps([node['target'] for node in one['nodes'][:4]])}"
        for one in found
        if one["impact"] in {"serious", "critical"}
    ]


def test_axe_finds_nothing_serious_in_any_view_light_or_dark(visitor: Visitor) -> None:
    page = visitor.open(f"#/home{PICKED}", reduced_motion="reduce")
    found: dict[str, list[str]] = {}

    def look(where: str) -> None:
        page.emulate_media(color_scheme="light")
        found[where] = findings(page)
        page.emulate_media(color_scheme="dark")
        found[f"{where}, dark"] = findings(page, ("color-contrast",))  # nothing else is another there

    for view in VIEWS:
        page.goto(f"{visitor.url}/#/{view}{PICKED}")
        visited(page, view)
        look(view)
    page.get_by_role("navigation").get_by_role("link", name="Home").click()
    page.get_by_role("button", name="Why?").first.click()
    expect(page.get_by_role("dialog").get_by_role("table")).to_have_count(2)
    look("why")
    page.keyboard.press("Escape")
    search(page, "chess")
    look("search")
    assert {where: complaints for where, complaints in found.items() if complaints} == {}
    assert len(found) == 2 * (len(VIEWS) + 2)


def test_no_view_takes_the_names_of_another(visitor: Visitor) -> None:
    page = visitor.open(f"#/home{PICKED}")
    for view in VIEWS:
        page.goto(f"{visitor.url}/#/{view}{PICKED}")
        visited(page, view)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map(({ id }) => id)")
    assert [name for name, times in Counter(ids).items() if times > 1] == []


@pytest.mark.parametrize("picked", ["", PICKED])
def test_every_view_has_one_heading_of_the_first_level(visitor: Visitor, picked: str) -> None:
    page = visitor.open(f"#/home{picked}")
    for view in VIEWS:
        page.goto(f"{visitor.url}/#/{view}{picked}")
        expect(page.get_by_role("main").get_by_role("heading", level=1)).to_have_count(1)


def test_axe_finds_what_is_wrong(visitor: Visitor) -> None:
    page = visitor.open()
    ready(page)
    page.evaluate("document.querySelector('#theme').removeAttribute('aria-label')")
    page.evaluate("document.querySelector('#theme').replaceChildren()")
    page.evaluate("document.querySelector('#theme').removeAttribute('title')")
    assert [one.split()[0] for one in findings(page)] == ["button-name"]


@pytest.mark.parametrize("view", VIEWS)
def test_the_tab_key_leads_through_a_view_and_one_sees_where_one_is(visitor: Visitor, view: str) -> None:
    page = visitor.open(f"#/{view}{PICKED}", reduced_motion="reduce")
    visited(page, view)
    names, unseen = [], []
    for _ in range(200):
        page.keyboard.press("Tab")
        focused = page.evaluate(_FOCUSED)
        if focused["kind"] == "BODY":
            break
        names.append(focused["name"])
        if not (focused["visible"] and focused["inside"]):
            unseen.append(focused)
    assert unseen == []
    assert names[0] == "Skip to the page"
    for name in ("Home", "Profile", "Explore", "Model", "Find something you like", "Start over", "API"):
        assert name in names, names


def test_a_row_is_one_stop_and_arrows_lead_along_it(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3")
    ready(page)
    cards = page.get_by_role("list", name="Top picks").get_by_role("listitem")
    first, last = cards.first.get_by_role("button").first, cards.last.get_by_role("button").first
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(cards.nth(1).get_by_role("button").first).to_be_focused()
    page.keyboard.press("End")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    for _ in range(3):
        page.keyboard.press("Tab")
    assert not cards.last.evaluate("(card) => card.contains(document.activeElement)")
    first.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Why")).to_be_visible()
    page.keyboard.press("Escape")
    expect(first).to_be_focused()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Tab")
    expect(cards.first.get_by_role("button").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_count(2)
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


@pytest.mark.parametrize("view", VIEWS)
def test_on_a_phone_nothing_scrolls_sideways(visitor: Visitor, view: str) -> None:
    page = visitor.open(f"#/{view}{PICKED}", **PHONE)
    visited(page, view)
    assert page.evaluate("[innerWidth, document.scrollingElement.scrollWidth]") == [375, 375]
    for name in ("Home", "Profile", "Explore", "Model"):
        expect(page.get_by_role("navigation").get_by_role("link", name=name)).to_be_in_viewport(ratio=1)


def test_on_a_phone_one_picks_asks_why_and_moves_a_slider(visitor: Visitor) -> None:
    page = visitor.open(**PHONE)
    ready(page)
    search(page, "Chess No. 2").first.tap()
    expect(chips(page)).to_have_count(1)
    ready(page)
    page.get_by_role("button", name=re.compile("^I like Chess")).first.tap()
    expect(chips(page)).to_have_count(2)
    page.get_by_role("button", name="Why?").first.tap()
    dialog = page.get_by_role("dialog", name="Why")
    expect(dialog.get_by_role("table")).to_have_count(2)
    assert dialog.evaluate("(dialog) => dialog.scrollWidth <= dialog.clientWidth")
    dialog.get_by_role("button", name="Close").tap()
    page.get_by_role("navigation").get_by_role("link", name="Profile").tap()
    slider = page.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    assert slider.bounding_box() is not None
    slider.tap(position={"x": 4, "y": 10})
    expect(chips(page)).to_have_count(3)


def test_dark_is_dark_and_the_button_is_remembered(visitor: Visitor) -> None:
    page = visitor.open(color_scheme="dark")
    for name, dark in (("Colours: auto", True), ("Colours: dark", True), ("Colours: light", False)):
        button = page.get_by_role("button", name=name)
        expect(button).to_be_visible()
        eventually(lambda: is_dark(page), dark)
        page.reload()
        expect(button).to_be_visible()
        eventually(lambda: is_dark(page), dark)
        button.click()
    page = visitor.open(color_scheme="light")
    eventually(lambda: is_dark(page), wanted=False)


def is_dark(page: Page) -> bool | None:
    """What the background is; None where it is neither dark nor light."""
    colour = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    channels = [float(channel) for channel in re.findall(r"[\d.]+", colour)]
    if len(channels) != 3:
        return None
    brightness = sum(channels) / (3 * 255)
    return True if brightness < 0.2 else False if brightness > 0.8 else None


@pytest.mark.parametrize(("wish", "moves"), [("reduce", False), ("no-preference", True)])
def test_nothing_moves_where_movement_is_not_wanted(visitor: Visitor, wish: str, moves: bool) -> None:
    page = visitor.open(reduced_motion=wish)
    page.evaluate(_COUNT_MOVEMENTS)
    ready(page)
    search(page, "chess").first.click()
    ready(page)
    expect(chips(page)).to_have_count(1)
    page.get_by_role("button", name="Why?").first.click()
    tables = page.get_by_role("dialog").get_by_role("table")
    expect(tables).to_have_count(2)
    tables.first.get_by_role("row").first.hover()
    eventually(lambda: page.evaluate("began > 0"), moves)
