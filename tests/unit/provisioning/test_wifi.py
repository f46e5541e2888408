"""A card that brings a kiosk into its Wi-Fi: the passphrase goes onto the card, and stays nowhere else."""

import configparser
import re
import zipfile

import pytest

from edge_agent.errors import LocalError
from provisioning.wifi import FILE, Wifi
from tests.unit.firmware.test_first_boot import boot

PASSPHRASE = r' a\sb;c"d# = \ e '


@pytest.fixture
def by_wifi(staff):
    """Options for a Wi-Fi, its passphrase in a file outside staff's folder."""
    secret = staff.folder.with_name("wifi-passphrase")
    secret.touch(mode=0o600)
    secret.write_text(PASSPHRASE + "\n", encoding="utf-8")
    return ["--wifi", "Станция; 2", "--wifi-passphrase-file", secret]


def read(connection):
    """Read a keyfile as NetworkManager does: the name as bytes, a value's escapes taken back."""
    found = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",), strict=True)
    found.read_string(connection)
    plain = {"\\\\": "\\", "\\s": " "}
    name = bytes(int(byte) for byte in found["wifi"]["ssid"].split(";")[:-1]).decode()
    return name, re.sub(r"\\[\\s]", lambda met: plain[met[0]], found["wifi-security"]["psk"])


def test_a_card_brings_its_kiosk_into_the_wifi_that_staff_named(staff, by_wifi):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", *by_wifi))
    written = staff.folder / "card" / FILE
    assert read(written.read_text(encoding="ascii")) == ("Станция; 2", PASSPHRASE)
    assert written.stat().st_mode & 0o777 == 0o600
    assert 'network = "wifi"' in (staff.folder / "card" / "machine.toml").read_text(encoding="utf-8")


def test_the_passphrase_stays_nowhere_but_on_the_card(staff, by_wifi):
    said = staff.ok(*staff.add("kiosk-1", staff.folder / "card", *by_wifi))
    holding = {path for path, content in staff.everything().items() if b'b;c"d#' in content}
    assert holding == {staff.folder / "card" / FILE}
    assert 'b;c"d#' not in said + staff.ok("audit")
    assert 'b;c"d#' not in repr(Wifi("Station", PASSPHRASE))


def test_the_first_boot_takes_it_for_root_alone_and_wipes_it_from_the_card(staff, by_wifi, tmp_path):
    card, data = tmp_path / "boot" / "homeward", tmp_path / "data"
    card.parent.mkdir()
    staff.ok(*staff.add("kiosk-1", card, *by_wifi))
    (data / "courier").mkdir(parents=True)
    assert boot(card, data, tmp_path).returncode == 0
    assert read((data / FILE).read_text(encoding="ascii"))[1] == PASSPHRASE
    assert (data / FILE).stat().st_mode & 0o777 == 0o600
    assert not card.exists()


def test_another_card_and_a_successors_card_bring_it_too(staff, by_wifi):
    staff.ok(*staff.add("kiosk-1", staff.folder / "card", *by_wifi))
    staff.ok("card", "kiosk-1", "--out", staff.folder / "card.zip", *by_wifi, *staff.office)
    with zipfile.ZipFile(staff.folder / "card.zip") as packed:
        assert read(packed.read(FILE).decode("ascii"))[0] == "Станция; 2"
    staff.ok("revoke", "kiosk-1", "--confirm", "kiosk-1", *staff.office)
    staff.ok("replace", "kiosk-1", "kiosk-2", "--out", staff.folder / "next", *by_wifi, *staff.office)
    assert read((staff.folder / "next" / FILE).read_text(encoding="ascii"))[1] == PASSPHRASE


def test_a_kiosk_on_wifi_gets_no_card_that_does_not_know_which_and_one_on_a_cable_none_that_does(staff, by_wifi):
    before = staff.everything()
    assert "--wifi NAME" in staff.fails(*staff.add("kiosk-1", staff.folder / "card", "--network", "wifi"))
    said = staff.fails(*staff.add("kiosk-1", staff.folder / "card", "--network", "ethernet", *by_wifi))
    assert "by ethernet, and not by Wi-Fi" in said
    assert staff.everything() == before
    staff.ok(*staff.add("kiosk-1", staff.folder / "card"))
    assert not (staff.folder / "card" / FILE).exists()


@pytest.mark.parametrize("name", ["", "x" * 33, "ئ" * 17, "two\nlines"])
def test_what_no_wifi_can_be_called_is_refused(name):
    with pytest.raises(LocalError, match="is no Wi-Fi's name"):
        Wifi(name, PASSPHRASE)


@pytest.mark.parametrize("passphrase", ["", "seven77", "x" * 64, "four\nlines", "ئۈرۈمچى-ئۈرۈمچى"])
def test_what_opens_no_wifi_is_refused_and_not_repeated(passphrase):
    with pytest.raises(LocalError) as refused:
        Wifi("Station", passphrase)
    assert "this is no passphrase of the Wi-Fi Station" in refused.value.what
    assert not passphrase or passphrase not in refused.value.explain()


def test_a_key_of_64_hexadecimal_digits_is_taken_as_it_is():
    assert read(Wifi("Station", "0f" * 32).connection()) == ("Station", "0f" * 32)
