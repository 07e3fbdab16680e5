"""How long the page takes in a real Chromium: from what a person does to the frame that shows the new ranking.

python -m benchmarks.bench_ui --artifacts artifacts

Starts `python -m service`, and a fresh browser context a round, so that the browser has nothing cached. Each picks
another item, so that the service has no page of it. A time begins at the browser's own time stamp of the click, key
or slider event, and ends with the second animation frame after the last change below <main>, covers included: up to
one frame (17 ms) is in it that nobody waits for. Of a first page all of it counts, of an interaction what lies in the
window: shelves that one has to scroll to are made behind it. "Next paint" is the browser's own figure of the same
interactions, what Interaction to Next Paint is made of: the first frame after the input, whatever it shows. Bytes are
what the browser received, with headers, of the page and a first homepage. Exit code 1 where a limit is not met.
"""

import argparse
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Browser, Locator, Page

from tests.service.processes import service
from tests.service.web import chromium

WATCH = Path(__file__).with_name("paint_watch.js")
QUIET_MILLISECONDS = 250  # without a change or a request: it is over
FIRST_PAGE_MILLISECONDS, INTERACTION_MILLISECONDS, PAGE_BYTES = 1000, 100, 300_000
KINDS = ("pick", "removal", "steering", "mute", "slider move", "slider drag")
DRAG_STEPS, SLIDERS = 12, 6  # more of them are segments that are steered or muted, and go again


class Watched:
    """A tab of a fresh context whose paints are measured and whose bytes are counted."""

    def __init__(self, browser: Browser, address: str) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.context.add_init_script(path=WATCH)
        self.page: Page = self.context.new_page()
        self.n_bytes = 0
        network = self.context.new_cdp_session(self.page)
        network.on("Network.loadingFinished", self._received)
        network.send("Network.enable")
        self.page.goto(address)
        self.settle()

    def settle(self) -> None:
        until = time.monotonic() + 30
        while not self.page.evaluate(f"paintWatch.settled({QUIET_MILLISECONDS})"):
            if time.monotonic() > until:
                raise TimeoutError("the page still changes after half a minute")
            time.sleep(0.03)

    def since_opened(self) -> float:
        return float(self.page.evaluate("paintWatch.sinceOpened()"))

    def timed(self, act: Callable[[], object], event: str, *, last: bool = False, whole: bool = False) -> float | None:
        """Milliseconds from the event that `act` makes, or the last of them, to the last paint of what lies in the
        window, or of the whole page; None where it changed nothing.
        """
        self.page.evaluate("([event, last]) => paintWatch.arm(event, last)", [event, last])
        act()
        self.settle()
        taken = self.page.evaluate("paintWatch.takenByAll()" if whole else "paintWatch.taken()")
        return None if taken is None else float(taken)

    def next_paint(self) -> float:
        return float(self.page.evaluate("paintWatch.nextPaint()"))

    def _received(self, event: dict[str, float]) -> None:
        self.n_bytes += int(event["encodedDataLength"])


def first_pages(browser: Browser, url: str, titles: list[str]) -> tuple[list[float], list[float], list[int], str]:
    """A search, a pick and its homepage, in milliseconds; the same page by a link; bytes; the last link."""
    picked, linked, received, address = [], [], [], ""
    for title in titles:
        watched = Watched(browser, f"{url}/")
        box = watched.page.get_by_role("combobox", name="Find something you like")
        box.fill(title)
        watched.page.get_by_role("option").first.wait_for()
        watched.settle()
        taken = watched.timed(partial(box.press, "Enter"), "keydown", whole=True)
        assert taken is not None, f"{title} changed nothing"
        picked.append(taken)
        received.append(watched.n_bytes)
        address = watched.page.url
        watched.context.close()
        again = Watched(browser, address)
        linked.append(again.since_opened())
        again.context.close()
    return picked, linked, received, address


def interactions(watched: Watched, kind: str, n: int, chosen: random.Random) -> tuple[list[float], list[float]]:
    """`n` of a kind, one after the other: milliseconds to the new ranking, and to the next paint."""
    page, times, next_paints = watched.page, [], []
    for _ in range(n):
        act = ACTS[kind](page, chosen)
        taken = watched.timed(act, "input" if kind.startswith("slider") else "click", last=kind == "slider drag")
        if taken is not None:
            times.append(taken)
            next_paints.append(watched.next_paint())
        if kind == "mute":  # and back, so that shelves are left
            page.go_back()
            watched.settle()
    return times, next_paints


