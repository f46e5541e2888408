"""Every page can be used by everybody: axe-core finds nothing on it, whatever state it is in."""

from __future__ import annotations

import pytest
from starlette.routing import Mount

from provisioning.console.app import build
from provisioning.console.call import Console
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads
from tests.support.browser import assert_all_can_use
from tests.support.console import RunningConsole
from tests.support.console_pages import NARROW, PAGES, WIDE, assert_can_be_used

MET_ELSEWHERE = {  # by the tests that play the hour, enrolment and the broker's check
    "/begin",
    "/begin/broker",
    "/begin/recipients",
    "/begin/keys",
    "/paper",
    "/done/{name}",
    "/enrol/{request}",
    "/servers/check/{task}",
    "/enter/{link}",
    "/leave",
}
NO_PAGES = {"/language/{code}", "/download/{token}", "/paper/sheet/{number:int}", "/kiosks/{kiosk}/label"}


def test_no_page_is_forgotten():
    with Downloads() as downloads:
        app = build(Console(lambda: None, Door(1), downloads))
    routes = {route.path for route in app.routes if not isinstance(route, Mount)}
    assert routes == (PAGES.keys() - {"/no-such-page"}) | MET_ELSEWHERE | NO_PAGES


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_can_be_used_by_everybody(kiosks, page, width):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(page)
        for address in (each for addresses in PAGES.values() for each in addresses):
            page.goto(console.origin + address)
            assert page.locator("h1").count() == 1, address
            assert_can_be_used(page, address, width, str(width))


def test_a_fleet_without_kiosks_says_what_comes_next(console, inside):
    assert "No kiosk yet" in inside.inner_text("main")
    assert_all_can_use(inside)
    inside.get_by_role("link", name="Add the first kiosk").click()
    inside.get_by_role("heading", name="Add a kiosk").wait_for()


def test_a_search_finds_by_place_and_says_when_there_is_nothing(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        console.enter(page)
        page.get_by_label("Search by name, place or area").fill("working")
        page.get_by_text("1 of 3 kiosks").wait_for()
        assert page.locator("tbody tr").count() == 1
        page.get_by_label("Search by name, place or area").fill("ئۈرۈم")
        page.get_by_text("3 of 3 kiosks").wait_for()
        page.get_by_label("Search by name, place or area").fill("zzz")
        page.get_by_role("heading", name="Nothing like that").wait_for()


def test_without_scripts_all_of_it_works_too(kiosks, browser):
    context = browser.new_context(java_script_enabled=False)
    with RunningConsole(kiosks.fleet) as console:
        page = console.enter(context.new_page())
        page.fill("#q", "working")
        page.get_by_role("button", name="Search").click()
        page.get_by_text("1 of 3 kiosks").wait_for()
    context.close()
