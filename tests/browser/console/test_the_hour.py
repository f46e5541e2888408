"""The first hour on the console, by mouse and by keyboard alone: from nothing to a kiosk in service, and out of it."""

from __future__ import annotations

import re
import zipfile
from typing import TYPE_CHECKING

import pytest

from provisioning.backup import PROVEN_WORDS
from provisioning.fleet import Condition
from provisioning.terminal import system_clock
from tests.support.browser import assert_all_can_use
from tests.support.console import RunningConsole
from tests.support.hands import Keyboard, Mouse
from tests.unit.provisioning.world import OFFICE, ROOT, KioskKeys, Staff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hands import Hands


WIFI = "passphrase-of-the-station"


@pytest.fixture
def staff(tmp_path) -> Staff:
    """A staff computer without a fleet."""
    return Staff(tmp_path, now=system_clock())


@pytest.fixture(params=[Mouse, Keyboard], ids=["by mouse", "by keyboard alone"])
def hands(request, staff, page) -> Iterator[Hands]:
    with RunningConsole(staff.fleet) as console:
        yield request.param(console.enter(page))


def begin(hands: Hands, staff: Staff) -> None:
    """Go through the four steps to a fleet."""
    assert_all_can_use(hands.page)
    hands.type("A short name for the fleet", "coast")
    hands.type("Your organisation", "The NGO")
    hands.type("A telephone number", "+86 991 000 0000")
    hands.type("Whose law holds", "CN")
    hands.press("button", "Go on")
    hands.page.get_by_role("heading", name="The broker's address").wait_for()
    assert_all_can_use(hands.page)
    hands.type("Address", "broker.example.org:8883")
    hands.press("button", "Go on")
    hands.page.get_by_role("heading", name="Who can open reports").wait_for()
    assert_all_can_use(hands.page)
    hands.hand_over("The caseworkers' .pub files", staff.public("Amina"), staff.public("Bakhyt"))
    hands.hand_over("The escrow's .pub file", staff.public("Escrow"))
    hands.press("button", "Go on")
    hands.page.get_by_role("heading", name="Keys and paper").wait_for()
    assert_all_can_use(hands.page)
    hands.type("Where its file goes", str(staff.root))
    hands.choose("Three sheets for three people")
    hands.type("The root's passphrase", ROOT)
    hands.type("The root's passphrase, once more", ROOT)
    hands.type("The office's passphrase", OFFICE)
    hands.type("The office's passphrase, once more", OFFICE)
    hands.press("button", "Make the fleet")


def read_back(hands: Hands, staff: Staff) -> None:
    """Type what stands on the sheets, as from the print."""
    hands.page.get_by_role("heading", name="Print the root's paper, and read it back").wait_for()
    assert_all_can_use(hands.page)
    sheets = sorted(staff.root.with_name("root.key-sheets").glob("*.txt"))
    assert len(sheets) == 3
    for number, sheet in enumerate(sheets, 1):
        words = re.findall(r"[a-z]+", sheet.read_text(encoding="utf-8"))
        hands.type(f"The last {PROVEN_WORDS} words of sheet {number}", " ".join(words[-PROVEN_WORDS:]))
    hands.press("button", "They read so")
    hands.page.get_by_role("heading", name="The paper reads back").wait_for()
    assert_all_can_use(hands.page)


def add(hands: Hands, name: str) -> None:
    """Fill in the form for a kiosk."""
    hands.page.get_by_role("heading", name="Add a kiosk").wait_for()
    hands.type("The kiosk's name", name)
    hands.type("Place", "火车站, east hall")
    hands.type("Area", "ئۈرۈمچى")
    hands.type("Latitude", "43.8")
    hands.type("Longitude", "87.6")
    hands.type("Time zone", "Asia/Urumqi")
    hands.type("Languages", "ug, zh, en")
    hands.choose("Wi-Fi")
    hands.type("The Wi-Fi's name", "Station")
    hands.type("The Wi-Fi's passphrase", WIFI)
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Add the kiosk")


