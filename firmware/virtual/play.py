"""`make virtual`: builds the virtual kiosk, boots it, and lets you stand before it with the keyboard as its button."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import select
import sys
import tempfile
import termios
import tty
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import LocalError
from edge_agent.wire.bundle import Holder, Recipient
from edge_agent.wire.keys import RecipientPrivateKey
from firmware.virtual import image
from firmware.virtual.cache import PROJECT
from firmware.virtual.device import VirtualKiosk
from firmware.virtual.machine import BROKER
from provisioning.children import Child, Mosquitto
from provisioning.throwaway import ThrowawayFleet

if TYPE_CHECKING:
    from collections.abc import Iterator

_HOLD_S: Final = 1.8
_LOOK_S: Final = 0.2
_LIGHTS: Final = ("button", "ready", "camera")


def main() -> None:
    """Build it; unless that was all, boot it and let it be used."""
    parser = argparse.ArgumentParser(prog="make virtual", description=__doc__)
    parser.add_argument("--build", action="store_true", help="build it and stop there")
    parser.add_argument(
        "--photo", type=Path, default=PROJECT / "models/files/astronaut.png", help="what its camera sees"
    )
    chosen = parser.parse_args()
    try:
        system = image.build()
        print(f"virtual kiosk: its system is {system} ({system.stat().st_size / 2**20:.0f} MiB)")
        with system.open("rb") as file:
            print(f"virtual kiosk: SHA-256 {hashlib.file_digest(file, 'sha256').hexdigest()}")
        if not chosen.build:
            _play(chosen.photo)
    except LocalError as fault:
        sys.exit(fault.explain())


def _play(photograph: Path) -> None:
    caseworker = RecipientPrivateKey.generate()
    with tempfile.TemporaryDirectory(prefix="homeward-virtual-") as scratch, contextlib.ExitStack() as running:
        here = Path(scratch)
        recipients = [Recipient(name="escrow", holder=Holder.ESCROW, key=caseworker.public_key.raw)]
        fleet = ThrowawayFleet(here / "fleet", recipients, broker_names=[BROKER.partition(":")[0]])
        kiosk = VirtualKiosk(here, fleet, "kiosk-1", [photograph])
        running.enter_context(kiosk)
        running.enter_context(Mosquitto(fleet.broker_settings, fleet.port))
        running.enter_context(Child.python("central.intake", "run", "--config", str(fleet.intake_settings)))
        print("virtual kiosk: power on; it is at rest in two minutes or so", flush=True)
        kiosk.boot_to_rest()
        print("virtual kiosk: at rest. Keys: p presses its button, h holds it, q cuts its power", flush=True)
        if sys.stdin.isatty():
            _stand_before(kiosk)


def _stand_before(kiosk: VirtualKiosk) -> None:
    told, lit = 0, None
    with _keys():
        while kiosk.machine is not None and kiosk.machine.running:
            if select.select([sys.stdin], [], [], _LOOK_S)[0]:
                match sys.stdin.read(1):
                    case "p":
                        kiosk.press()
                    case "h":
                        kiosk.hold(_HOLD_S)
                    case "q":
                        return
            events = kiosk.said()
            for event in events[told:]:
                print("  ", *(f"{name}={value}" for name, value in event.items()), flush=True)
            told = len(events)
            if (lights := kiosk.lights()) != lit:
                lit = lights
                print(
                    "   lights:",
                    ", ".join(name for name, on in zip(_LIGHTS, lights, strict=True) if on) or "dark",
                    flush=True,
                )


@contextlib.contextmanager
def _keys() -> Iterator[None]:
    """Read single keys from the terminal."""
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
