"""Every page can be used by everybody: axe-core finds nothing on it, whatever state it is in."""

from __future__ import annotations

import pytest
from starlette.routing import Mount

from provisioning.console.app import build
from provisioning.console.call import Console
from provisioning.console.door import Door
from provisioning.console.downloads import Downloads
from tests.support.browser import assert_all_can_use, judge, picture
from tests.support.console import RunningConsole

PAGES = {
    "/": ["/", "/?q=nothing-like-that", "/?state=revoked"],
    "/add": ["/add"],
    "/kiosks/{kiosk}": ["/kiosks/waiting-1", "/kiosks/working-1", "/kiosks/gone-1", "/kiosks/nobody"],
    "/kiosks/{kiosk}/card": ["/kiosks/waiting-1/card"],
    "/kiosks/{kiosk}/certify": ["/kiosks/waiting-1/certify"],
    "/kiosks/{kiosk}/revoke": ["/kiosks/working-1/revoke", "/kiosks/gone-1/revoke"],
    "/kiosks/{kiosk}/replace": ["/kiosks/gone-1/replace"],
    "/order": ["/order", "/order?kiosk=working-1", "/order?kiosk=working-1&look=yes&mode=pause", "/order?look=yes"],
    "/enrol": ["/enrol"],
    "/recipients": ["/recipients"],
    "/recipients/add": ["/recipients/add"],
    "/recipients/sign": ["/recipients/sign?change=renew"],
    "/paper/restore": ["/paper/restore"],
    "/servers": ["/servers"],
    "/servers/mosquitto": ["/servers/mosquitto"],
    "/servers/rabbitmq": ["/servers/rabbitmq"],
    "/servers/intake": ["/servers/intake"],
    "/servers/check": ["/servers/check"],
    "/log": ["/log", "/log?noted=0000"],
    "/no-such-page": ["/no-such-page"],
}
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
NO_PAGES = {"/download/{token}", "/paper/sheet/{number:int}", "/kiosks/{kiosk}/label"}


def test_no_page_is_forgotten():
    with Downloads() as downloads:
        app = build(Console(lambda: None, Door(1), downloads))
    routes = {route.path for route in app.routes if not isinstance(route, Mount)}
    assert routes == (PAGES.keys() - {"/no-such-page"}) | MET_ELSEWHERE | NO_PAGES


WIDE, NARROW = 1280, 360


@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_every_page_can_be_used_by_everybody(kiosks, page, width):
    page.set_viewport_size({"width": width, "height": 800})
    with RunningConsole(kiosks.fleet) as console:
        console.enter(page)
        for address in (each for addresses in PAGES.values() for each in addresses):
            page.goto(console.origin + address)
            assert page.locator("h1").count() == 1, address
            found = judge(page)
            if width < WIDE:  # cells that are scrolled out of sight can't be judged, only seen to break something
                found = [each for each in found if each.startswith("breaks")]
            assert not found, (address, found)
            across = page.evaluate("document.documentElement.scrollWidth")
            assert across <= width, f"{address} is {across} px wide"
            picture(page, f"console/{width}{address.replace('/', '-').replace('?', '-')}")


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
