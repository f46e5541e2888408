"""Debian's Chromium, driven by Playwright, and axe-core, which judges what people meet there.

`judge` holds pages to WCAG 2.2, levels A and AA, and to the contrast of 7:1 that the house asks of itself.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserType, Page

PICTURES = Path(__file__).parents[2] / "build" / "pictures"
"""Where the tests leave what they saw, for eyes and for the gallery."""

_AXE = Path(__file__).parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
_STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"]
_JUDGE = """async standard => {
    const {violations, incomplete} = await axe.run({
        runOnly: standard,
        rules: {'color-contrast-enhanced': {enabled: true}},
        resultTypes: ['violations', 'incomplete'],
        selectors: false,
    })
    return {violations, incomplete}
}"""  # what passes is most of a page, and takes longer to be told than to be found
_QUIET = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Browser]:
    """Open a browser without a window, and close it again."""
    with sync_playwright() as playwright, _opened(playwright.chromium, *flags) as browser:
        yield browser


@contextlib.contextmanager
def another(browser: Browser) -> Iterator[tuple[Browser, list[int]]]:
    """Open one more browser, of processes of its own; give it and their ids."""
    with _opened(browser.browser_type) as second:
        found = second.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        yield second, [process["id"] for process in found]


@contextlib.contextmanager
def _opened(kind: BrowserType, *flags: str) -> Iterator[Browser]:
    program = shutil.which("chromium")
    assert program is not None, "Chromium is missing. Run `make test`, which installs it, or install it yourself."
    for_root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses to run as root
    browser = kind.launch(executable_path=program, args=[*_QUIET, *for_root, *flags])
    try:
        yield browser
    finally:
        browser.close()


def judge(page: Page) -> list[str]:
    """Give every rule that the page breaks, or that axe-core can't decide about, with the places where.

    It is put into the page by the debugger, so it also works under a Content-Security-Policy that forbids all scripts.
    """
    page.wait_for_load_state()  # before its style is there, everything overlaps
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(_axe())
    found: dict[str, list[dict[str, Any]]] = page.evaluate(_JUDGE, _STANDARD)
    broken = [("breaks", rule) for rule in found["violations"]] + [("may break", rule) for rule in found["incomplete"]]
    return [
        f"{how} {rule['id']}: {rule['help']}: {node['html']} {_why(node)}"
        for how, rule in broken
        for node in rule["nodes"]
    ]


def assert_all_can_use(page: Page) -> None:
    """Fail with all that `judge` finds."""
    found = judge(page)
    assert not found, "\n".join(found)


def picture(page: Page, name: str) -> Path:
    """Take a picture of what the window shows, as `name`.png among the `PICTURES`; `name` may hold folders."""
    path = PICTURES / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    page.wait_for_load_state()  # before that, an image may be a hole
    page.screenshot(path=path, animations="disabled")
    return path


def _why(node: dict[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])


@cache
def _axe() -> str:
    assert _AXE.is_file(), "axe-core is missing. Run `make node_modules`, then the tests again."
    return _AXE.read_text(encoding="utf-8")
