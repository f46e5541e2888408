"""The intake's core against bare inserts: verify, commit and receipt, beside nothing but the same rows.

The bare inserts are as fast as we know how to make them: the store's own rows, with nothing looked up first.
Both write records of 40 KB in batches of 50 into a SQLite file with WAL and synchronous=FULL on the same disk, round by
round in turn.
"""

from __future__ import annotations

import secrets
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from central.intake.core import MAX_BATCH, Arrival, Intake, judge
from central.store import sqlite, sqlite_writer
from central.store.port import Sealed
from central.trust import Floor, LiveTrust
from tests.bench.figures import Figure, at_least, main, told
from tests.unit.central.world import NOW, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator

PROMISE = 0.5
RECORD_BYTES = 40_960
BATCHES_A_ROUND = 10
ROUNDS = 9


class Silence:
    """A carrier that costs nothing: the network is no part of this figure."""

    def publish(self, letters):
        assert len(letters) == 1  # of one kiosk

    def acknowledge(self, arrivals):
        assert len(arrivals) == MAX_BATCH


@dataclass
class Round:
    """Seconds that the same records took."""

    bare_s: float
    intake_s: float


def measure(folder: Path, rounds: int) -> list[Round]:
    fleet = Fleet()
    kiosk = fleet.add("kiosk-1")
    trust = LiveTrust(fleet.write_trust(folder / "trust"), Floor(), adopted=lambda _: None, refused=lambda _: None)
    registry = trust.current().registry
    bare = sqlite.connect(folder / "bare.sqlite")  # the same tables and indexes
    measured = []
    with sqlite_writer.open_store(folder / "intake.sqlite") as store:
        intake = Intake(store, trust, fleet.receipts, clock=lambda: NOW, carrier=Silence())
        for number in range(rounds + 1):  # the first warms both up
            batches = [
                [
                    Arrival(kiosk.topic(), kiosk.next(b"\x59\xa0\x00" + secrets.token_bytes(RECORD_BYTES)), None)
                    for _ in range(MAX_BATCH)
                ]
                for _ in range(BATCHES_A_ROUND)
            ]
            rows = [[row(arrival, registry) for arrival in batch] for batch in batches]
            if number % 2:
                bare_s, intake_s = seconds(insert, bare, rows), seconds(take, intake, batches)
            else:
                intake_s, bare_s = seconds(take, intake, batches), seconds(insert, bare, rows)
            if number:
                measured.append(Round(bare_s, intake_s))
    bare.close()
    return measured


def seconds(run, *given):
    start = time.perf_counter()
    run(*given)
    return time.perf_counter() - start


def row(arrival, registry):
    entry = judge(arrival.topic, arrival.payload, registry)
    assert isinstance(entry, Sealed)
    return sqlite_writer.row_of(entry, NOW)


def insert(bare, rows):
    one = sqlite_writer.insertion(1)  # nobody waits for Python's lock here: row by row is a little faster
    for batch in rows:
        bare.execute("BEGIN IMMEDIATE")
        bare.executemany(one, batch)
        bare.execute("COMMIT")


def take(intake, batches):
    for batch in batches:
        intake.take(batch)
    intake.settle()


def measure_all() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        rounds = measure(Path(folder), ROUNDS)
    records = MAX_BATCH * BATCHES_A_ROUND
    yield told("intake: verify, commit, receipt", records / statistics.median(r.intake_s for r in rounds), "records/s")
    yield told("intake: bare inserts", records / statistics.median(r.bare_s for r in rounds), "records/s")
    ratio = statistics.median(r.bare_s / r.intake_s for r in rounds)
    yield at_least("intake over bare inserts", ratio, PROMISE, "ratio")


if __name__ == "__main__":
    main("The intake's core against bare inserts.", measure_all)
