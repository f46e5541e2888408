"""What a card brings is on the kiosk whole, and wiped from the card; whatever goes wrong, one of the two holds it."""

from __future__ import annotations

import os
import pwd
import subprocess

import pytest

from tests.support.read_only import BOUND_BY_RIGHTS, read_only
from tests.unit.firmware.units import KIOSK

SCRIPT = KIOSK / "usr/local/lib/homeward/first-boot"
SETTINGS = 'fleet = "coast"\nkiosk = "kiosk-1"\nshared = "shared"\n'
FILES = {
    "kiosk.toml": SETTINGS,
    "root.pub": "04aa\n",
    "bundle.cose": "signed",
    "machine.toml": 'time_zone = "Nowhere/None"\nnetwork = "wifi"\n',
    "courier/first-boot.toml": "the secret",
    "courier/claim.key": "the claim's key",
    "wifi.nmconnection": "[wifi-security]\npsk=a passphrase\n",
}
CLOSED = ("courier/claim.key", "courier/first-boot.toml", "wifi.nmconnection")


@pytest.fixture
def card(tmp_path):
    card, data = tmp_path / "boot/homeward", tmp_path / "data"
    for folder in (card / "courier", data / "courier"):
        folder.mkdir(parents=True)
    for name, content in FILES.items():
        (card / name).write_text(content, encoding="utf-8")
    return card, data


def boot(card, data, tmp_path, *others):
    """Run it with `install` asked for no other owner: only root could give files away."""
    shim = tmp_path / "bin/install"
    shim.parent.mkdir(exist_ok=True)
    me = pwd.getpwuid(os.geteuid()).pw_name
    shim.write_text(f'#!/bin/sh\nexec /usr/bin/install "$1" "$2" "$3" "{me}" "$5" "$6"\n', encoding="utf-8")
    shim.chmod(0o755)
    path = f"{shim.parent}:{os.environ['PATH']}"
    here = tmp_path / "etc"  # or the computer that runs the tests would be in the kiosk's time zone
    here.mkdir(exist_ok=True)
    return subprocess.run(
        [*BOUND_BY_RIGHTS, SCRIPT, data, *others, card],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PATH": path, "HOMEWARD_ETC": str(here)},
    )


def test_all_of_a_card_is_taken_and_nothing_is_left_on_it(card, tmp_path):
    card, data = card
    assert boot(card, data, tmp_path).returncode == 0
    assert {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()} == FILES
    assert {name for name in FILES if (data / name).stat().st_mode & 0o777 == 0o600} == set(CLOSED)
    assert not card.exists()


def test_of_two_boot_partitions_the_one_is_taken_that_brings_something(card, tmp_path):
    card, data = card
    empty = tmp_path / "bootfs/homeward"  # not even a folder
    assert boot(card, data, tmp_path, empty).returncode == 0
    assert boot(empty, data, tmp_path, empty).returncode == 1  # nothing is there any more
    assert {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()} == FILES
    assert not card.exists()


def test_the_kiosk_is_in_the_time_zone_of_its_place(card, tmp_path):
    card, data = card
    (card / "machine.toml").write_text('time_zone = "Asia/Urumqi"\nnetwork = "ethernet"\n', encoding="utf-8")
    assert boot(card, data, tmp_path).returncode == 0
    assert str((tmp_path / "etc/localtime").readlink()) == "/usr/share/zoneinfo/Asia/Urumqi"


def test_what_is_removed_from_the_card_was_overwritten_first(card, tmp_path):
    card, data = card
    os.link(card / "courier/first-boot.toml", tmp_path / "the same blocks")
    assert boot(card, data, tmp_path).returncode == 0
    assert b"secret" not in (tmp_path / "the same blocks").read_bytes()


def test_a_card_that_takes_no_writes_is_taken_and_said_and_wiped_at_the_next_start_that_can(card, tmp_path):
    card, data = card
    with read_only(card):
        done = boot(card, data, tmp_path)
        assert done.returncode == 1
        assert "can't be wiped" in done.stderr
        assert "delete that folder by hand" in done.stderr
        assert (card / "kiosk.toml").exists()  # by which systemd starts it again
    assert {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()} == FILES
    assert boot(card, data, tmp_path).returncode == 0
    assert not card.exists()


def test_one_file_that_can_not_be_wiped_keeps_no_other_on_the_card(card, tmp_path):
    card, data = card
    with read_only(card / "courier"):
        assert boot(card, data, tmp_path).returncode == 1
    left = {str(path.relative_to(card)) for path in card.rglob("*") if path.is_file()}
    assert left == {"kiosk.toml", "courier/first-boot.toml", "courier/claim.key"}


def test_another_kiosks_card_is_left_alone(card, tmp_path):
    card, data = card
    (data / "kiosk.toml").write_text(SETTINGS.replace("kiosk-1", "kiosk-2"), encoding="utf-8")
    done = boot(card, data, tmp_path)
    assert done.returncode == 1
    assert "for another kiosk" in done.stderr
    assert {str(path.relative_to(card)) for path in card.rglob("*") if path.is_file()} == FILES.keys()
    assert [path.name for path in data.rglob("*") if path.is_file()] == ["kiosk.toml"]


def test_a_second_card_for_the_same_kiosk_replaces_what_the_first_brought(card, tmp_path):
    card, data = card
    (data / "kiosk.toml").write_text(SETTINGS + "# an older one\n", encoding="utf-8")
    assert boot(card, data, tmp_path).returncode == 0
    assert (data / "kiosk.toml").read_text(encoding="utf-8") == SETTINGS


@pytest.mark.parametrize("gone", sorted(FILES))
def test_begun_again_after_a_power_cut_it_goes_on(card, tmp_path, gone):
    """As if it had stopped while wiping: one file is gone from the card already, kiosk.toml as the last of all."""
    card, data = card
    for name, content in FILES.items():
        (data / name).write_text(content, encoding="utf-8")
    if gone == "kiosk.toml":
        for path in [path for path in card.rglob("*") if path.is_file()]:
            path.unlink()
        assert boot(card, data, tmp_path).returncode == 1  # systemd does not even start it: its condition is this file
    else:
        (card / gone).unlink()
        assert boot(card, data, tmp_path).returncode == 0
        assert not card.exists()
    assert {str(path.relative_to(data)): path.read_text() for path in data.rglob("*") if path.is_file()} == FILES
