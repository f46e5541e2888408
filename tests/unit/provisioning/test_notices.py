"""Other words for the notice, by orders: shown as a difference, signed, and never two notices under one name."""

import pytest

from edge_agent.wire import orders
from edge_agent.wire.topics import Address
from provisioning import letters
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Office
from tests.unit.provisioning.test_bad_input import assert_refused
from tests.unit.provisioning.world import OFFICE, KioskKeys

ENGLISH = """
[en]
who_sees = "Only caseworkers of {ngo} see it."
what_for = "To look for you."
how_long = "For {days} days."
take_back = "Call {telephone}."
free = "You can say no."
"""


@pytest.fixture
def fleet(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    keys = KioskKeys(staff.folder / "keys")
    staff.ok("certify", "kiosk-1", *keys.words, "--out", staff.folder / "back", *staff.office)
    return staff


def file(staff, text):
    path = staff.folder / "notice.toml"
    path.write_text(text, encoding="utf-8")
    return path


def sent(staff):
    """Give the orders of kiosk-1 as it would read them."""
    office = Office(FleetDirectory(staff.fleet), "Amina", staff.now)
    state = office.state()
    (letter,) = letters.orders(state, ["kiosk-1"], office.keys(OFFICE))
    return orders.trust(letter.payload, state.trusted, Address("coast", "kiosk-1"), newer_than=0)


def test_a_notice_is_shown_as_a_difference_and_goes_out_with_the_orders_until_it_is_taken_back(fleet):
    first = file(fleet, 'id = "coast-1"' + ENGLISH)
    assert "nothing was changed" in fleet.fails("order", "--notice", first, entered="n\n")
    assert fleet.state().kiosk("kiosk-1").orders is None
    shown = fleet.ok("order", "--notice", first, "--yes", *fleet.office)
    assert "+ notice coast-1" in shown
    assert "+ notice in en, take back: Call {telephone}." in shown
    assert sent(fleet).notice.words["en"].free == "You can say no."
    fleet.ok("order", "--set", "consent.days_kept=90", "--yes", *fleet.office)
    assert sent(fleet).notice.id == "coast-1"
    other = file(fleet, 'id = "coast-2"' + ENGLISH.replace("say no", "always say no"))
    shown = fleet.ok("order", "--notice", other, "--yes", *fleet.office)
    assert "- notice in en, free: You can say no." in shown
    assert "+ notice in en, free: You can always say no." in shown
    assert "  notice in en, what for: To look for you." in shown
    assert "- notice coast-2" in fleet.ok("order", "--own-notice", "--yes", *fleet.office)
    assert sent(fleet).notice is None
    told = fleet.ok("audit")
    assert "coast-2" in told


def test_an_id_never_stands_for_other_words(fleet):
    fleet.ok("order", "--notice", file(fleet, 'id = "coast-1"' + ENGLISH), "--yes", *fleet.office)
    changed = file(fleet, 'id = "coast-1"' + ENGLISH.replace("say no", "refuse"))
    assert_refused(fleet, "stands for other words already", "order", "--notice", changed, "--yes", *fleet.office)
    ours = file(fleet, 'id = "homeward-notice-1"' + ENGLISH)
    assert_refused(fleet, "kept for those that kiosks come with", "order", "--notice", ours, "--yes", *fleet.office)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "can't be ordered"),
        ("id = ", "this is no notice"),
        ('id = "coast-1"', "can't be ordered"),
        (ENGLISH, "can't be ordered"),
        ('id = "coast-1"\n[en]\nwho_sees = "{ngo}"', "missing required field"),
        ('id = "coast-1"' + ENGLISH.replace("{days}", "180"), "how_long lacks {days}"),
        ('id = "coast-1"' + ENGLISH.replace("{telephone}", "us"), "take_back lacks {telephone}"),
        ('id = "coast-1"' + ENGLISH.replace("{ngo}", "us"), "who_sees lacks {ngo}"),
        ('id = "coast-1"' + ENGLISH.replace("say no", "say {no}"), "can't be ordered"),
        ('id = "coast-1"' + ENGLISH.replace("say no", "say no" * 100), "can't be ordered"),
        ('id = "coast-1"' + ENGLISH.replace("[en]", "[English]"), "can't be ordered"),
    ],
)
def test_a_notice_that_no_kiosk_could_tell_is_refused(fleet, text, expected):
    assert_refused(fleet, expected, "order", "--notice", file(fleet, text), "--yes", *fleet.office)


def test_a_notice_and_the_own_one_contradict_each_other(fleet):
    first = file(fleet, 'id = "coast-1"' + ENGLISH)
    assert_refused(fleet, "contradict", "order", "--notice", first, "--own-notice", "--yes", *fleet.office)
