"""The broker's check from the console, with a real mosquitto: it goes on by itself, and says what it found."""

from __future__ import annotations

from tests.support.browser import assert_all_can_use
from tests.support.console import RunningConsole
from tests.support.hands import Mouse
from tests.unit.provisioning.place import Place
from tests.unit.provisioning.world import OFFICE


def check(console, page):
    hands = Mouse(console.enter(page))
    hands.press("link", "Servers")
    hands.press("link", "Knock at the broker")
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Check it")


def test_a_broker_that_keeps_to_its_settings_is_found_right(tmp_path, page):
    place = Place(tmp_path)
    with place.mosquitto(), RunningConsole(place.fleet) as console:
        check(console, page)
        page.get_by_text("You can leave this page").wait_for()
        page.get_by_text("The broker allows what it should, and nothing else of this.").wait_for()
        assert page.locator("tbody tr").count() >= 11
        assert page.locator("[data-state=wrong]").count() == 0
        assert_all_can_use(page)


def test_a_broker_that_lets_everybody_do_everything_is_found_out(tmp_path, page):
    place = Place(tmp_path)
    (place.folder / "broker" / "acl").write_text("topic readwrite #\npattern readwrite #\n", encoding="utf-8")
    with place.mosquitto(), RunningConsole(place.fleet) as console:
        check(console, page)
        page.get_by_text("The broker does not keep to its settings.").wait_for()
        assert page.get_by_role("row", name="another kiosk overhears its records").get_by_text("wrong").count() == 1
        assert_all_can_use(page)


def test_a_broker_that_is_not_there_is_said_in_words(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        check(console, page)
        page.get_by_text("It could not be checked.").wait_for()
        assert "can't be reached" in page.locator("[role=alert]").inner_text()
        assert_all_can_use(page)
