"""Large fleets for benchmarks, made in one go: kiosks that are added, in service, heard, silent, full and hot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from edge_agent.wire import registry
from edge_agent.wire.fields import ClockQuality
from edge_agent.wire.keys import SoftwareSigner
from provisioning.fleet import Certificate, Claim, Hardware, Kiosk, Network, Plan, Site
from provisioning.fleet_directory import FleetDirectory
from provisioning.fleet_view import RollFile, Seen, View
from provisioning.office import Office
from provisioning.terminal import system_clock
from tests.unit.provisioning.world import OFFICE, Staff

if TYPE_CHECKING:
    from pathlib import Path


def fleet_of(folder: Path, count: int) -> Path:
    """Make a fleet of so many kiosks at once, two of three in service, each heard; give its folder."""
    folder.mkdir()
    staff = Staff(folder, now=system_clock())
    staff.begin()
    staff.prove()
    directory = FleetDirectory(staff.fleet)
    keys = Office(directory, "bench", staff.now).keys(OFFICE)
    with directory.act("bench", staff.now) as act:
        kiosks = [_kiosk(number, staff.now) for number in range(count)]
        registered = [
            registry.RegisteredKey(kiosk=kiosk.plan.id, key=SoftwareSigner.generate().public_key)
            for kiosk in kiosks
            if kiosk.claim.used_at is not None
        ]
        content = msgspec.structs.replace(act.state.registered, version=2, keys=registered)
        signed = registry.sign(content, keys.orders)
        state = act.commit(msgspec.structs.replace(act.state, kiosks=kiosks, registry=signed), "bench", {})
    heard = [_seen(number, kiosk, staff.now) for number, kiosk in enumerate(state.kiosks)]
    RollFile(staff.fleet / "roll.json").write(View(at=staff.now, seen=[one for one in heard if one is not None]))
    return staff.fleet


def _kiosk(number: int, now: int) -> Kiosk:
    name = f"kiosk-{number:05}"
    site = Site(
        id=name, name=f"Station {number}", latitude=43.8, longitude=87.6, accuracy_m=50, area=f"Area {number % 90}"
    )
    plan = Plan(
        id=name,
        site=site,
        languages=["ug", "zh", "en"],
        time_zone="Asia/Urumqi",
        hardware=Hardware.RASPBERRY_PI,
        network=Network.CELLULAR,
    )
    claim = Claim(
        id=f"claim-{number:016x}",
        certificate=Certificate(serial=f"{number + 1:x}", not_after=now + 86_400),
        used_at=now if number % 3 else None,
    )
    held = [Certificate(serial=f"{number + 100_000:x}", not_after=now + 90 * 86_400)]
    return Kiosk(plan=plan, added_at=now, claim=claim, certificates=held)


def _seen(number: int, kiosk: Kiosk, now: int) -> Seen | None:
    """What a kiosk in service last said; one of nine is silent, one of seven is full, one of eleven runs hot."""
    if kiosk.claim.used_at is None:
        return None
    return Seen(
        kiosk=kiosk.plan.id,
        at=now - (7200 if number % 9 == 0 else number % 300),
        online=number % 9 != 0,
        version="1.0",
        backlog=number % 4,
        backlog_bytes=number % 4 * 40_000,
        refused=0,
        missing=0,
        free_bytes=(100 if number % 7 == 0 else 9000) * 1024 * 1024,
        temperature_c=85.0 if number % 11 == 0 else 51.5,
        ready=True,
        clock=ClockQuality.SYNCHRONISED,
        orders_version=0,
        bundle_version=1,
        models=["0a1b2c3d", "4e5f6071"],
    )
