"""Debian's Chromium, started without a window."""

import contextlib
import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

MISSING = "no chromium on the PATH: apt install chromium"


def installed() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser")


@contextlib.contextmanager
def launched(*flags: str) -> Iterator[Browser]:
    """A browser with a folder of its own, closed afterwards. Raises FileNotFoundError where none is installed."""
    program = installed()
    if program is None:
        raise FileNotFoundError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", *flags])
        try:
            yield browser
        finally:
            browser.close()
