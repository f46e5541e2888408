"""A kiosk from the console: seen, ordered, lost, replaced; with a real broker, a real intake, its two processes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.fleet import Condition
from tests.support.browser import assert_all_can_use
from tests.support.console import RunningConsole, picture_for_the_guide
from tests.support.hands import Keyboard, Mouse
from tests.support.waiting import PATIENCE_S, until
from tests.system.test_the_hour import Hour
from tests.unit.provisioning.world import OFFICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hands import Hands


@pytest.fixture
def place(tmp_path) -> Iterator[Hour]:
    made = Hour(tmp_path)
    made.switch_on("kiosk-1")
    made.copy("broker", "acl")
    with made.mosquitto(), made.intake() as intake:
        intake.wait_for("ready", timeout=PATIENCE_S)
        yield made


@pytest.fixture(params=[Mouse, Keyboard], ids=["by mouse", "by keyboard alone"])
def hands(request, place, page) -> Iterator[Hands]:
    with RunningConsole(place.fleet) as console:
        yield request.param(console.enter(page))


@pytest.mark.timeout(600)
def test_seen_ordered_lost_and_replaced(hands, place):
    page = hands.page
    with place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        kiosk.wait_for("six_words", timeout=PATIENCE_S)
        hands.press("link", "Let kiosks in")
        hands.type("The office's passphrase", OFFICE)
        hands.press("button", "Open the door")
        hands.press("link", "Compare and decide about kiosk-1")
        hands.choose("Exactly these six words")
        hands.press("button", "Go on")
        page.get_by_role("heading", name="Kiosk kiosk-1 is in service").wait_for()
        courier.wait_for("ready", timeout=PATIENCE_S)

        # Seen: the office asks the intakes while its door is open
        hands.press("link", "Kiosks")
        page.get_by_role("cell", name="online").wait_for(timeout=PATIENCE_S * 1000)  # the page looks by itself
        assert_all_can_use(page)
        picture_for_the_guide(page, "fleet-live")
        hands.press("link", "kiosk-1")
        page.get_by_role("heading", name="How it fares").wait_for()
        assert_all_can_use(page)

        # Ordered: a slip, the difference, sent, in force
        hands.press("link", "Order it otherwise")
        page.get_by_role("heading", name="Order kiosk-1 otherwise").wait_for()
        assert_all_can_use(page)
        hands.type("Settings", "site.nothing=1")
        hands.press("button", "Show what would change")
        assert "orders nothing" in page.inner_text("[role=alert]")
        hands.type("Settings", "site.name=West hall")
        hands.press("button", "Show what would change")
        page.get_by_role("heading", name="Order this?").wait_for()
        assert "+ comes" in page.get_by_role("row", name="site.name = West hall").inner_text()
        assert_all_can_use(page)
        picture_for_the_guide(page, "order")
        assert place.state().kiosk("kiosk-1").orders is None
        hands.type("The office's passphrase", OFFICE)
        hands.press("button", "Sign and send it")
        page.get_by_role("heading", name="It is ordered").wait_for()
        assert "1 of 1 hear it now" in page.inner_text("main")
        for program in (kiosk, courier):
            program.wait_for("orders_in_force", version=1, timeout=PATIENCE_S)

        # Lost: every step says whether it is done
        hands.press("link", "To the fleet")
        hands.press("link", "kiosk-1")
        hands.press("link", "Take it out of service")
        hands.type("Type the kiosk's name to go on", "kiosk-1")
        hands.type("The office's passphrase", OFFICE)
        hands.press("button", "Take it out of service")
        page.get_by_role("heading", name="Kiosk kiosk-1 is revoked").wait_for()
        assert_all_can_use(page)
        picture_for_the_guide(page, "revoked")
        assert page.locator("[data-state=wrong]").count() == 0, page.inner_text("main")
        until(lambda: any(line["event"] in {"not_connected", "wiped"} for line in courier.said), "its end")

    # Replaced
    hands.press("link", "Put another kiosk in its place")
    hands.type("The new kiosk's name", "kiosk-2")
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Add it")
    page.get_by_role("heading", name="Kiosk kiosk-2 is added in the place of kiosk-1").wait_for()
    state = place.state()
    assert state.kiosk("kiosk-2").plan.site == state.kiosk("kiosk-1").plan.site
    assert state.condition(state.kiosk("kiosk-1"), place.now) is Condition.REVOKED


def test_all_in_service_are_ordered_together_and_what_could_not_be_sent_is_said(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        hands = Mouse(console.enter(page))
        hands.press("link", "Order")
        hands.choose("It rests")
        hands.press("button", "Show what would change")
        page.get_by_role("heading", name="Order this?").wait_for()
        assert "working-1" in page.inner_text("caption")
        hands.type("The office's passphrase", OFFICE)
        hands.press("button", "Sign and send it")
        page.get_by_role("heading", name="It is ordered").wait_for()
        assert "It is not sent yet" in page.inner_text("main")
    assert str(kiosks.state().kiosk("working-1").orders.mode) == "pause"
