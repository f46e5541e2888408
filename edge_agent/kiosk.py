"""homeward-kiosk: the program that meets people. It has the camera, the signing key and public keys; it has no network.

Here its parts meet. `serving` is a run, `readiness` what keeps it from taking a report, `checkup` what staff ask first.
"""

from __future__ import annotations

import argparse
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent import checkup, config
from edge_agent.darkroom import Darkroom
from edge_agent.enrolment import certificates, kiosk_side
from edge_agent.enrolment.renewal import SigningRenewal
from edge_agent.errors import HomewardError
from edge_agent.events import emit
from edge_agent.files import read_signer
from edge_agent.hardware.clock import SystemClock
from edge_agent.hardware.parts import open_parts
from edge_agent.hardware.process import keep_large_blocks_apart, keep_memory_private, keep_memory_small
from edge_agent.hardware.watchdog import SystemdWatchdog
from edge_agent.health import HealthFile
from edge_agent.orders import StandingOrders, ordered_to_wipe
from edge_agent.outbox import Limits, Outbox
from edge_agent.reporting import Reporter, check_ordered_notice
from edge_agent.serving import Kiosk
from edge_agent.stopping import end_by_signals
from edge_agent.trust import TrustFile
from edge_agent.wire.orders import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edge_agent.config import KioskSettings
    from edge_agent.ports import Clock
    from edge_agent.screen.screen import Screen
    from edge_agent.session.notice import Notice

_BEAT_S: Final = 1.0  # a wiped kiosk still has to tell the watchdog that it is well


def _run(settings: KioskSettings) -> int:
    """Run until stopped; each time that orders come into force, by them from then on."""
    keep_memory_small()
    if not keep_memory_private():
        emit("memory_not_locked")  # so swap must be off
    stopping = threading.Event()
    end_by_signals(stopping)
    key = Path(settings.signing_key)
    if not ordered_to_wipe(key) and not _enrol(settings, stopping):
        return 0
    trust = TrustFile(settings.trust, settings.bundle_floor, settings.delivered_bundle)
    orders = StandingOrders(settings, trust, key, check_ordered_notice)
    while not stopping.is_set() and orders.mode is not Mode.WIPE:
        checkup.check_informs(settings)
        _serve(orders.applied(settings), trust, orders, stopping)
    if orders.mode is Mode.WIPE:
        _wiped(settings, stopping)
    return 0


def _serve(settings: KioskSettings, trust: TrustFile, orders: StandingOrders, stopping: threading.Event) -> None:
    """Serve people until stopped, or until there are new orders."""
    keep_large_blocks_apart()  # loading models and opening the camera takes many that are soon freed
    clock = SystemClock()
    signer = read_signer(Path(settings.signing_key))
    outbox = Outbox(settings.outbox_file, Limits(**msgspec.structs.asdict(settings.outbox)))  # without it we say no
    try:
        parts = open_parts(settings)
        reporter = Reporter(settings, clock, signer, trust, outbox, orders.notice)
        display = _open_display(settings, clock, lambda: reporter.notices)
        shown = () if display is None else (display,)
        parts = replace(parts, presenters=(*shown, *parts.presenters))
        darkroom = Darkroom(clock, parts.open_camera, lambda: checkup.open_finder(settings), shown)
        health = HealthFile(settings.health_file, signer, clock)
        renewal = SigningRenewal(settings, signer, trust.root, orders.authorities)
        kiosk = Kiosk(settings, clock, parts, darkroom, reporter, outbox, health, orders, renewal, display)

        end_by_signals(stopping, kiosk.stop)
        kiosk.run(SystemdWatchdog())
    finally:
        outbox.close()


def _enrol(settings: KioskSettings, stopping: threading.Event) -> bool:
    """Begin with enrolment where there is no signing key yet; say whether there is one now."""
    if not kiosk_side.needed(settings):
        return True
    screen = _open_display(settings, SystemClock(), lambda: checkup.notices(settings))
    try:
        show = None if screen is None else screen.wait_for_staff
        return kiosk_side.FirstBoot(settings, show).run(SystemdWatchdog(), stopping.wait)
    finally:
        if screen is not None:
            screen.close()


def _wiped(settings: KioskSettings, stopping: threading.Event) -> None:
    """Erase the signing key, and wait to be switched off. What waits in the outbox is sealed, and stays."""
    key = Path(settings.signing_key)
    gone = [certificates.erase(path) for path in (key, certificates.next_to(key))]
    emit("wiped", program="kiosk", erased=all(gone))
    while not stopping.wait(_BEAT_S):
        SystemdWatchdog().beat("wiped")


def _open_display(settings: KioskSettings, clock: Clock, notices: Callable[[], Mapping[str, Notice]]) -> Screen | None:
    """Serve the page, if settings name one; its libraries are loaded only then."""
    if settings.screen is None:
        return None
    from edge_agent.screen.screen import Screen  # noqa: PLC0415
    from edge_agent.vision.crop import GUIDE  # noqa: PLC0415

    return Screen(
        clock,
        Path(settings.screen.url_file),
        settings.screen.port,
        notices,
        (GUIDE.x, GUIDE.y, GUIDE.w, GUIDE.h),
    )


_COMMANDS: Final[dict[str, Callable[[KioskSettings], int]]] = {
    "run": _run,
    "check": checkup.check,
    "voices": checkup.voices,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the kiosk, check its set-up, or record what it says."""
    parser = argparse.ArgumentParser(prog="homeward-kiosk", description="Takes consented reports at a kiosk.")
    parser.add_argument(
        "command", choices=tuple(_COMMANDS), help="serve people, look for problems, or record what is not recorded yet"
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="the kiosk's settings, TOML")
    chosen = parser.parse_args(arguments)
    try:
        settings = config.load(chosen.config)
        return _COMMANDS[chosen.command](settings)
    except HomewardError as fault:
        sys.stderr.write(f"homeward-kiosk: {fault.explain()}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
