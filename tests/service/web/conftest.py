"""A real browser, and a real service with a trained shop.

The browser is a package's, not a session's: while Playwright runs, its event loop is the thread's, and tests elsewhere
start one of their own.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.service.processes import Running, service
from tests.service.web import chromium, shop
from tests.service.web.pictures import Pictures, pictures_served
from tests.service.web.visitor import TIMEOUT_MILLISECONDS, Visitor

expect.set_options(timeout=TIMEOUT_MILLISECONDS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if chromium.installed() is None:
        if os.environ.get("SPARSESHELF_REQUIRE_BROWSER") == "1":
            pytest.fail(chromium.MISSING)
        pytest.skip(chromium.MISSING)
    with chromium.launched() as launched:
        yield launched


@pytest.fixture(scope="session")
def pictures() -> Iterator[Pictures]:
    with pictures_served() as served:
        yield served


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory, pictures: Pictures) -> Path:
    return shop.train(tmp_path_factory.mktemp("shop"), pictures.origin)


@pytest.fixture(scope="session")
def served(artifacts: Path) -> Iterator[Running]:
    with service(artifacts) as running:
        yield running


@pytest.fixture
def visitor(browser: Browser, served: Running) -> Iterator[Visitor]:
    somebody = Visitor(browser, served.url)
    yield somebody
    somebody.leave()
