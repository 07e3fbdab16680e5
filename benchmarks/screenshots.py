"""Pictures of the page for the documentation, by a real Chromium.

python -m benchmarks.screenshots --artifacts artifacts --out docs/page [--items 71 95 1]

Starts `python -m service` and writes home, why, profile and explore at 1280 x 800, home also dark and on a phone, as
WebP. Without --items the picks are of the first sample that the model came with, or what is best known.
"""

import argparse
import sys
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
from playwright.sync_api import Browser, Page

from tests.service.processes import service
from tests.service.web import chromium

DESK: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}, "device_scale_factor": 1.5}
PHONE: dict[str, Any] = {
    "viewport": {"width": 375, "height": 740},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
MOST_BYTES, QUALITY = 350_000, 88  # of WebP: covers are gradients, which PNG makes 800 kB of
QUIET_MILLISECONDS = 1200  # until covers have come in and nothing moves
SHOWN = 3  # picks, where they are not named


def why(page: Page) -> None:
    shelf = page.get_by_role("region").filter(has=page.get_by_role("button", name="Why?")).first
    shelf.get_by_role("listitem").first.get_by_role("button").first.click()
    page.get_by_role("table").first.wait_for()
    page.mouse.move(0, 0)


def a_dim(page: Page) -> None:
    """The profile with its strongest dim under the pointer."""
    dims = page.get_by_role("listbox", name="Dims of the profile")
    dims.focus()
    dims.press("ArrowRight")
    page.get_by_role("heading", name="side").first.wait_for()


def nothing(page: Page) -> None:
    """The view as it is."""


PICTURES: tuple[tuple[str, str, dict[str, Any], Callable[[Page], None]], ...] = (
    ("home", "home", DESK, nothing),
    ("why", "home", DESK, why),
    ("profile", "profile", DESK, a_dim),
    ("explore", "explore", DESK, nothing),
    ("home-dark", "home", DESK | {"color_scheme": "dark"}, nothing),
    ("home-phone", "home", PHONE, nothing),
)


def take(browser: Browser, address: str, options: dict[str, Any], prepare: Callable[[Page], None], file: Path) -> int:
    """The picture's size in bytes."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(address)
    page.get_by_role("main").get_by_role("listitem").first.wait_for()
    page.wait_for_timeout(QUIET_MILLISECONDS)
    prepare(page)
    page.wait_for_timeout(QUIET_MILLISECONDS)
    picture = context.new_cdp_session(page).send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    file.write_bytes(b64decode(picture["data"]))
    context.close()
    return file.stat().st_size


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("artifacts"))
    parser.add_argument("--out", type=Path, default=Path("docs/page"))
    parser.add_argument("--items", nargs="+", metavar="ID", help="what is picked")
    arguments = parser.parse_args()
    if chromium.installed() is None:
        sys.exit(chromium.MISSING)
    arguments.out.mkdir(parents=True, exist_ok=True)
    largest = 0
    with service(arguments.artifacts) as running, chromium.launched() as browser:
        picks = urlencode([("i", item) for item in arguments.items or _picks(running.url)])
        for name, view, options, prepare in PICTURES:
            file = arguments.out / f"{name}.webp"
            n_bytes = take(browser, f"{running.url}/#/{view}?{picks}", options, prepare, file)
            largest = max(largest, n_bytes)
            print(f"{file}  {n_bytes / 1000:.0f} kB")
    if largest > MOST_BYTES:
        print(f"more than {MOST_BYTES // 1000} kB: too much for a repository")
    return 1 if largest > MOST_BYTES else 0


def _picks(url: str) -> list[str]:
    samples = httpx.get(f"{url}/samples").json()["samples"]
    if samples:
        return [str(item["item_id"]) for item in samples[0]["items"]]
    page = httpx.post(f"{url}/homepage", json={"history": []}).json()
    return [str(item["item_id"]) for item in page["shelves"][0]["items"][:SHOWN]]


if __name__ == "__main__":
    sys.exit(main())
