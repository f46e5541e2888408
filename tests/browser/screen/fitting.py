"""Whether all of a scene has its place on a display: nothing cut off, nothing over something else, no tiny type."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

SIZES = [(800, 480), (1280, 800), (1920, 1080), (480, 800), (1080, 1920)]
SMALLEST = 1 / 42  # of the display's shorter side: three languages' camera line, on the smallest display 12 px
_OUTSIDE = """() => [...document.querySelectorAll("header *, main *, footer *")].filter((element) => {
    const place = element.getBoundingClientRect();
    return place.width && getComputedStyle(element).visibility === "visible" && !element.closest("#picture")
        && (place.left < -1 || place.top < -1 || place.right > innerWidth + 1 || place.bottom > innerHeight + 1);
}).map((element) => element.outerHTML.slice(0, 80))"""
_LINES = """() => {
    const [statement, ...others] = document.querySelector("#large").children;
    return others.length ? 0 : Math.round(statement.offsetHeight / parseFloat(getComputedStyle(statement).lineHeight));
}"""
_OVERLAPS = """() => {
    const parts = ["#way", "#camera", "#fitted", "#beside > :not([hidden])", "#aside.said", "footer > *"];
    const places = parts.flatMap((part) => [...document.querySelectorAll(part)]
        .map((element) => [part, element.getBoundingClientRect()]))
        .filter(([, place]) => place.width && place.height);
    return places.flatMap(([one, a], i) => places.slice(i + 1).filter(([, b]) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
        .map(([other]) => `${one} lies over ${other}`));
}"""
_CUT_OFF = """() => {
    const [fitted, text] = ["#fitted", "#text"].map((id) => document.querySelector(id));
    return fitted.scrollHeight > text.clientHeight + 1 || fitted.scrollWidth > text.clientWidth + 1
        || document.documentElement.scrollHeight > innerHeight;
}"""
_TYPE = """() => Math.min(...[...document.querySelectorAll("header span, main span, main p, main li, footer span")]
    .filter((element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
        && element.getClientRects().length && getComputedStyle(element).visibility === "visible")
    .map((element) => parseFloat(getComputedStyle(element).fontSize)))"""

_ALL = f"() => [({_OUTSIDE})(), ({_OVERLAPS})(), ({_CUT_OFF})(), ({_LINES})(), ({_TYPE})()]"


def resize(page: Page, width: int, height: int) -> None:
    """Change the display, and wait until the page has taken it up."""
    page.set_viewport_size({"width": width, "height": height})
    size = f"{width}x{height}"
    page.wait_for_function("size => document.documentElement.dataset.fitted === size", arg=size)


def assert_fits(page: Page, name: str, width: int, height: int) -> None:
    """Hold what the page shows on a display of this size to all that every scene must keep."""
    outside, over, cut_off, lines, size = page.evaluate(_ALL)
    where = f"{name} at {width}x{height}"
    assert outside == [], where
    assert over == [], where
    assert not cut_off, where
    assert lines <= (2 if width > height else 4), where
    assert size >= SMALLEST * min(width, height), where
