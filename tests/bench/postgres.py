"""The intake into PostgreSQL against bare inserts of the same rows, and two intakes against one.

A PostgreSQL of our own with its defaults (fsync on), records of 40 KB, batches of 50. The bare inserts are as fast as
we know how to make them: the intake's own two statements, with nothing verified and nobody answered. Two intakes are
two processes on the same database, each with half of the kiosks.
"""

from __future__ import annotations

import json
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from central.intake.core import MAX_BATCH, Arrival, Intake, judge
from central.store import postgres, postgres_writer
from central.trust import Floor, LiveTrust
from tests.bench.figures import Figure, at_least, main, told
from tests.bench.intake import RECORD_BYTES, Silence, seconds, take
from tests.support.postgres import INTAKE, Postgres
from tests.unit.central.world import NOW, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

OVER_BARE = 0.5
TWO_OVER_ONE = 1.7
BATCHES_A_ROUND = 10
ROUNDS = 9
BATCHES_OF_A_PROCESS = 60
RACES = 5


class Feed:
    """An intake with records to take in."""

    def __init__(self, folder: Path, place: str, carrier) -> None:
        self.fleet = Fleet()
        self.kiosk = self.fleet.add(f"kiosk-{secrets.token_hex(4)}")
        trust = LiveTrust(
            self.fleet.write_trust(folder / "trust"), Floor(), adopted=lambda _: None, refused=lambda _: None
        )
        self.registry = trust.current().registry
        self.store = postgres_writer.open_store(place)
        self.intake = Intake(self.store, trust, self.fleet.receipts, clock=lambda: NOW, carrier=carrier)

    def batches(self, count: int) -> list[list[Arrival[None]]]:
        return [
            [
                Arrival(self.kiosk.topic(), self.kiosk.next(b"\x59\xa0\x00" + secrets.token_bytes(RECORD_BYTES)), None)
                for _ in range(MAX_BATCH)
            ]
            for _ in range(count)
        ]


def insert(bare, batches) -> None:
    """The bare inserts, on the disk in the background as the intake does it."""
    with ThreadPoolExecutor(1) as disk:
        for done in [disk.submit(insert_one, bare, batch) for batch in batches]:
            done.result()


def insert_one(bare, batch) -> None:
    with bare.transaction():
        postgres_writer.insert_records(bare, batch, [None] * len(batch), NOW)
        postgres_writer.copy_sealed(bare, batch, NOW)


def against_bare(server: Postgres, folder: Path) -> Iterator[Figure]:
    bare = postgres.connect(server.conninfo(server.database(), INTAKE))
    feed = Feed(folder, server.conninfo(server.database(), INTAKE), Silence())
    rounds = []
    bare.execute("SELECT open_day(%s)", (postgres.day_of(feed.kiosk.claims().expires_at),))
    for number in range(ROUNDS + 1):  # the first warms both up
        batches = feed.batches(BATCHES_A_ROUND)
        rows = [[judge(arrival.topic, arrival.payload, feed.registry) for arrival in batch] for batch in batches]
        if number % 2:
            bare_s, intake_s = seconds(insert, bare, rows), seconds(take, feed.intake, batches)
        else:
            intake_s, bare_s = seconds(take, feed.intake, batches), seconds(insert, bare, rows)
        if number:
            rounds.append((bare_s, intake_s))
    feed.store.close()
    bare.close()
    records = MAX_BATCH * BATCHES_A_ROUND
    yield told("PostgreSQL: bare inserts", records / statistics.median(b for b, _ in rounds), "records/s")
    yield told("PostgreSQL: verify, commit, receipt", records / statistics.median(i for _, i in rounds), "records/s")
    ratio = statistics.median(b / i for b, i in rounds)
    yield at_least("intake over bare inserts, PostgreSQL", ratio, OVER_BARE, "ratio")


def race(place: str, intakes: int) -> float:
    """Let so many processes take records in at once; return how many records a second they took together."""
    here = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.bench.postgres", "--process", place],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(intakes)
    ]
    for process in here:
        assert process.stdout
        process.stdout.readline()  # it has sealed its records
    for process in here:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    spans = [json.loads(process.communicate()[0]) for process in here]
    records = intakes * BATCHES_OF_A_PROCESS * MAX_BATCH
    return records / (max(end for _, end in spans) - min(begin for begin, _ in spans))


def be_a_process(place: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        feed = Feed(Path(folder), place, Silence())
        batches = feed.batches(BATCHES_OF_A_PROCESS)
        print("ready", flush=True)
        sys.stdin.readline()
        begin = time.monotonic()
        take(feed.intake, batches)
        print(json.dumps([begin, time.monotonic()]), flush=True)
        feed.store.close()


def two_against_one(server: Postgres) -> Iterator[Figure]:
    rates = []
    for number in range(RACES):
        order = (1, 2) if number % 2 else (2, 1)
        rates.append({count: race(server.conninfo(server.database(), INTAKE), count) for count in order})
    yield told("PostgreSQL: one intake", statistics.median(r[1] for r in rates), "records/s")
    yield told("PostgreSQL: two intakes", statistics.median(r[2] for r in rates), "records/s")
    ratio = statistics.median(r[2] / r[1] for r in rates)
    yield at_least("two intakes over one", ratio, TWO_OVER_ONE, "ratio")


def measure_all() -> Iterator[Figure]:
    with Postgres() as server, tempfile.TemporaryDirectory() as folder:
        yield from against_bare(server, Path(folder))
        yield from two_against_one(server)


def begin(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--process"]:
        be_a_process(arguments[1])
    else:
        main("The intake into PostgreSQL against bare inserts, and two against one.", measure_all)


if __name__ == "__main__":
    begin(sys.argv[1:])
