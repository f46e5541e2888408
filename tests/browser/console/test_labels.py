"""The code on a kiosk's label leads to its page: past the link in the terminal, and past nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from provisioning.throwaway import free_port
from tests.browser.console.test_hostile import asked, hostile_site
from tests.support.browser import assert_all_can_use, picture
from tests.support.console import RunningConsole
from tests.support.console_pages import NARROW, WIDE, assert_can_be_used
from tests.support.qr import read_code

if TYPE_CHECKING:
    from collections.abc import Iterator

KIOSK = "waiting-1"


@pytest.fixture
def staff(kiosks):
    return kiosks


@pytest.fixture
def console(staff) -> Iterator[RunningConsole]:
    """A console on a port that is known, as the usual one is: others may run on this computer."""
    with RunningConsole(staff.fleet, more=("--port", str(free_port()))) as running:
        yield running


@pytest.fixture
def scanned(staff, console) -> str:
    """What the code on the printed label says, but for the port of this console."""
    said = read_code((staff.folder / f"{KIOSK}-label.pdf").read_bytes())
    return said.replace(":8018/", f":{urlsplit(console.origin).port}/")


def test_a_label_leads_to_the_way_in_and_the_link_goes_on_to_its_kiosk(console, scanned, page):
    assert page.goto(scanned).status == 200
    assert page.inner_text("h1") == KIOSK
    assert "Open the link that the terminal shows" in page.inner_text("main")
    assert_all_can_use(page)
    picture(page, "console/label")
    console.enter(page)
    page.get_by_role("heading", name=KIOSK).wait_for()
    assert page.url == f"{console.origin}/kiosks/{KIOSK}"
    page.goto(f"{console.origin}/")
    page.get_by_role("heading", name="Kiosks", exact=True).wait_for()


def test_who_is_in_already_scans_the_label_into_the_search(console, scanned, inside):
    window = inside.context.new_page()
    window.goto(scanned)
    assert "open in a browser already" in window.inner_text("main")
    assert_all_can_use(window)
    picture(window, "console/label-while-open")
    inside.get_by_label("Search by name, place or area").type(scanned)
    inside.keyboard.press("Enter")
    inside.get_by_text("1 of 3 kiosks").wait_for()
    inside.get_by_role("link", name=KIOSK).click()
    inside.get_by_role("heading", name=KIOSK).wait_for()


def test_at_the_labels_address_nothing_of_the_fleet_is_shown_and_no_cookie_is_set(console, scanned, inside):
    session = "; ".join(f"{each['name']}={each['value']}" for each in inside.context.cookies())
    host, path = urlsplit(scanned).netloc, urlsplit(scanned).path
    for given in ({}, {"Cookie": session}):
        status, content, headers = asked(console, path=path, Host=host, **given)
        assert status == 200
        assert urlsplit(console.origin).hostname.encode() not in content  # the name that keeps the cookie to us
        assert b"form" not in content
        assert b"east hall" not in content
        assert "set-cookie" not in headers
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        _, of_nobody, _ = asked(console, path=path.replace(KIOSK, "nobody-1"), Host=host, **given)
        assert of_nobody == content.replace(KIOSK.encode(), b"nobody-1")  # not even whether there is such a kiosk


@pytest.mark.parametrize(
    "path", ["/", "/log", f"/kiosks/{KIOSK}/revoke", f"/kiosks/{KIOSK}/label", "/enter/guess", "//evil.example/"]
)
def test_at_the_labels_address_there_are_only_labels(console, scanned, path):
    host = urlsplit(scanned).netloc
    assert asked(console, path=path, Host=host)[0] == 421
    posted = asked(console, "POST", urlsplit(scanned).path, Host=host, Origin=f"http://{host}", body="form-token=x")
    assert posted[0] == 421
    assert asked(console, "HEAD", urlsplit(console.link).path, Host=host)[0] == 421


def test_the_link_does_not_work_under_the_labels_address(console, scanned, page):
    host = urlsplit(scanned).netloc
    assert asked(console, path=urlsplit(console.link).path, Host=host)[0] == 421
    console.enter(page)
    assert page.title().startswith("Kiosks")


def test_another_page_does_not_choose_where_the_link_goes_on_to(console, scanned, page):
    with hostile_site() as server:
        page.goto(f"http://evil.localhost:{server.server_port}/")
        page.evaluate("address => fetch(address, {mode: 'no-cors'}).catch(() => null)", scanned)
        page.evaluate("address => { location = address }", scanned)
        page.wait_for_url(scanned)
        assert KIOSK not in page.inner_text("main")
    console.enter(page)
    assert page.title().startswith("Kiosks")


def test_a_console_whose_usual_port_is_taken_says_so_and_is_opened_all_the_same(staff, page):
    with RunningConsole(staff.fleet) as one, RunningConsole(staff.fleet) as other:
        ports = [urlsplit(each.origin).port for each in (one, other)]
        assert ports[1] != 8018  # the first has it, or whoever else on this computer
        assert "Port 8018 is taken" in other.said
        other.enter(page)


@pytest.mark.parametrize("code", ["zh", "ug"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_way_in_is_told_in_the_browsers_language(console, scanned, browser, code, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, locale=code)
    try:
        window = context.new_page()
        window.goto(scanned)
        assert window.locator("html").get_attribute("lang") == code
        assert_can_be_used(window, f"/label-{code}", width, f"{code}-{width}")
    finally:
        context.close()
