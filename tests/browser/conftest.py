from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.browser import chromium

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for all; each test opens windows of its own in it."""
    with chromium("--host-resolver-rules=MAP evil.example 127.0.0.1") as opened:  # a name turned onto our address
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh window, that shares nothing with any other."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    try:
        yield context.new_page()
    finally:
        context.close()
