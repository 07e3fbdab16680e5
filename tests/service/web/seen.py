"""What a person sees of the page, by headings, lists and names, and what the service says to the same question."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

Shelves = list[tuple[str, list[str]]]
"""The headings of shelves with the titles on them, from top to bottom."""
_SHELVES = """() => [...document.querySelectorAll("main section[aria-labelledby]")]
  .filter((section) => section.checkVisibility() && section.querySelector("ul"))
  .map((section) => [
    section.querySelector("h2").textContent,
    [...section.querySelectorAll("ul > li")].map((card) => card.querySelector("button")?.textContent),
  ])"""
_SIZE = {"shelves": 8, "items_per_shelf": 14, "min_items": 4}
_WAITS_SECONDS = 10.0


def eventually(check: Callable[[], object], wanted: object = True) -> None:
    """Waits until `check()` is what is wanted. Raises AssertionError with what it is where it never is."""
    until = time.monotonic() + _WAITS_SECONDS
    while (found := check()) != wanted:
        if time.monotonic() > until:
            raise AssertionError(f"{found!r} is not {wanted!r}")
        time.sleep(0.02)


def address(page: Page) -> str:
    """As it is now: `page.url` is as old as what was waited for last."""
    return str(page.evaluate("location.href"))


def shelves(page: Page) -> Shelves:
    found: list[list[Any]] = page.evaluate(_SHELVES)
    return [(heading, titles) for heading, titles in found]


def homepage(url: str, history: Sequence[object], **asked: object) -> Shelves:
    """What the service answers for this history, as `shelves` gives it."""
    answer = httpx.post(f"{url}/homepage", json={"history": history, **_SIZE, **asked}).raise_for_status().json()
    return [
        (shelf["label"], [item["title"] or item["item_id"] for item in shelf["items"]]) for shelf in answer["shelves"]
    ]


def chips(page: Page) -> Locator:
    """What is liked, steered and muted, in the bar above every view."""
    return page.get_by_role("list", name="What you like").get_by_role("listitem")


def shelf(page: Page, label: str) -> Locator:
    return page.get_by_role("region", name=label, exact=True)


def search(page: Page, words: str) -> Locator:
    """Types into the search box; the options that come."""
    page.get_by_role("combobox", name="Find something you like").fill(words)
    options = page.get_by_role("option")
    expect(options.first).to_be_visible()
    return options


def ready(page: Page) -> None:
    """Waits for the page's own shelves."""
    expect(page.get_by_role("main").get_by_role("listitem").first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)


def number(text: str) -> float:
    """A number as the page writes it."""
    return float(text.replace("−", "-").replace(",", ""))


def sums(dialog: Locator) -> list[tuple[list[float], float]]:
    """The parts and the total of each table of an explanation."""
    expect(dialog.get_by_role("table")).to_have_count(2)
    found = []
    for table in dialog.get_by_role("table").all():
        *parts, total = [number(row.get_by_role("cell").last.inner_text()) for row in table.get_by_role("row").all()]
        found.append((parts, total))
    return found


def segment_id(url: str, label: str) -> str:
    segments = httpx.get(f"{url}/segments", params={"n": 1000}).raise_for_status().json()["segments"]
    return next(str(segment["segment_id"]) for segment in segments if segment["label"] == label)


def item_id(url: str, title: str) -> str:
    found = httpx.get(f"{url}/items", params={"q": title, "n": 100}).raise_for_status().json()["items"]
    return next(str(item["item_id"]) for item in found if item["title"] == title)
