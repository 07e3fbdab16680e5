"""What comes from a catalogue: pictures, titles and ids, of which none may do anything."""

from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Error, expect

from tests.service.processes import service
from tests.service.web.pictures import Pictures
from tests.service.web.seen import address, chips, eventually, homepage, ready, search, shelves
from tests.service.web.shop import MARKUP, STRANGE_ID
from tests.service.web.visitor import Visitor

NO_PICTURE, PICTURE = "i2", "i14"


def test_no_picture_is_loaded_unless_its_origin_is_allowed(visitor: Visitor, pictures: Pictures) -> None:
    asked = len(pictures.asked)
    page = visitor.open(f"#/item/{PICTURE}")
    expect(page.get_by_role("region", name="Items like it")).to_be_visible()
    expect(page.locator("img")).to_have_count(0)
    expect(page.get_by_role("definition").filter(has_text=f"{pictures.origin}/14.png")).to_be_visible()
    assert len(pictures.asked) == asked


def test_pictures_of_an_allowed_origin_are_shown_and_a_missing_one_leaves_the_drawn_cover(
    visitor: Visitor, pictures: Pictures, artifacts: Path
) -> None:
    visitor.expect("status of 404.*missing.png")
    visitor.origins.add(pictures.origin)
    with service(artifacts, SPARSESHELF_IMAGE_ORIGINS=pictures.origin) as running:
        page = visitor.open(f"#/item/{PICTURE}", at=running.url)
        picture = page.locator("header img")
        expect(picture).to_have_css("opacity", "1")
        assert picture.evaluate("(picture) => picture.naturalWidth") == 1
        assert picture.get_attribute("src") == f"{pictures.origin}/14.png"
        page = visitor.open(f"#/item/{NO_PICTURE}", at=running.url)
        expect(page.locator("header svg[viewBox]").first).to_be_visible()
        eventually(lambda: "/missing.png" in pictures.asked)
        expect(page.locator("header img")).to_have_count(0)
        expect(page.locator("header svg[viewBox]").first).to_be_visible()
        visitor.close()


def test_markup_in_a_title_is_text_everywhere(visitor: Visitor) -> None:
    page = visitor.open("#/home?i=i12")
    ready(page)
    page.on("dialog", lambda _: pytest.fail("a title was run"))
    search(page, "onerror")
    option = page.get_by_role("option").first
    expect(option).to_contain_text(MARKUP)
    option.click()
    expect(chips(page).first).to_contain_text(MARKUP)
    page.get_by_role("button", name=f"Remove {MARKUP}").click()
    page.get_by_role("button", name=MARKUP, exact=True).first.click()
    dialog = page.get_by_role("dialog", name="Why")
    expect(dialog.get_by_role("heading", name=MARKUP)).to_be_visible()
    dialog.get_by_role("link", name="All about it").click()
    expect(page.get_by_role("main").get_by_role("heading", name=MARKUP)).to_be_visible()
    expect(page.locator("img, main b:text('bold')")).to_have_count(0)


def test_an_id_of_any_characters_is_picked_shared_and_looked_up(visitor: Visitor) -> None:
    page = visitor.open()
    search(page, "Baking No. 1").first.click()
    wanted = homepage(visitor.url, [STRANGE_ID])
    eventually(lambda: shelves(page), wanted)
    other = visitor.open(address(page).removeprefix(f"{visitor.url}/"))
    eventually(lambda: shelves(other), wanted)
    expect(chips(other)).to_contain_text(["Baking No. 1"])
    item = visitor.open(f"#/item/{quote(STRANGE_ID, safe='')}")
    expect(item.get_by_role("definition").first).to_have_text(STRANGE_ID)
    expect(item.get_by_role("region", name="Items like it")).to_be_visible()
    item.get_by_role("button", name="I like it").click()
    item.reload()
    expect(item.get_by_role("definition").first).to_have_text(STRANGE_ID)


def test_the_policy_lets_no_inline_script_no_markup_and_no_other_origin_in(
    visitor: Visitor, pictures: Pictures
) -> None:
    visitor.expect("Content Security Policy", "requires 'Trusted(HTML|Script)'", "another origin")
    page = visitor.open()
    ready(page)
    with pytest.raises(Error, match="TrustedHTML"):
        page.evaluate("document.body.innerHTML = '<b>'")
    with pytest.raises(Error, match="TrustedScript"):
        page.evaluate("() => setTimeout('1')")
    blocked = page.evaluate(
        """(origin) => new Promise((done) => {
          const found = [];
          document.addEventListener("securitypolicyviolation", (event) => {
            found.push(event.effectiveDirective);
            if (found.length === 2) done(found.sort());
          });
          document.body.append(Object.assign(new Image(), { src: `${origin}/1.png` }));
          fetch(`${origin}/1.png`).catch(() => {});
        })""",
        pictures.origin,
    )
    assert blocked == ["connect-src", "img-src"]
