"""`python -m tests.virtual.figures`: what the virtual kiosk measures, each figure beside what was promised.

Sizes, memory and instructions are the device's; times are those of an emulated machine, and say what to expect of it.
"""

from __future__ import annotations

import re
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from firmware.virtual import image
from firmware.virtual.device import BOOT_S, VirtualKiosk
from firmware.virtual.machine import BROKER
from tests.bench.figures import Figure, at_most, main, told
from tests.support.live import LiveFleet
from tests.virtual import instructions
from tests.virtual.conftest import ASTRONAUT, KIOSK
from tests.virtual.guest import look
from tests.virtual.visitor import PACE, SESSION_S, Visitor

if TYPE_CHECKING:
    from collections.abc import Iterator

REPORTS = 2
WRITTEN_BACK_S = 45  # Linux does it after 30, and looks every 5
MIB = 2**20
PROGRAMS = ("kiosk", "courier")
READY = re.compile(r"\[ *([\d.]+)\] homeward-kiosk\[\d+\]: .*\"ready\"")


def rows() -> Iterator[Figure]:
    """Build it, boot it, send reports, and count."""
    yield told("image", image.build().stat().st_size / MIB, "MiB")
    with (
        tempfile.TemporaryDirectory() as scratch,
        LiveFleet(Path(scratch, "fleet"), broker_names=[BROKER.partition(":")[0], "127.0.0.1"]) as live,
        VirtualKiosk(Path(scratch, "kiosk"), live.fleet, KIOSK, [ASTRONAUT], pace=PACE) as kiosk,
    ):
        live.broker()
        live.intake()
        kiosk.boot_to_rest()
        kiosk.wait_for("connected", program="courier", timeout=BOOT_S)
        began = READY.search(kiosk.console())
        assert began
        yield told("from power-on to rest, by the guest's clock", float(began[1]), "s")
        for name in PROGRAMS:
            yield told(f"memory of the {name}'s unit at rest", memory(kiosk, name, "current") / MIB, "MiB")
            for kind, what in (("anon", "its own"), ("file", "pages of files, which Linux may drop")):
                yield told(f"memory of the {name}'s unit at rest: {what}", memory(kiosk, name, kind) / MIB, "MiB")
        yield from written(live, kiosk)
        for name in PROGRAMS:
            yield told(f"memory of the {name}'s unit at most", memory(kiosk, name, "peak") / MIB, "MiB")
    yield told("instructions of one face search", instructions.count() / 1e6, "million")


def memory(kiosk: VirtualKiosk, program: str, what: str) -> int:
    """Bytes that a unit's control group counts: `current`, `peak`, or a line of its memory.stat."""
    group = f"/sys/fs/cgroup/system.slice/homeward-{program}.service"
    if what in {"current", "peak"}:
        return int(look(kiosk, "/usr/bin/cat", f"{group}/memory.{what}"))
    stat = dict(line.split() for line in look(kiosk, "/usr/bin/cat", f"{group}/memory.stat").splitlines())
    return int(stat[what])


def written(live: LiveFleet, kiosk: VirtualKiosk) -> Iterator[Figure]:
    """Count what reaches the card while reports come, one after the other, and go: all of it, whoever writes.

    The file system's own journal is in it. Each is brought to its end before the next, until Linux has written all.
    """
    time.sleep(WRITTEN_BACK_S)
    before = kiosk.card.written
    for _ in range(REPORTS):
        visitor = Visitor(kiosk)
        visitor.agree()
        record = visitor.send()
        kiosk.wait_for("receipted", record=record, timeout=SESSION_S)
        visitor.leave()
        time.sleep(WRITTEN_BACK_S)
    with live.store() as store:
        size = sum(len(store.sealed(record_id) or b"") for record_id, _ in live.stored()) / REPORTS
    each = (kiosk.card.written - before) / REPORTS
    yield told("a record's size", size, "bytes")
    yield told("written to the card per report", each, "bytes")
    yield at_most("written to the card per report over the record's size", each / size, 2.0, "ratio")


if __name__ == "__main__":
    main(__doc__ or "", rows)
