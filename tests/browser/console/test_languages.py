"""The console in Chinese and in Uyghur: every page can be used by everybody, and the choice is kept."""

from __future__ import annotations

import pytest

from tests.support.browser import judge, picture
from tests.support.console import RunningConsole
from tests.support.console_pages import NARROW, PAGES, WIDE, assert_can_be_used
from tests.unit.provisioning.world import OFFICE

RUNS = {"zh": "ltr", "ug": "rtl"}


@pytest.fixture(params=RUNS)
def code(request) -> str:
    return request.param


@pytest.fixture
def window(browser, code):
    """A browser that asks for this language, as that of somebody who reads it does."""
    context = browser.new_context(viewport={"width": WIDE, "height": 800}, locale=code)
    try:
        yield context.new_page()
    finally:
        context.close()


def test_every_page_can_be_used_by_everybody_who_reads_this_language(kiosks, window, code):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(window)
        for address in (each for addresses in PAGES.values() for each in addresses):
            window.goto(console.origin + address)
            html = window.locator("html")
            assert (html.get_attribute("lang"), html.get_attribute("dir")) == (code, RUNS[code]), address
            for width in (WIDE, NARROW):
                assert_can_be_used(window, address, width, f"{code}-{width}")


def test_what_was_typed_wrong_is_said_in_this_language(kiosks, window, code):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(window)
        window.goto(f"{console.origin}/kiosks/working-1/revoke")
        window.locator("#name").fill("waiting-1")
        window.locator("#passphrase").fill("something")
        window.locator("button.danger").click()
        alert = window.get_by_role("alert")
        assert {"zh": "什么都没有改变", "ug": "ھېچنېمە ئۆزگەرمىدى"}[code] in alert.inner_text()
        assert alert.locator("[lang=en]").count() == 0
        found = judge(window)
        assert not found, found


def test_what_was_done_is_told_in_this_language(kiosks, window, code):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(window)
        window.goto(f"{console.origin}/kiosks/working-1/revoke")
        window.locator("#name").fill("working-1")
        window.locator("#passphrase").fill(OFFICE)
        window.locator("button.danger").click()
        window.wait_for_url("**/done/*")
        assert window.locator(".done tbody tr").count() == 5
        assert window.locator(".done").get_attribute("lang") == code
        assert window.locator(".done [lang=en]").count() == 0
        found = judge(window)
        assert not found, found
        picture(window, f"console/{code}-{WIDE}-done")
        window.get_by_role("link", name="English").click()
        window.get_by_role("button", name="Close the console").wait_for()
        assert window.locator(".done").get_attribute("lang") == code, "it stays as it was told, and says so"


def test_a_choice_leads_back_to_the_page_and_is_kept(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(page)
        page.goto(f"{console.origin}/order?kiosk=working-1")
        page.get_by_role("link", name="中文").click()
        page.wait_for_url(f"{console.origin}/order?kiosk=working-1")
        assert page.locator("html").get_attribute("lang") == "zh"
        page.goto(f"{console.origin}/servers")
        assert page.get_by_role("heading", name="服务器", exact=True).is_visible()
        page.get_by_role("link", name="ئۇيغۇرچە").click()
        page.wait_for_url(f"{console.origin}/servers")
        assert page.locator("html").get_attribute("dir") == "rtl"
        page.get_by_role("link", name="English").click()
        page.get_by_role("heading", name="Servers").wait_for()
        (cookie,) = [each for each in page.context.cookies() if each["name"] == "homeward-language"]
        assert cookie["sameSite"] == "Strict"
        assert cookie["httpOnly"]


def test_there_is_no_choice_of_a_language_that_nobody_wrote(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(page)
        answer = page.goto(f"{console.origin}/language/xx")
        assert answer.status == 404
        assert not [each for each in page.context.cookies() if each["name"] == "homeward-language"]
