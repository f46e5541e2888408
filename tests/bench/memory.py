"""The intake's memory over 100,000 records: what it holds after 100,000 beside what it held after 20,000."""

from __future__ import annotations

import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from central.intake.core import MAX_BATCH, Arrival, Intake
from central.store import sqlite_writer
from central.trust import Floor, LiveTrust
from tests.bench.figures import Figure, at_most, main, told
from tests.bench.intake import Silence
from tests.unit.central.world import NOW, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDS, WARM = 100_000, 20_000
FLAT = 1.05
BYTES = 1000  # of a report: what grows with records would grow with small ones too


def report() -> bytes:
    return b"\x59\x03\xe8" + secrets.token_bytes(BYTES)


def measure_all() -> Iterator[Figure]:
    fleet = Fleet()
    kiosk = fleet.add("kiosk-1")
    this = psutil.Process()
    with tempfile.TemporaryDirectory() as folder:
        files = fleet.write_trust(Path(folder) / "trust")
        trust = LiveTrust(files, Floor(), adopted=lambda _: None, refused=lambda _: None)
        with sqlite_writer.open_store(Path(folder) / "store") as store:
            intake = Intake(store, trust, fleet.receipts, clock=lambda: NOW, carrier=Silence())
            warm = 0
            for taken in range(0, RECORDS, MAX_BATCH):
                if taken == WARM:
                    warm = this.memory_info().rss
                intake.take([Arrival(kiosk.topic(), kiosk.next(report()), None) for _ in range(MAX_BATCH)])
            intake.settle()
            full = this.memory_info().rss
    yield told("memory after 20,000 records", warm / 1e6, "MB")
    yield told("memory after 100,000 records", full / 1e6, "MB")
    yield at_most("memory, 100,000 over 20,000 records", full / warm, FLAT, "ratio")


if __name__ == "__main__":
    main("The intake's memory over 100,000 records.", measure_all)
