"""Explore: segments, one of them, an item, and the card of the model."""

import re

import httpx
from playwright.sync_api import expect

from tests.service.web.seen import address, chips, eventually, ready
from tests.service.web.visitor import Visitor


def test_all_segments_are_listed_found_and_ordered(visitor: Visitor) -> None:
    page = visitor.open("#/explore")
    segments = httpx.get(f"{visitor.url}/segments", params={"n": 100}).json()["segments"]
    listed = page.get_by_role("region", name="List of segments").get_by_role("link")
    by_size = [segment["label"] for segment in sorted(segments, key=lambda segment: -segment["size"])]
    expect(listed).to_have_text(by_size)
    page.get_by_role("combobox", name="Order").select_option("by name")
    expect(listed).to_have_text(sorted(by_size))
    page.get_by_role("searchbox", name="Find a segment").fill("isl")
    expect(listed).to_have_text(["Island Cooking"])
    expect(page.get_by_text("one segment with “isl”.")).to_be_visible()
    page.get_by_role("searchbox", name="Find a segment").fill("nothing of the kind")
    expect(listed).to_have_count(0)
    expect(page.get_by_text("segments with “nothing of the kind”.")).to_be_visible()


def test_a_segment_shows_its_items_how_it_came_to_be_and_what_is_like_it(visitor: Visitor) -> None:
    page = visitor.open("#/explore?i=i3")
    page.get_by_role("region", name="List of segments").get_by_role("link", name="Joinery").click()
    expect(page.get_by_role("heading", name="Joinery", exact=True)).to_be_visible()
    segment = address(page).split("#/segment/")[1].split("?")[0]
    best = httpx.post(f"{visitor.url}/segments/{segment}/items", json={"history": ["i3"], "n": 18}).json()["items"]
    cards = page.get_by_role("region", name="Best of it for you").get_by_role("listitem")
    eventually(
        lambda: [card.get_by_role("button").first.inner_text() for card in cards.all()], [i["title"] for i in best]
    )
    expect(page.get_by_role("region", name="How it came to be")).to_be_visible()
    similar = httpx.get(f"{visitor.url}/segments/{segment}/similar", params={"n": 8}).json()["segments"]
    links = page.get_by_role("region", name="Segments like it").get_by_role("link")
    expect(links).to_have_text([other["label"] for other in similar])
    page.get_by_role("button", name="Less of it").click()
    expect(chips(page).first).to_contain_text("less Joinery")
    links.first.click()
    expect(page.get_by_role("heading", name=similar[0]["label"], exact=True)).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Joinery", exact=True)).to_be_visible()


def test_an_item_is_looked_up_with_all_that_is_known_of_it(visitor: Visitor) -> None:
    page = visitor.open("#/explore")
    page.get_by_role("combobox", name="Look up an item").fill("Deep Sea No. 4")
    page.get_by_role("listbox", name="Items").get_by_role("option").first.click()
    expect(page.get_by_role("heading", name="Deep Sea No. 4", exact=True)).to_be_visible()
    known = httpx.get(f"{visitor.url}/items/i39").json()
    terms = [term.lower() for term in page.get_by_role("term").all_inner_texts()]
    facts = dict(zip(terms, page.get_by_role("definition").all_inner_texts(), strict=True))
    assert facts["id"] == "i39"
    assert facts["year"] == "1989"
    assert facts["themes"] == "Deep Sea"
    assert facts["maker"] == known["attributes"]["maker"]
    assert facts["segment"].strip() == known["segment"]["label"]
    dims = page.get_by_role("region", name="Its code").get_by_role("button", name=re.compile("^Dim "))
    expect(dims).to_have_count(len(known["dims"]))
    dims.first.focus()
    expect(page.get_by_role("heading", name="side")).to_have_count(2)
    page.get_by_role("button", name="I like it").click()
    expect(chips(page)).to_have_count(1)
    expect(page.get_by_role("button", name="Take it out again")).to_be_visible()


def test_what_is_not_there_is_said_with_a_way_on(visitor: Visitor) -> None:
    visitor.expect("status of 404")
    page = visitor.open("#/segment/s99")
    expect(page.get_by_role("heading", name="There is no such segment")).to_be_visible()
    page.get_by_role("main").get_by_role("link", name="All segments").click()
    expect(page.get_by_role("heading", name="Segments")).to_be_visible()
    page = visitor.open("#/item/nobody")
    expect(page.get_by_role("heading", name="There is no such item")).to_be_visible()


def test_the_card_says_which_model_answers_and_how_good_it_is(visitor: Visitor) -> None:
    page = visitor.open("#/model")
    model = httpx.get(f"{visitor.url}/model").json()
    main = page.get_by_role("main")
    expect(main.get_by_text(model["model_version"]).first).to_be_visible()
    expect(main).to_contain_text("nDCG@100")
    expect(main).to_contain_text(f"{model['n_items']:,}")
    expect(page.get_by_role("contentinfo")).to_contain_text(model["model_version"])


def test_every_view_is_a_click_away_and_has_a_name_of_its_own(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i3")
    ready(page)
    for view in ("Profile", "Explore", "Model"):
        page.get_by_role("navigation").get_by_role("link", name=view).click()
        expect(page).to_have_title(f"{view} · sparseshelf")
        expect(page.get_by_role("link", name=view)).to_have_attribute("aria-current", "page")
        expect(page.get_by_role("main").get_by_role("heading").first).to_be_visible()
        assert "i=i3" in address(page)
