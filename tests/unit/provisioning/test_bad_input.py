"""What goes wrong in an office: each gets a clear error, and nothing is lost."""

import shutil

import pytest

from provisioning.fleet_directory import FleetDirectory
from tests.support.qr import read_code
from tests.unit.provisioning.world import DAY, NOW, OFFICE, KioskKeys, Staff


def assert_refused(staff, expected, *words, **other):
    """The command fails with these words, and not a byte of the fleet changed."""
    before = {path: text for path, text in staff.everything().items() if path.name != "lock"}
    said = staff.fails(*words, **other)
    assert expected in said
    after = {path: text for path, text in staff.everything().items() if path.name != "lock"}
    assert after == before


def test_a_wrong_passphrase_is_refused(staff):
    wrong = ["--passphrase-file", staff.secret("wrong", "not at all the right one")]
    words = staff.add("kiosk-1", staff.folder / "card", *wrong)
    assert_refused(staff, "does not open the office keys", *words)


def test_the_roots_file_is_not_the_offices(staff):
    shutil.copy2(staff.root, staff.fleet / "office.keys")
    assert_refused(staff, "not the office keys of coast", *staff.add("kiosk-1", staff.folder / "card"))


def test_a_passphrase_file_that_others_can_read_is_refused(staff):
    staff.office_file.chmod(0o644)
    assert_refused(staff, "is open to others", *staff.add("kiosk-1", staff.folder / "card"))


@pytest.mark.parametrize("where", [1, -70, -3], ids=["in the state", "near its end", "in its hash"])
def test_a_damaged_state_is_said_and_kept(staff, where):
    path = staff.fleet / "fleet.json"
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    assert_refused(staff, "is damaged", "list")
    assert_refused(staff, "is damaged", *staff.add("kiosk-1", staff.folder / "card"))


def test_a_half_written_state_is_said_and_kept(staff):
    path = staff.fleet / "fleet.json"
    path.write_bytes(path.read_bytes()[:1000])
    assert_refused(staff, "half written", "list")


def test_an_audit_log_that_was_cut_off_edited_or_taken_away_stops_every_act(staff):
    path = staff.fleet / "audit.jsonl"
    whole = path.read_bytes()
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    longer = path.read_bytes()
    add = staff.add("kiosk-2", staff.folder / "card-2")
    path.write_bytes(whole[: whole.index(b"\n") + 1])
    assert_refused(staff, "cut off", *add)
    path.write_bytes(longer.replace(b"Amina", b"Bekir", 1))
    assert_refused(staff, "broken at line", *add)
    assert_refused(staff, "broken at line", "audit")
    path.unlink()
    assert_refused(staff, "cut off", *add)
    path.write_bytes(longer)
    staff.ok(*add)


def test_another_fleets_root_signs_nothing_here(staff, tmp_path):
    (tmp_path / "other").mkdir()
    other = Staff(tmp_path / "other")
    other.begin()
    words = ["recipients", "renew", "--root", other.root, "--root-passphrase-file", other.root_file, "--yes"]
    assert_refused(staff, "another fleet's root", *words)


def test_a_clock_that_is_behind_signs_nothing(staff):
    staff.now = NOW - 365 * DAY
    assert_refused(staff, "clock is behind", *staff.add("kiosk-1", staff.folder / "card"))
    assert_refused(staff, "clock is behind", *staff.add("kiosk-1", staff.folder / "card"), before=["--clock-is-right"])


def test_a_clock_a_year_ahead_is_asked_about_first(staff):
    staff.now = NOW + 365 * DAY
    words = staff.add("kiosk-1", staff.folder / "card")
    assert_refused(staff, "365 days have passed", *words)
    staff.ok(*words, before=["--clock-is-right"])


def test_a_fleet_does_not_begin_in_1970(new):
    new.now = 3600
    assert_refused(new, "clock is behind", *new.init_words())


def test_no_card_is_made_with_a_bundle_that_has_expired(staff):
    staff.now = NOW + 731 * DAY
    words = staff.add("kiosk-1", staff.folder / "card")
    assert_refused(staff, "bundle has expired", *words, before=["--clock-is-right"])
    assert "It has expired" in staff.ok("recipients", "list")
    staff.ok("recipients", "renew", *staff.apart, "--yes", before=["--clock-is-right"])
    staff.ok(*words)


def test_two_staff_at_once_are_told_of_each_other(staff):
    with FleetDirectory(staff.fleet).act("Bakhyt", NOW):
        assert_refused(staff, "somebody else is working on this fleet: Bakhyt", *staff.add("k", staff.folder / "card"))
    staff.ok(*staff.add("k", staff.folder / "card"))


def test_a_fleet_is_never_begun_over_another(staff):
    assert_refused(staff, "is there already", "init", *staff.apart)


def test_a_fleet_without_an_escrow_does_not_begin(new):
    words = new.init_words()
    at = words.index("--escrow")
    assert_refused(new, "An escrow's key", *words[:at], *words[at + 2 :])


def test_one_passphrase_for_both_is_refused(new):
    new.root_file.write_text(OFFICE + "\n", encoding="utf-8")
    assert_refused(new, "the office's too", *new.init_words())


def test_a_short_passphrase_is_refused(new):
    new.root_file.write_text("short\n", encoding="utf-8")
    assert_refused(new, "shorter than 12", *new.init_words())


