"""The profile: sliders that rank everything again, and what a dim is about."""

import re

import httpx
from playwright.sync_api import Page, expect

from tests.service.web.seen import address, chips, eventually, shelves
from tests.service.web.visitor import Visitor

FIRST = "What comes first now"


def sliders(page: Page) -> list[str]:
    return [str(slider.get_attribute("aria-label")) for slider in page.get_by_role("slider").all()]


def coming_first(page: Page) -> list[str]:
    return dict(shelves(page)).get(FIRST, [])


def best(url: str, history: list[str], steering: dict[str, float]) -> list[str]:
    steer = [{"segment_id": name, "strength": strength} for name, strength in steering.items()]
    answer = httpx.post(f"{url}/recommend", json={"history": history, "steer": steer, "n": 14}).raise_for_status()
    return [item["title"] for item in answer.json()["items"]]


def test_a_slider_ranks_everything_again_and_keeps_its_place_while_it_moves(visitor: Visitor) -> None:
    page = visitor.open("#/profile?i=i3&i=i4&i=i5")
    expect(page.get_by_role("slider")).not_to_have_count(0)
    eventually(lambda: coming_first(page), best(visitor.url, ["i3", "i4", "i5"], {}))
    before = sliders(page)
    slider = page.get_by_role("slider").nth(3)
    label = before[3].removeprefix("Less or more of ")
    segments = httpx.get(f"{visitor.url}/segments", params={"n": 100}).json()["segments"]
    steered = next(segment["segment_id"] for segment in segments if segment["label"] == label)
    slider.focus()
    for strength in (0.25, 0.5, 0.75):
        page.keyboard.press("ArrowRight")
        eventually(lambda: coming_first(page), best(visitor.url, ["i3", "i4", "i5"], {steered: strength}))
    page.keyboard.press("End")
    eventually(lambda: coming_first(page), best(visitor.url, ["i3", "i4", "i5"], {steered: 2}))
    assert sliders(page)[:6] == before
    expect(slider).to_be_focused()
    expect(slider).to_have_attribute("aria-valuetext", "2 lengths more")
    expect(chips(page).first).to_contain_text(f"more {label}")
    eventually(lambda: f"s%3A{steered}=2" in address(page))
    page.reload()
    eventually(lambda: coming_first(page), best(visitor.url, ["i3", "i4", "i5"], {steered: 2}))


def test_a_slider_that_is_dragged_is_where_the_pointer_left_it(visitor: Visitor) -> None:
    page = visitor.open("#/profile?i=i3&i=i4")
    slider = page.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    page.wait_for_load_state("networkidle")  # what comes later moves it
    place = slider.bounding_box()
    assert place is not None
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(30):
        page.mouse.move(x + step * place["width"] / 90, y)
    page.mouse.up()
    strength = float(slider.input_value())
    assert strength > 0
    eventually(lambda: re.findall(r"s%3As\d+=([\d.]+)", address(page)), [f"{strength:g}"])
    page.go_back()  # a drag is nothing to go back through: the page before it
    assert address(page) == "about:blank"


def test_a_muted_segment_keeps_its_row_and_comes_back(visitor: Visitor) -> None:
    page = visitor.open("#/profile?i=i3&i=i4")
    page.get_by_role("button", name=re.compile("^Mute ")).first.click()
    unmute = page.get_by_role("button", name=re.compile("^Unmute "))
    expect(unmute).to_be_visible()
    expect(page.get_by_role("slider", disabled=True)).to_have_count(1)
    unmute.click()
    expect(page.get_by_role("slider", disabled=True)).to_have_count(0)


def test_a_dim_under_the_pointer_or_the_arrow_keys_shows_its_strongest_items(visitor: Visitor) -> None:
    page = visitor.open("#/profile?i=i3&i=i4&i=i5")
    dims = page.get_by_role("listbox", name=re.compile("^Dims of the profile"))
    expect(dims.get_by_role("option").nth(4)).to_be_attached()

    def shows(pointed: str) -> None:
        selected = dims.get_by_role("option", selected=True)
        expect(selected).to_have_attribute("aria-label", pointed)
        named = re.match(r"dim (\d+), activation", pointed)
        assert named is not None
        for side in httpx.get(f"{visitor.url}/dims/{named[1]}", params={"n": 5}).json()["sides"]:
            heading = page.get_by_role("heading", name=f"{'+' if side['sign'] > 0 else '−'} side")
            buttons = heading.locator("xpath=..").get_by_role("button")
            expect(buttons).to_have_text([item["title"] for item in side["items"]])

    labels = [str(option.get_attribute("aria-label")) for option in dims.get_by_role("option").all()]
    dims.focus()
    page.keyboard.press("Home")
    shows(labels[0])
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    shows(labels[2])
    dims.get_by_role("option").nth(4).hover()
    shows(labels[4])
    dims.focus()
    page.keyboard.press("End")
    shows(labels[-1])


def test_an_empty_profile_says_what_to_do(visitor: Visitor) -> None:
    page = visitor.open("#/profile")
    expect(page.get_by_role("heading", name="Your profile is empty.")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="homepage").click()
    expect(page.get_by_role("heading", name="Pick a few things you like.")).to_be_visible()
