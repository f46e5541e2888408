"""A kiosk's first boot: the card's files taken and wiped, its own keys, six words, staff's yes; then a report.

The card is what `homeward-fleet add` made, copied onto a FAT boot partition as staff do; the units are a kiosk's own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest
from PIL import Image

from firmware.virtual.device import BOOT_S, VirtualKiosk
from firmware.virtual.machine import BROKER
from tests.unit.provisioning.place import Place
from tests.virtual.conftest import ASTRONAUT, KIOSK, SOON
from tests.virtual.guest import do
from tests.virtual.visitor import PACE, SESSION_S, Visitor

WIFI = "[wifi-security]\npsk=a passphrase of the station's\n"
PAPER = '[printed_notice]\nid = "notice-1"\nsha256 = "' + "0" * 64 + '"'


class Town(Place):
    """Staff's computer, a caseworker's, the servers; a kiosk's card as a virtual kiosk takes it."""

    def init_words(self, *more):
        return super().init_words("--broker", BROKER, *more)  # as the guest sees it

    def desk(self, *words):
        command = [sys.executable, "-m", "central.desk", *map(str, words), "--passphrase-file", str(self.root_file)]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def public(self, name):
        """Have a caseworker make their key, on their own computer."""
        self.desk("key", "--name", name, "--out", self.folder / f"{name}.key")
        return self.folder / f"{name}.key.pub"

    def add_card(self, kiosk, _broker, **tables):
        """Add a kiosk on Wi-Fi; give what its card brings, with a notice on paper instead of recordings."""
        here = self.folder / kiosk
        self.ok(*self.add(kiosk, here))
        settings = (here / "kiosk.toml").read_text(encoding="utf-8").replace('[voice]\nfolder = "voices"', PAPER)
        added = "".join(f"\n[{name}]\n{text}\n" for name, text in tables.items())
        (here / "kiosk.toml").write_text(settings + added, encoding="utf-8")
        (here / "wifi.nmconnection").write_text(WIFI, encoding="utf-8")
        self.copy("broker", "acl")
        return here


@pytest.fixture
def town(tmp_path):
    (tmp_path / "town").mkdir()
    return Town(tmp_path / "town")


def secrets(card):
    """What of a card would let somebody else in: the claim's secret, its key, the Wi-Fi's passphrase."""
    claim = tomllib.loads((card / "courier/first-boot.toml").read_text(encoding="utf-8"))["claim"]["secret"]
    key = (card / "courier/claim.key").read_bytes().splitlines()[1]
    return [claim.encode(), key, WIFI.encode()]


def found(secrets, partition):
    content = partition.read_bytes()
    return [secret for secret in secrets if secret in content]


def taken(kiosk):
    """What is on the kiosk's own mount, and what NetworkManager would read, each with its owner and rights."""
    places = ("/var/lib/homeward", "/run/NetworkManager/system-connections")
    return set(do(kiosk, "/usr/bin/find", *places, "-type", "f", "-printf", "%p %u %m\\n").splitlines())


@pytest.mark.red_line(8)
def test_what_the_first_boot_enrolled_brings_a_report_to_the_desk(town, tmp_path):
    with VirtualKiosk(tmp_path / "kiosk", town, KIOSK, [ASTRONAUT], new=True, pace=PACE, delivery=SOON) as kiosk:
        card = town.folder / KIOSK
        assert not list(card.rglob("tls.*"))  # it has no identity of its own yet
        assert not list(card.rglob("signing.*"))
        closed = secrets(card)
        assert found(closed, kiosk.boot_partition) == closed
        with town.mosquitto(), town.intake() as intake:
            intake.wait_for("ready", timeout=SESSION_S)
            kiosk.boot()
            words = kiosk.wait_for("six_words", timeout=BOOT_S)["words"]
            assert taken(kiosk) >= {
                "/var/lib/homeward/kiosk.toml root 644",
                "/var/lib/homeward/courier/first-boot.toml homeward-courier 600",
                "/var/lib/homeward/courier/claim.key homeward-courier 600",
                "/var/lib/homeward/wifi.nmconnection root 600",
                "/run/NetworkManager/system-connections/homeward.nmconnection root 600",
            }
            assert do(kiosk, "/usr/bin/ls", "-A", "/boot/firmware") == ""
            assert found(closed, kiosk.boot_partition) == []  # overwritten, not only deleted
            town.ok("enrol", "--words", words, *town.office)
            for program in ("kiosk", "courier"):
                kiosk.wait_for("enrolled", program=program, timeout=BOOT_S)
            kiosk.wait_for_rest()
            kiosk.wait_for("connected", program="courier", receive_maximum=100, timeout=BOOT_S)

            visitor = Visitor(kiosk)
            visitor.agree()
            record = visitor.send()
            kiosk.wait_for("receipted", record=record, timeout=SESSION_S)
            left = kiosk.machine.ask(
                "/usr/bin/find", "/var/lib/homeward/courier", "-type", "f", "-printf", "%f %u %m\n"
            )
            assert sorted(left.out.splitlines()) == [
                "enrolment-reply homeward-courier 600",  # certificates and bundle alone: the kiosk may need it again
                "tls.key homeward-courier 600",
                "tls.pem homeward-courier 640",
            ]

        at_the_intake = town.folder / "intake"
        town.desk(
            *("open", record, "--store", at_the_intake / "store.sqlite", "--trust", at_the_intake),
            *("--key", town.folder / "Amina.key", "--out", tmp_path / "opened"),
        )
    pictures = [path for path in (tmp_path / "opened").rglob("*") if path.suffix == ".jpg"]
    assert len(pictures) == 1
    with Image.open(pictures[0]) as picture:
        assert min(picture.size) > 100
    reports = [json.loads(path.read_bytes()) for path in (tmp_path / "opened").rglob("*.json")]
    assert [said["kiosk"] for said in reports] == [KIOSK]
