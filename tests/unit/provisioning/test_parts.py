"""What staff say a kiosk has, a screen, a voice, other lines, stands on its card, and is what the kiosk reads."""

import hashlib
import json

import pytest

from edge_agent import config
from edge_agent.kiosk import main
from edge_agent.pins import Pins
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
        del kiosk["plan"]["screen"], kiosk["plan"]["voice"], kiosk["plan"]["pins"]
    line = json.dumps(content).encode()
    kept.write_bytes(line + b"\n" + hashlib.sha256(line).hexdigest().encode() + b"\n")
    staff.ok("card", "kiosk-1", "--out", staff.folder / "again", *staff.office)
    assert on(staff.folder / "again") == (False, True)


def lines(card):
    return config.load(card / "kiosk.toml").hardware.pins


def test_button_and_lights_are_on_the_lines_that_staff_said_and_else_on_the_usual_ones(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "usual"))
    staff.ok(*staff.add("kiosk-2", staff.folder / "card", "--pin", "button=17", "--pin", "Camera_light = 22"))
    assert lines(staff.folder / "usual") == Pins()
    assert lines(staff.folder / "card") == Pins(button=17, camera_light=22)
    staff.ok("card", "kiosk-2", "--out", staff.folder / "again", *staff.office)
    staff.ok("revoke", "kiosk-2", "--confirm", "kiosk-2", *staff.office)
    staff.ok("replace", "kiosk-2", "kiosk-3", "--out", staff.folder / "next", *staff.office)
    assert lines(staff.folder / "again") == lines(staff.folder / "next") == Pins(button=17, camera_light=22)


def test_two_parts_may_change_places(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", "--pin", "button=5", "--pin", "button-light=4"))
    assert lines(staff.folder / "card") == Pins(button=5, button_light=4)


SLIPS = {
    ("button",): "puts nothing on a GPIO line",
    ("lamp=3",): "the parts are button, button-light, ready-light, camera-light",
    ("button=",): "a whole number from 0 to 27",
    ("button=28",): "a whole number from 0 to 27",
    ("button=-1",): "a whole number from 0 to 27",
    ("button=1.5",): "a whole number from 0 to 27",
    ("button=seventeen",): "a whole number from 0 to 27",
    ("button=6",): "GPIO 6 is the line of button and ready_light; each needs its own",
    ("button=17", "camera-light=17"): "GPIO 17 is the line of button and camera_light; each needs its own",
    ("button=17", "button=18"): "button is put on two GPIO lines",
}


@pytest.mark.parametrize(("given", "why"), SLIPS.items(), ids=[" ".join(given) for given in SLIPS])
def test_a_line_that_is_none_or_is_somebody_elses_is_refused(staff, given, why):
    said = [word for text in given for word in ("--pin", text)]
    assert_refused(staff, why, *staff.add("kiosk-1", staff.folder / "card", *said))


def test_a_list_names_the_lines_in_one_column(staff):
    kiosks = staff.folder / "kiosks.csv"
    head = "id,place,area,latitude,longitude,time-zone,languages,pins\n"
    where = "Hall,Urumqi,1,2,UTC,ug"
    kiosks.write_text(f"{head}kiosk-1,{where},button=17 camera-light=22\nkiosk-2,{where},", encoding="utf-8")
    assert "button=17 camera-light=22" in staff.ok("add-many", kiosks, "--out", staff.folder / "cards", "--dry-run")
    staff.ok("add-many", kiosks, "--out", staff.folder / "cards", *staff.office)
    assert lines(staff.folder / "cards" / "kiosk-1") == Pins(button=17, camera_light=22)
    assert lines(staff.folder / "cards" / "kiosk-2") == Pins()
    kiosks.write_text(f"{head}kiosk-3,{where},button=17 ready-light=17", encoding="utf-8")
    assert_refused(
        staff, "line 2: button and lights", "add-many", kiosks, "--out", staff.folder / "more", *staff.office
    )


def test_all_that_is_known_of_one_kiosk_is_told(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", "--screen", "--no-voice", "--pin", "button=17"))
    staff.ok(*staff.add("kiosk-2", staff.folder / "card-2", "--network", "cellular"))
    told = dict(line.split("  ", 1) for line in staff.ok("list", "kiosk-1").splitlines()[1:] if "  " in line)
    told = {name: fact.strip() for name, fact in told.items()}
    assert told["screen"] == "yes"
    assert told["voice"] == "no"
    assert told["network"] == "ethernet"
    assert told["button and lights"] == "the button: GPIO 17"
    assert told["languages"] == "ug, zh, en"
    assert told["place"] == "火车站, east hall, ئۈرۈمچى"
    assert "kiosk-2" not in str(told)
    assert "at their usual GPIO lines" in staff.ok("list", "kiosk-2")
    plans = [json.loads(line)["plan"] for line in staff.ok("list", "--json").splitlines()]
    assert [(plan["id"], plan["screen"], plan["pins"]) for plan in plans] == [
        ("kiosk-1", True, {"button": 17}),
        ("kiosk-2", False, {}),
    ]
    assert [json.loads(line)["kiosk"] for line in staff.ok("list", "kiosk-2", "--json").splitlines()] == ["kiosk-2"]
    assert "the fleet has no kiosk 'kiosk-3'" in staff.fails("list", "kiosk-3")
