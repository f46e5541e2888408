"""What staff say a kiosk has, a screen and a voice, stands on its card, and is what the kiosk reads."""

import hashlib
import json

import pytest

from edge_agent import config
from edge_agent.kiosk import main
from provisioning.card import PAGE
from tests.unit.provisioning.test_bad_input import assert_refused

HAS = {
    (): (False, True),
    ("--screen",): (True, True),
    ("--screen", "--no-voice"): (True, False),
}
NEITHER = "neither a screen nor a voice"


def on(card):
    """Give whether a card's kiosk has a screen, and a voice."""
    settings = config.load(card / "kiosk.toml")
    return settings.screen is not None, settings.voice is not None


@pytest.mark.parametrize(("said", "expected"), HAS.items(), ids=["nothing said", "a screen too", "a screen alone"])
def test_the_kiosk_has_what_staff_said(staff, said, expected):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", *said))
    assert on(staff.folder / "card") == expected


def test_the_address_of_its_page_lies_where_the_browser_waits_for_it(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", "--screen"))
    assert config.load(staff.folder / "card" / "kiosk.toml").screen.url_file == PAGE


@pytest.mark.red_line(12)
def test_a_kiosk_that_could_tell_nobody_anything_is_not_added(staff):
    assert_refused(staff, NEITHER, *staff.add("kiosk-1", staff.folder / "card", "--no-voice"))
    assert "[printed_notice]" in staff.fails(*staff.add("kiosk-1", staff.folder / "card", "--no-voice"))


def test_a_check_at_the_kiosk_knows_what_its_card_says_it_has(staff, capsys):
    card = staff.folder / "card"
    staff.ok(*staff.add("kiosk-1", card, "--screen", "--hardware", "simulated"))
    main(["check", "--config", str(card / "kiosk.toml")])
    said = capsys.readouterr().out
    assert "ok    what people are told" in said
    assert "ok    screen" in said
    assert "BAD   voice" in said  # for nobody has recorded it here


def test_another_card_and_a_successors_card_say_the_same(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", "--screen", "--no-voice"))
    staff.ok("card", "kiosk-1", "--out", staff.folder / "again", *staff.office)
    staff.ok("revoke", "kiosk-1", "--confirm", "kiosk-1", *staff.office)
    staff.ok("replace", "kiosk-1", "kiosk-2", "--out", staff.folder / "next", *staff.office)
    assert on(staff.folder / "again") == on(staff.folder / "next") == (True, False)


def test_a_list_says_it_for_each_kiosk_or_leaves_it_out(staff):
    kiosks = staff.folder / "kiosks.csv"
    lines = ["id,place,area,latitude,longitude,time-zone,languages,screen,voice"]
    lines += [f"kiosk-{n},Hall,Urumqi,1,2,UTC,ug,{has}" for n, has in enumerate((",", "yes,", "Yes,no"), 1)]
    kiosks.write_text("\n".join(lines), encoding="utf-8")
    staff.ok("add-many", kiosks, "--out", staff.folder / "cards", *staff.office)
    cards = staff.folder / "cards"
    assert [on(cards / f"kiosk-{n}") for n in (1, 2, 3)] == [*HAS.values()]
    slips = {"no,no": NEITHER, "perhaps,": "a screen must be yes or no", ",loud": "a voice must be yes or no"}
    for has, why in slips.items():
        kiosks.write_text(f"{lines[0]}\nkiosk-9,Hall,Urumqi,1,2,UTC,ug,{has}", encoding="utf-8")
        assert_refused(staff, why, "add-many", kiosks, "--out", staff.folder / "more", *staff.office)


def test_a_fleet_that_was_kept_before_kiosks_had_a_choice_still_reads(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    kept = staff.fleet / "fleet.json"
    content = json.loads(kept.read_bytes().splitlines()[0])
    for kiosk in content["kiosks"]:
        del kiosk["plan"]["screen"], kiosk["plan"]["voice"]
    line = json.dumps(content).encode()
    kept.write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")
    staff.ok("card", "kiosk-1", "--out", staff.folder / "again", *staff.office)
    assert on(staff.folder / "again") == (False, True)