def test_from_nothing_to_a_kiosk_in_service_and_out_of_it(hands, staff, tmp_path):
    begin(hands, staff)
    read_back(hands, staff)
    assert staff.state().backup_proven
    assert not staff.root.with_name("root.key-sheets").exists()
    assert [each.name for each in staff.state().trusted.content.recipients] == ["Amina", "Bakhyt", "Escrow"]

    hands.press("link", "Add a kiosk")
    add(hands, "urumqi-station-1")
    hands.page.get_by_role("heading", name="Kiosk urumqi-station-1 is added").wait_for()
    assert_all_can_use(hands.page)
    with hands.page.expect_download() as fetched:
        hands.press("link", "Fetch the card's files (urumqi-station-1-card.zip)")
    with zipfile.ZipFile(fetched.value.path()) as card:
        assert "courier/first-boot.toml" in card.namelist()
        assert WIFI.encode() in card.read("wifi.nmconnection")
    assert WIFI not in hands.page.content()
    assert staff.state().kiosk("urumqi-station-1").plan.site.area == "ئۈرۈمچى"

    hands.press("link", "To urumqi-station-1")
    hands.press("link", "Take it into service by hand")
    keys = KioskKeys(tmp_path / "kiosk")
    hands.hand_over("Request of the signing key", keys.requests["signing"])
    hands.hand_over("Request of the TLS key", keys.requests["tls"])
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Take it into service")
    hands.page.get_by_role("heading", name="Kiosk urumqi-station-1 is in service").wait_for()
    assert_all_can_use(hands.page)
    with hands.page.expect_download() as fetched:
        hands.press("link", "Fetch what goes back to the kiosk (urumqi-station-1-back.zip)")
    with zipfile.ZipFile(fetched.value.path()) as back:
        assert b"BEGIN CERTIFICATE" in back.read("tls.pem")

    hands.press("link", "To urumqi-station-1")
    hands.press("link", "Take it out of service")
    hands.type("Type the kiosk's name to go on", "urumqi-station-1")
    hands.type("The office's passphrase", OFFICE)
    hands.press("button", "Take it out of service")
    hands.page.get_by_role("heading", name="Kiosk urumqi-station-1 is revoked").wait_for()
    assert_all_can_use(hands.page)
    state = staff.state()
    assert state.condition(state.kiosk("urumqi-station-1"), system_clock()) is Condition.REVOKED

    hands.press("link", "Log")
    hands.page.get_by_role("heading", name="Log").wait_for()
    acts = hands.page.locator("tbody tr td:nth-child(4)").all_inner_texts()
    assert acts == ["revoke", "enrol", "add", "backup-proven", "begin"]

    hands.press("button", "Close the console")
    hands.page.get_by_role("heading", name="The console is closed").wait_for()


def test_a_change_of_who_can_open_is_shown_before_it_is_signed(kiosks, page):
    with RunningConsole(kiosks.fleet) as console:
        hands = Mouse(console.enter(page))
        hands.press("link", "Who can open")
        hands.press("link", "Add somebody")
        hands.hand_over("The .pub file", kiosks.public("Dilnur"))
        hands.press("button", "Show what would change")
        hands.page.get_by_role("heading", name="Sign the new list").wait_for()
        rows = hands.page.locator(".difference tbody tr").all_inner_texts()
        assert [row.split()[-4 if "+" in row else 0] for row in rows][:2] == ["stays", "stays"]
        assert "Dilnur" in rows[2]
        assert "comes" in rows[2]
        assert kiosks.state().trusted.content.version == 1
        hands.type("The root's file", str(kiosks.root))
        hands.type("The root's passphrase", ROOT)
        hands.press("button", "Sign it")
        hands.page.get_by_role("heading", name="The new list is signed").wait_for()
        assert [each.name for each in kiosks.state().trusted.content.recipients] == ["Amina", "Escrow", "Dilnur"]
        hands.press("link", "Who can open reports")
        hands.press("link", "Remove Dilnur")
        hands.type("The root's file", str(kiosks.root))
        hands.type("The root's passphrase", ROOT)
        hands.press("button", "Sign it")
        hands.page.get_by_role("heading", name="The new list is signed").wait_for()
        assert [each.name for each in kiosks.state().trusted.content.recipients] == ["Amina", "Escrow"]