def _one(found: Locator, chosen: random.Random, most: int = 40) -> Locator:
    found.first.wait_for()
    return found.nth(chosen.randrange(min(found.count(), most)))


def _button(words: str) -> Callable[[Page, random.Random], Callable[[], object]]:
    def one(page: Page, chosen: random.Random) -> Callable[[], object]:
        button = _one(page.get_by_role("main").get_by_role("button", name=words), chosen)
        button.scroll_into_view_if_needed()
        return button.click

    return one


def _removal(page: Page, chosen: random.Random) -> Callable[[], object]:
    return _one(page.get_by_role("list", name="What you like").get_by_role("button"), chosen).click


def _move(page: Page, chosen: random.Random) -> Callable[[], object]:
    slider = _one(page.get_by_role("slider"), chosen, SLIDERS)
    slider.focus()
    return lambda: slider.press("ArrowRight" if float(slider.input_value()) < 1 else "Home")


def _drag(page: Page, chosen: random.Random) -> Callable[[], object]:
    slider = _one(page.get_by_role("slider"), chosen, SLIDERS)
    slider.scroll_into_view_if_needed()
    place = slider.bounding_box()
    assert place is not None
    y, begin = place["y"] + place["height"] / 2, place["x"] + place["width"] * (0.1 + 0.5 * chosen.random())

    def act() -> None:
        page.mouse.move(begin, y)
        page.mouse.down()
        for step in range(DRAG_STEPS):
            page.mouse.move(begin + (step + 1) * place["width"] * 0.025, y)
        page.mouse.up()

    return act


ACTS = {
    "pick": _button("I like"),
    "removal": _removal,
    "steering": _button("More of"),
    "mute": _button("Mute"),
    "slider move": _move,
    "slider drag": _drag,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--rounds", type=int, default=10, metavar="N", help="first pages (10)")
    parser.add_argument("--interactions", type=int, default=20, metavar="N", help="of each kind (20)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.interactions < 1:
        parser.error("at least one round and one interaction")
    if chromium.installed() is None:
        sys.exit(chromium.MISSING)
    chosen = random.Random(arguments.seed)
    with service(arguments.artifacts) as running, chromium.launched() as browser:
        titles = _titles(running.url)
        picked, linked, received, linked_to = first_pages(browser, running.url, chosen.sample(titles, arguments.rounds))
        watched = Watched(browser, linked_to)
        times, next_paints = {}, {}
        for kind in KINDS:
            if kind == "slider move":
                watched.page.get_by_role("link", name="Profile").click()
                watched.settle()
            times[kind], next_paints[kind] = interactions(watched, kind, arguments.interactions, chosen)
        watched.context.close()
    times["all interactions"] = [time for kind in KINDS for time in times[kind]]
    next_paints["all interactions"] = [time for kind in KINDS for time in next_paints[kind]]
    rows = [
        ("first pick to the whole page", picked, FIRST_PAGE_MILLISECONDS, []),
        ("a link opened, cold", linked, FIRST_PAGE_MILLISECONDS, []),
        *((kind, times[kind], INTERACTION_MILLISECONDS, next_paints[kind]) for kind in times),
    ]
    print("| what | n | p50 | p95 | max | limit of the p95 | next paint, p95 |\n|---|---:|---:|---:|---:|---:|---:|")
    for what, taken, limit, next_paint in rows:
        p50, p95, most = np.percentile(taken, [50, 95, 100])
        first = f"{np.percentile(next_paint, 95):.0f} ms" if next_paint else ""
        print(f"| {what} | {len(taken)} | {p50:.0f} ms | {p95:.0f} ms | {most:.0f} ms | {limit} ms | {first} |")
    print(f"| bytes of page and first homepage | {len(received)} | {np.median(received) / 1e3:.0f} kB | | "
          f"{max(received) / 1e3:.0f} kB | {PAGE_BYTES // 1000} kB | |")  # fmt: skip
    missed = [what for what, taken, limit, _ in rows if np.percentile(taken, 95) > limit]
    missed += ["bytes"] * (max(received) > PAGE_BYTES)
    print(f"over the limit: {', '.join(missed)}" if missed else "all within their limits")
    return 1 if missed else 0


def _titles(url: str) -> list[str]:
    """Of what is popular. Titles that are not words of their own may find another item: that is as good."""
    page = httpx.post(f"{url}/homepage", json={"history": [], "shelves": 8, "items_per_shelf": 14}).json()
    return [item["title"] or item["item_id"] for shelf in page["shelves"] for item in shelf["items"]]


if __name__ == "__main__":
    sys.exit(main())
