"""The pictures of the staff's guide, taken on the console as it is: a small fleet with its everyday troubles.

`python -m docs.pictures --console` runs this and puts what it leaves into docs/pictures/guide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from provisioning.backup import PROVEN_WORDS
from provisioning.terminal import system_clock
from tests.support.console import RunningConsole, picture_for_the_guide
from tests.support.hands import Mouse
from tests.unit.provisioning.world import DAY, OFFICE, ROOT, KioskKeys, Staff

if TYPE_CHECKING:
    from playwright.sync_api import Page

PLACES = {
    "urumqi-station-1": ("火车站, east hall", "ئۈرۈمچى"),
    "kashgar-shelter-1": ("Children's shelter", "قەشقەر"),
    "turpan-bus-1": ("Bus station", "تۇرپان"),
    "hotan-clinic-1": ("县医院", "خوتەن"),
}


@pytest.fixture
def window(page) -> Page:
    page.set_viewport_size({"width": 1000, "height": 720})
    return page


def add(staff: Staff, name: str, now: int) -> None:
    place, area = PLACES[name]
    where = ["--place", place, "--area", area, "--latitude", "43.8", "--longitude", "87.6"]
    lives = ["--time-zone", "Asia/Urumqi", "--languages", "ug,zh,en"]
    at_the_time = Staff(staff.folder, now=now)
    at_the_time.ok("add", name, *where, *lives, "--out", staff.folder / f"card-{name}", *staff.office)


def test_the_first_hour(tmp_path, window):
    staff = Staff(tmp_path, now=system_clock())
    with RunningConsole(staff.fleet) as console:
        hands = Mouse(console.enter(window))
        hands.type("A short name for the fleet", "coast")
        hands.type("Your organisation", "The NGO")
        hands.type("A telephone number", "+86 991 000 0000")
        hands.type("Whose law holds", "CN")
        picture_for_the_guide(window, "begin")
        hands.press("button", "Go on")
        hands.type("Address", "broker.example.org:8883")
        hands.press("button", "Go on")
        hands.hand_over("The caseworkers' .pub files", staff.public("Amina"), staff.public("Bakhyt"))
        hands.hand_over("The escrow's .pub file", staff.public("Escrow"))
        hands.press("button", "Go on")
        hands.type("Where its file goes", str(staff.root))
        for whose, words in (("root", ROOT), ("office", OFFICE)):
            hands.type(f"The {whose}'s passphrase", words)
            hands.type(f"The {whose}'s passphrase, once more", words)
        hands.press("button", "Make the fleet")
        window.get_by_role("heading", name="Print the root's paper, and read it back").wait_for()
        picture_for_the_guide(window, "paper")
        (sheet,) = staff.root.with_name("root.key-sheets").glob("*.txt")
        words = re.findall(r"[a-z]+", sheet.read_text(encoding="utf-8"))
        hands.type(f"The last {PROVEN_WORDS} words of sheet 1", " ".join(words[-PROVEN_WORDS:]))
        hands.press("button", "They read so")
        window.get_by_role("heading", name="The paper reads back").wait_for()
        hands.press("link", "Servers")
        window.get_by_role("heading", name="Servers").wait_for()
        picture_for_the_guide(window, "servers")


def test_a_fleet_from_day_to_day(staff, window):
    now = system_clock()
    add(staff, "hotan-clinic-1", now)
    for name in ("urumqi-station-1", "kashgar-shelter-1", "turpan-bus-1"):
        add(staff, name, now)
    for name in ("kashgar-shelter-1", "turpan-bus-1"):
        keys = KioskKeys(staff.folder / f"keys-{name}")
        staff.ok("certify", name, *keys.words, "--out", staff.folder / f"back-{name}", *staff.office)
    with RunningConsole(staff.fleet) as console:
        console.enter(window)
        window.goto(f"{console.origin}/add")
        picture_for_the_guide(window, "add")
        window.goto(f"{console.origin}/kiosks/turpan-bus-1/revoke")
        picture_for_the_guide(window, "revoke")
        window.goto(f"{console.origin}/recipients/sign?change=renew")
        picture_for_the_guide(window, "sign")
    assert now - system_clock() < DAY
