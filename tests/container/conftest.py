from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from provisioning.children import Child
from provisioning.throwaway import ThrowawayFleet
from tests.container import debian
from tests.container.debian import PROJECT, Debian
from tests.system.test_nothing_plain_on_disk import ASTRONAUT, SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DATA = "/var/lib/homeward"
CARD = "/boot/firmware/homeward"
KEYS = {"signing.key": "kiosk", "tls.key": "courier", "tls.pem": "courier"}  # file by file, whose it is


@pytest.fixture(scope="session", autouse=True)
def _a_container_can_run() -> None:
    if reason := debian.why_not():
        pytest.skip(reason)


@dataclass(frozen=True)
class Installed:
    """A Debian that firmware/install has made a kiosk, which a fleet knows and a simulated child stands before."""

    system: Debian
    fleet: ThrowawayFleet
    caseworker: RecipientPrivateKey


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Install, place the kiosk's files as its card and enrolment would, and start everything."""
    folder = tmp_path_factory.mktemp("fleet")
    folder.parent.chmod(0o755)
    caseworker = RecipientPrivateKey.generate()
    fleet = ThrowawayFleet(folder, [Recipient(name="escrow", holder=Holder.ESCROW, key=caseworker.public_key.raw)])
    with Debian("installed", [folder]) as system:
        system.run(str(PROJECT / "firmware/install"), "--wheels", str(debian.wheels()))
        put_in_place(system, fleet.add_kiosk("kiosk-1", [ASTRONAUT], pace="hold_s = 0.3"))
        broker = system.network_of("/usr/sbin/mosquitto", "-c", str(fleet.broker_settings))
        intake = [sys.executable, "-m", "central.intake", "run", "--config", str(fleet.intake_settings)]
        with Child("mosquitto", broker), Child("intake", system.network_of(*intake)):
            units = ("firewall", "first-boot", "courier", "kiosk")
            system.run("systemctl", "start", *(f"homeward-{name}" for name in units))
            yield Installed(system, fleet, caseworker)


def put_in_place(system: Debian, made: Path) -> None:
    """Put a card before the kiosk as the fleet makes it, and the keys as if the kiosk had been enrolled by hand."""
    settings = (made / "kiosk.toml").read_text(encoding="utf-8")
    for name, owner in KEYS.items():
        settings = settings.replace(f'"{name}"', f'"{owner}/{name}"')
    (made / "kiosk.toml").write_text(settings.replace(str(ASTRONAUT), "photograph.png"), encoding="utf-8")
    (made / "script.toml").write_text(SCRIPT, encoding="utf-8")
    (made / "machine.toml").write_text('time_zone = "Asia/Urumqi"\nnetwork = "ethernet"\n', encoding="utf-8")
    shutil.copy(ASTRONAUT, made / "photograph.png")
    (made / "courier").mkdir()
    for name in ("tls.key", "tls.pem"):
        (made / name).rename(made / "courier" / name)
    system.run("install", "-m", "600", "-o", "homeward-kiosk", str(made / "signing.key"), f"{DATA}/kiosk/signing.key")
    (made / "signing.key").unlink()
    system.run("mkdir", "-p", "/boot/firmware")
    system.run("cp", "-r", str(made), CARD)
