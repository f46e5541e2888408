"""`python -m tests.virtual.instructions`: how many instructions one face search takes on the device's processor.

QEMU lets one nanosecond pass with each instruction (`-icount shift=0`), so processor time in the guest counts them, its
kernel's in between included. One processor runs, and none of our own programs beside the one that counts.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
import time
from pathlib import Path
from statistics import median

from edge_agent.errors import LocalError
from firmware.virtual.device import BOOT_S, VirtualKiosk
from firmware.virtual.machine import BROKER
from tests.support.live import LiveFleet
from tests.virtual.conftest import ASTRONAUT, KIOSK

ALONE = "maxcpus=1 systemd.mask=homeward-kiosk.service systemd.mask=homeward-courier.service"
COUNTING = ("-icount", "shift=0,sleep=off", "-append", f"ro quiet console=ttyAMA0 panic=5 {ALONE}")
SEARCH = """
import json, time
from pathlib import Path
import models
from edge_agent.vision import finder, manifest
from edge_agent.vision.photograph import as_frame, load
search = finder.load_detector("united", manifest.load()).find
small = as_frame(load(Path(models.__path__[0]) / "files/astronaut.png")).small
counts = []
for _ in range(6):
    before = time.process_time_ns()
    faces = len(search(small).faces)
    counts.append(time.process_time_ns() - before)
print(json.dumps({"faces": faces, "instructions": counts[1:]}))
"""


def count() -> float:
    """Boot one, and let it count; give the median. Raises SystemExit when the guest doesn't."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        LiveFleet(Path(scratch, "fleet"), broker_names=[BROKER.partition(":")[0]]) as live,
        VirtualKiosk(Path(scratch, "kiosk"), live.fleet, KIOSK, [ASTRONAUT]) as kiosk,
    ):
        machine = kiosk.boot(*COUNTING)
        deadline = time.monotonic() + BOOT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError, LocalError):  # it does not answer yet
                done = machine.run("/opt/homeward/bin/python", "-c", SEARCH)
                if done.status:
                    raise SystemExit(done.errors)
                told = json.loads(done.out)
                assert told["faces"] == 1
                return median(told["instructions"])
    raise SystemExit("the guest does not answer")


if __name__ == "__main__":
    print(count())
