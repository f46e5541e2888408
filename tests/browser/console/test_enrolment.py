"""Six words, compared in the console: a real broker, and a kiosk's two real processes at their first boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provisioning.fleet import Condition
from tests.support.browser import assert_all_can_use
from tests.support.console import RunningConsole, picture_for_the_guide
from tests.support.hands import Mouse
from tests.support.waiting import PATIENCE_S
from tests.unit.provisioning.place import Place
from tests.unit.provisioning.world import OFFICE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hands import Hands


@pytest.fixture
def place(tmp_path) -> Iterator[Place]:
    """A fleet with its broker running, and a kiosk that was added."""
    made = Place(tmp_path)
    made.switch_on("kiosk-1")
    made.copy("broker", "acl")
    with made.mosquitto():
        yield made


def open_the_door(hands: Hands) -> None:
    hands.press("link", "Let kiosks in")
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Open the door")
    hands.page.get_by_text("The door is open").wait_for()


def test_staff_compare_the_words_and_the_kiosk_comes_in(hands, place):
    open_the_door(hands)
    assert_all_can_use(hands.page)
    with place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1") as courier:
        words = kiosk.wait_for("six_words", timeout=PATIENCE_S)["words"]
        hands.page.get_by_role("heading", name="kiosk-1 asks to come in").wait_for()  # the page looks by itself
        assert_all_can_use(hands.page)
        picture_for_the_guide(hands.page, "words")
        hands.press("link", "Compare and decide about kiosk-1")
        hands.page.get_by_role("heading", name="Is it kiosk-1?").wait_for()
        assert hands.page.locator(".words li").all_inner_texts() == words.split()
        assert_all_can_use(hands.page)
        hands.choose("Exactly these six words")
        hands.press("button", "Go on")
        hands.page.get_by_role("heading", name="Kiosk kiosk-1 is in service").wait_for()
        kiosk.wait_for("enrolled", timeout=PATIENCE_S)
        courier.wait_for("enrolled", claim_wiped=True, timeout=PATIENCE_S)
    state = place.state()
    assert state.condition(state.kiosk("kiosk-1"), place.now) is Condition.IN_SERVICE
    hands.press("link", "Back to who asks")
    hands.press("button", "Close the door")
    hands.page.get_by_role("heading", name="Kiosks").wait_for()


def test_other_words_are_refused_and_told_to_the_kiosk(place, page):
    with RunningConsole(place.fleet) as console:
        hands = Mouse(console.enter(page))
        open_the_door(hands)
        with place.kiosk("kiosk-1") as kiosk, place.courier("kiosk-1"):
            hands.press("link", "Compare and decide about kiosk-1")
            hands.press("button", "Go on")
            assert "did not say whether the words are the same" in hands.page.inner_text("[role=alert]")
            hands.choose("Other words, or nothing")
            hands.press("button", "Go on")
            hands.page.get_by_role("heading", name="The request for kiosk-1 is refused").wait_for()
            kiosk.wait_for("enrolment_refused", code="refused-by-staff", timeout=PATIENCE_S)
    assert place.state().kiosk("kiosk-1").claim.used_at is None


def test_a_door_that_no_broker_opens_is_said_in_words(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        hands = Mouse(console.enter(page))
        hands.press("link", "Let kiosks in")
        hands.type("The office's passphrase", OFFICE)
        hands.press("button", "Open the door")
        assert "no broker takes the office in" in hands.page.inner_text("[role=alert]").lower()
