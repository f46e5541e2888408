"""The judge of pages finds what it is asked to find."""

from __future__ import annotations

import pytest
from PIL import Image

from tests.support import browser

GOOD = '<!doctype html><html lang="en"><title>A page</title><main><h1>Words</h1></main>'
COLOUR = "color: {}; background: #fff"

GREY_THAT_AA_LETS_PASS = "#6a6a6a"


def test_a_good_page_is_let_pass(page):
    page.set_content(GOOD)
    browser.assert_all_can_use(page)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("<!doctype html><title>A page</title><main><h1>Words</h1></main>", "html-has-lang"),
        (GOOD + "<button></button>", "button-name"),
        (GOOD + "<img src='data:,'>", "image-alt"),
        (GOOD + f"<p style='{COLOUR.format('#bbb')}'>Pale</p>", "color-contrast"),
        (GOOD + f"<p style='{COLOUR.format(GREY_THAT_AA_LETS_PASS)}'>Pale</p>", "color-contrast-enhanced"),
    ],
)
def test_a_bad_page_is_named_with_its_rule(page, content, rule):
    page.set_content(content)
    found = browser.judge(page)
    assert any(f"breaks {rule}:" in line for line in found), found
    with pytest.raises(AssertionError, match=rule):
        browser.assert_all_can_use(page)


def test_what_can_not_be_decided_is_named_too(page):
    page.set_content(GOOD + "<p style='background: linear-gradient(#000, #fff)'>Words over many colours</p>")
    assert any(line.startswith("may break color-contrast") for line in browser.judge(page))


def test_it_judges_pages_that_let_no_script_run(page):
    page.route(
        "**/*",
        lambda route: route.fulfill(
            body=GOOD + "<button></button>",
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'none'"},
        ),
    )
    page.goto("http://kiosk.invalid/")
    assert any("button-name" in line for line in browser.judge(page))


def test_a_picture_is_of_the_windows_size(page, monkeypatch, tmp_path):
    monkeypatch.setattr(browser, "PICTURES", tmp_path)
    page.set_viewport_size({"width": 800, "height": 480})
    page.set_content(GOOD)
    with Image.open(browser.picture(page, "screen/one")) as seen:
        assert seen.size == (800, 480)


@pytest.mark.parametrize(
    ("language", "words", "family"),
    [("en", "Stay", "Noto Sans"), ("zh", "中文", "Noto Sans CJK SC"), ("ug", "ئۇيغۇرچە", "UKIJ Tuz Tom")],
)
def test_the_fonts_that_pages_name_are_there(page, language, words, family):
    page.set_content(f"<!doctype html><p lang={language} style='font-family: \"{family}\"'>{words}</p>")
    client = page.context.new_cdp_session(page)
    client.send("DOM.enable")
    client.send("CSS.enable")
    root = client.send("DOM.getDocument")["root"]["nodeId"]
    paragraph = client.send("DOM.querySelector", {"nodeId": root, "selector": "p"})["nodeId"]
    used = client.send("CSS.getPlatformFontsForNode", {"nodeId": paragraph})["fonts"]
    assert {font["familyName"] for font in used} == {family}
