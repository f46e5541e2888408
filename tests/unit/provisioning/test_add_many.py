"""Kiosks of a list: all are added, or none, and every line with a slip is named."""

import json
import tomllib

import pytest

from edge_agent import config
from tests.unit.provisioning.test_bad_input import assert_refused

HEAD = "id,place,area,latitude,longitude,time-zone,languages,network\n"
FIRST = 'kiosk-1,"Station, east hall",Urumqi,43.8,87.6,Asia/Urumqi,"ug,zh",\n'
SECOND = "kiosk-2,火车站,ئۈرۈمچى,43.79,87.58,Asia/Urumqi,ug zh en,cellular\n"


@pytest.fixture
def listed(staff):
    """Give the words that add the kiosks of a list with this content."""

    def words(content, *more):
        path = staff.folder / "kiosks.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return ["add-many", path, "--out", staff.folder / "cards", *staff.office, *more]

    return words


def test_a_list_becomes_a_card_and_a_label_for_each_kiosk_in_one_act(staff, listed):
    said = staff.ok(*listed(HEAD + FIRST + ",,,,,,,\n" + SECOND))
    assert "These 2 are added" in said
    cards = staff.folder / "cards"
    assert {path.name for path in cards.iterdir()} == {"kiosk-1", "kiosk-1-label.pdf", "kiosk-2", "kiosk-2-label.pdf"}
    first, second = (config.load(cards / name / "kiosk.toml") for name in ("kiosk-1", "kiosk-2"))
    assert (first.site.name, first.site.id, first.consent.languages) == ("Station, east hall", "kiosk-1", ["ug", "zh"])
    assert (second.site.area, second.site.longitude) == ("ئۈرۈمچى", 87.58)
    assert tomllib.loads((cards / "kiosk-2" / "machine.toml").read_text(encoding="utf-8"))["network"] == "cellular"
    assert (cards / "kiosk-1-label.pdf").read_bytes().startswith(b"%PDF")
    assert [kiosk.plan.id for kiosk in staff.state().kiosks] == ["kiosk-1", "kiosk-2"]
    assert "add-many  kiosks: kiosk-1; kiosk-2" in staff.ok("audit")


def test_what_a_spreadsheet_saves_is_read_as_it_is(staff, listed):
    saved = "\ufeff" + (HEAD.replace("time-zone", "Time_zone") + SECOND + FIRST).replace("\n", "\r\n")
    staff.ok(*listed(saved))
    assert [kiosk.plan.id for kiosk in staff.state().kiosks] == ["kiosk-2", "kiosk-1"]


def test_a_dry_run_shows_the_list_and_changes_nothing(staff, listed):
    words = listed(HEAD + FIRST + SECOND, "--dry-run")
    before = staff.everything()
    said = staff.ok(*words)
    assert "Station, east hall" in said
    assert "Nothing was changed" in said
    assert staff.everything() == before


@pytest.mark.parametrize("how", [(), ("--dry-run",)])
def test_every_line_with_a_slip_is_named_and_no_kiosk_is_added(staff, listed, how):
    staff.ok(*staff.add("known-1", staff.folder / "card"))
    slips = {
        3: ("Kiosk_3,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,", "such as urumqi-station-1"),
        4: ("kiosk-4,Hall,Urumqi,143.8,87.6,Asia/Urumqi,ug,", "the latitude must lie"),
        5: ("kiosk-5,Hall,Urumqi,43.8,east,Asia/Urumqi,ug,", "the longitude must lie"),
        6: ("kiosk-6,Hall,Urumqi,43.8,87.6,Urumqi,ug,", "no time zone"),
        7: ("kiosk-7,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,wifi", "the card would not know which"),
        8: ("kiosk-8,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,pigeon", "the network must be"),
        9: ("kiosk-9,,Urumqi,43.8,87.6,Asia/Urumqi,ug,", "it lacks place"),
        10: ("kiosk-10,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,zh,en", "more cells than there are columns"),
        11: ("kiosk-1,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,", "a line before it has the id kiosk-1"),
        12: ("known-1,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,", "there is a kiosk known-1 already"),
        13: ("kiosk-13,Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug xx,", "no kiosk has words in xx"),
    }
    words = listed(HEAD + FIRST + "\n".join(line for line, _ in slips.values()) + "\n", *how)
    assert_refused(staff, "no kiosk was added", *words)
    said = staff.fails(*words).splitlines()
    for number, (_, why) in slips.items():
        (told,) = [line for line in said if line.strip().startswith(f"line {number}: ")]
        assert why in told
    assert not (staff.folder / "cards").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", "lacks the column id"),
        (HEAD, "names no kiosk"),
        (HEAD.replace(",area", "") + FIRST, "lacks the column area"),
        (HEAD.replace("network", "colour") + FIRST, "unknown column colour"),
        (HEAD.replace("network", "area") + FIRST, "twice the column area"),
        (HEAD.replace(",", ";") + FIRST, "parted by commas"),
        (HEAD + 'kiosk-1,"never closed\n', "no line of a CSV file"),
        ((HEAD + SECOND).encode("utf-16"), "not UTF-8 text"),
    ],
)
def test_a_file_that_is_no_list_of_kiosks_says_what_one_is(staff, listed, content, expected):
    assert_refused(staff, expected, *listed(content))


def test_of_a_list_with_the_same_slip_everywhere_the_first_are_named(staff, listed):
    many = "".join(f"Kiosk_{number},Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,\n" for number in range(50))
    said = staff.fails(*listed(HEAD + many))
    assert said.count("  line ") == 20
    assert "and 30 more" in said


def test_the_wifi_is_for_those_that_are_to_use_it(staff, listed):
    passphrase = staff.secret("wifi.passphrase", "river river river")
    wifi = SECOND.replace("cellular", "wifi")
    staff.ok(*listed(HEAD + FIRST + wifi, "--wifi", "Station", "--wifi-passphrase-file", passphrase))
    assert [path.parent.name for path in (staff.folder / "cards").rglob("wifi.nmconnection")] == ["kiosk-2"]


def test_of_many_kiosks_in_one_act_the_log_names_the_first(staff, listed):
    many = "".join(f"kiosk-{number},Hall,Urumqi,43.8,87.6,Asia/Urumqi,ug,\n" for number in range(25))
    staff.ok(*listed(HEAD + many))
    shown = staff.ok("audit")
    assert "kiosk-19; and 5 more" in shown
    whole = (staff.fleet / "audit.jsonl").read_text(encoding="utf-8").splitlines()[-1]
    assert "kiosk-24" in json.dumps(json.loads(whole))
