"""Somebody with a browser, who notices whatever the page complains of."""

import re
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

TIMEOUT_MILLISECONDS = 10_000


class Visitor:
    """Opens the page in contexts that know nothing of each other.

    What the console says, what a script throws and what is asked of another origin is collected; `leave` raises
    AssertionError for what was not `expected`.
    """

    def __init__(self, browser: Browser, url: str) -> None:
        self.browser, self.url = browser, url
        self.origins = {url}
        self.requests: list[str] = []
        self._complaints: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        self._contexts: list[BrowserContext] = []

    def open(self, fragment: str = "#/home", *, at: str | None = None, **options: Any) -> Page:
        """A new tab of a new context; `at`: another service; `options`: of the context."""
        url = at or self.url
        self.origins.add(url)
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 800}} | options)
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        context.on("weberror", lambda error: self._complaints.append(f"thrown: {error.error}"))
        context.on("console", self._heard)
        context.on("request", self._asked)
        page = context.new_page()
        page.goto(f"{url}/{fragment}")
        return page

    def expect(self, *patterns: str) -> None:
        """Complaints that have one of these in them belong to what is tested."""
        self._expected += map(re.compile, patterns)

    def close(self) -> None:
        """All tabs, as before a service ends: an open page goes on asking."""
        for context in self._contexts:
            context.close()
        self._contexts.clear()

    def leave(self) -> None:
        self.close()
        left = [said for said in self._complaints if not any(pattern.search(said) for pattern in self._expected)]
        if left:
            raise AssertionError("\n".join(left))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def _asked(self, request: Request) -> None:
        parts = urlsplit(request.url)
        self.requests.append(request.url)
        if parts.scheme not in {"data", "blob"} and f"{parts.scheme}://{parts.netloc}" not in self.origins:
            self._complaints.append(f"another origin: {request.url}")