def test_a_place_without_a_fleet_says_how_to_begin(new):
    assert_refused(new, "homeward-fleet init", "list")
    assert_refused(new, "homeward-fleet init", *new.add("k", new.folder / "card"))


@pytest.mark.parametrize("text", ["", "zz Amina\n", "00ff Amina\n", "not hexadecimal at all"])
def test_a_file_that_is_no_public_key_is_refused(staff, text):
    path = staff.folder / "bad.pub"
    path.write_text(text, encoding="utf-8")
    assert_refused(staff, "no recipient's public key", "recipients", "add", path, *staff.apart, "--yes")


@pytest.mark.parametrize(
    ("kiosk", "more", "expected"),
    [
        ("Kiosk_1", [], "such as urumqi-station-1"),
        ("claim-1", [], "kept for something else"),
        ("broker-check", [], "kept for something else"),
        ("kiosk-1", ["--time-zone", "Asia/Nowhere"], "no time zone"),
        ("kiosk-1", ["--time-zone", "../../etc/passwd"], "no time zone"),
        ("kiosk-1", ["--languages", "uyghur please"], "languages"),
        ("kiosk-1", ["--languages", "ug,xx,en"], "no kiosk has words in xx"),
        ("kiosk-1", ["--place", "two\nlines"], "printable"),
        ("kiosk-1", ["--place", ""], "named on one line"),
        ("kiosk-1", ["--accuracy", "200000"], "between 0 and 100,000 metres"),
    ],
)
def test_a_kiosk_that_can_not_be_is_refused(staff, kiosk, more, expected):
    assert_refused(staff, expected, *staff.add(kiosk, staff.folder / "card", *more))


def test_a_kiosks_id_is_never_used_twice(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    assert_refused(staff, "a kiosk kiosk-1 already", *staff.add("kiosk-1", staff.folder / "other"))


def test_a_card_is_never_written_over_anything(staff):
    (staff.folder / "card").mkdir()
    (staff.folder / "card" / "cmdline.txt").write_text("boot", encoding="utf-8")
    assert_refused(staff, "is there already", *staff.add("kiosk-1", staff.folder / "card"))


def test_an_expired_claim_takes_no_kiosk_into_service(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    keys = KioskKeys(staff.folder / "kiosk")
    staff.now += 15 * DAY
    words = ["certify", "kiosk-1", *keys.words, "--out", staff.folder / "back", *staff.office]
    assert_refused(staff, "has expired", *words)


def test_requests_that_are_damaged_or_of_one_key_are_refused(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    keys = KioskKeys(staff.folder / "kiosk")
    signing, rest = keys.requests["signing"], ["--out", staff.folder / "back", *staff.office]
    assert_refused(staff, "of one key", "certify", "kiosk-1", "--signing", signing, "--tls", signing, *rest)
    tls = keys.requests["tls"]
    tls.write_bytes(tls.read_bytes()[:200])
    assert_refused(staff, "no signing request", "certify", "kiosk-1", *keys.words, *rest)


def test_an_order_to_nobody_is_refused_and_one_that_is_only_looked_at_changes_nothing(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    pause = ["order", "--mode", "pause"]
    assert_refused(staff, "no kiosk is in service yet", *pause, "--yes", *staff.office)
    before = staff.everything()
    shown = staff.ok(*pause, "kiosk-1", "--dry-run")
    assert "+ mode pause" in shown
    assert "Nothing was changed" in shown
    assert staff.everything() == before


def test_a_kiosk_that_nobody_knows_can_not_be_revoked(staff):
    assert_refused(staff, "has no kiosk", "revoke", "nobody", *staff.office)


@pytest.mark.parametrize(
    "words",
    [
        lambda staff, out: staff.add("kiosk-1", out / "homeward"),
        lambda staff, out: staff.add("kiosk-1", out / "card.zip"),
        lambda staff, out: staff.add("kiosk-1", staff.folder / "card", "--label", out / "label.pdf"),
        lambda staff, out: ["card", "known-1", "--out", out / "homeward", *staff.office],
        lambda staff, out: ["label", "known-1", "--out", out / "label.pdf"],
        lambda staff, out: ["intake", "--out", out / "intake", *staff.office],
    ],
    ids=["a card", "a zip", "a label", "another card", "a label again", "an intake"],
)
def test_a_card_or_stick_that_is_not_plugged_in_is_said_and_no_folder_takes_its_place(staff, words):
    staff.ok(*staff.add("known-1", staff.folder / "known"))
    gone = staff.folder / "media" / "bootfs"
    assert_refused(staff, f"there is no folder {gone} to put it into", *words(staff, gone))
    assert not gone.parent.exists()


def test_no_root_is_made_where_no_stick_is(new):
    new.root = new.folder / "media" / "stick" / "root.key"
    assert "there is no folder" in new.fails(*new.init_words())
    assert not (new.folder / "media").exists()
    assert not new.fleet.exists()


def test_a_label_is_printed_again_and_never_over_anything(staff):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    again = staff.folder / "again.pdf"
    staff.ok("label", "kiosk-1", "--out", again)
    assert read_code(again.read_bytes()) == read_code((staff.folder / "kiosk-1-label.pdf").read_bytes())
    assert_refused(staff, "is there already", "label", "kiosk-1", "--out", again)
    assert_refused(staff, "the fleet has no kiosk", "label", "kiosk-2", "--out", staff.folder / "other.pdf")
