"""The console's fleet page with 10,000 kiosks: the real server, asked over HTTP, page by page and by search.

It is measured beside the same page of a fleet of ten, so that what the size costs can be told from what any page costs.
"""

from __future__ import annotations

import contextlib
import http.client
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from edge_agent.wire import registry
from edge_agent.wire.keys import SoftwareSigner
from provisioning.fleet import Certificate, Claim, Hardware, Kiosk, Network, Plan, Site
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Office
from provisioning.terminal import system_clock
from tests.bench.figures import Figure, at_most, main, told
from tests.support.console import RunningConsole
from tests.unit.provisioning.world import OFFICE, Staff

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY, FEW = 10_000, 10
USABLE_S = 1.0  # what people take for an answer without a wait; Nielsen, Usability Engineering, 1993, ch. 5
ASKED = 15
PAGES = {
    "the first page": "/",
    "the last page": "/?page=200",
    "a search": "/?q=station+77",
    "one state": "/?state=in+service",
    "one kiosk": "/kiosks/kiosk-00007",
}


def fleet_of(folder: Path, count: int) -> Path:
    """Make a fleet of so many kiosks at once, two of three in service; give its folder."""
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
        act.commit(msgspec.structs.replace(act.state, kiosks=kiosks, registry=signed), "bench", {})
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


class Visitor:
    """A browser that was let in, as far as HTTP goes."""

    def __init__(self, console: RunningConsole) -> None:
        self._address = urlsplit(console.origin)
        _, headers = self._get(urlsplit(console.link).path)
        self._cookie = headers["set-cookie"].partition(";")[0]

    def seconds(self, path: str) -> float:
        """How long a page takes, until its last byte."""
        began = time.perf_counter()
        content, _ = self._get(path, Cookie=self._cookie)
        took = time.perf_counter() - began
        assert b"</html>" in content
        return took

    def _get(self, path: str, **more: str) -> tuple[bytes, dict[str, str]]:
        headers = {"Host": self._address.netloc, "Sec-Fetch-Site": "none", **more}
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self._address.port)) as connection:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            return answer.read(), dict(answer.getheaders())


def figures() -> Iterator[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        RunningConsole(fleet_of(Path(folder) / "many", MANY)) as many,
        RunningConsole(fleet_of(Path(folder) / "few", FEW)) as few,
    ):
        large, small = Visitor(many), Visitor(few)
        floor = [small.seconds("/") for _ in range(ASKED)]
        for name, path in PAGES.items():
            taken = [large.seconds(path) for _ in range(ASKED)]
            yield at_most(f"{name} of {MANY:,} kiosks, median", statistics.median(taken), USABLE_S, "s")
        yield told(f"the first page of {FEW} kiosks, median", statistics.median(floor), "s")


if __name__ == "__main__":
    main(__doc__, figures)
