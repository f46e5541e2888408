"""The intake into PostgreSQL against bare inserts of the same rows, and two intakes against one.

A PostgreSQL of our own with its defaults (fsync on), records of 40 KB, batches of 50. The bare inserts are as fast as
we know how to make them: the intake's own two statements, with nothing verified and nobody answered. Two intakes are
two processes on the same database, each with half of the kiosks.

Two pairs race. One has both cores to itself, as an intake in service: what the wall clock then gains is all that the
machine has left. The other has a core for each: an intake and its backend share one and the same, alone or beside a
second pair on the next, so that two have exactly twice of what one has.

One intake and its backend keep more than one core busy, so on a machine with two cores the wall clock can't show two of
them to be much faster. How fast they could be there, two figures say, taken in the same races: what two bare inserters
reach over one, and the cores that are here over those that one intake keeps busy. What the wall clock can't show, two
others do: what a record costs in processor time with one and with two intakes, and how often the backend of one was
found waiting for a lock that the other had.
"""

from __future__ import annotations

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from central.intake.core import MAX_BATCH, Arrival, Intake, judge
from central.store import postgres, postgres_rows, postgres_writer
from central.trust import Floor, LiveTrust
from tests.bench.figures import Figure, at_least, main, told
from tests.bench.intake import RECORD_BYTES, Silence, seconds, take
from tests.bench.sessions import cpu_s
from tests.support.postgres import INTAKE, Postgres
from tests.unit.central.world import NOW, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    Racer = tuple[str, int, str]

OVER_BARE = 0.5
TWO_OVER_ONE = 1.7
BATCHES_A_ROUND = 10
ROUNDS = 9
BATCHES_OF_A_PROCESS = 60
RACES = 5
LOOK_S = 0.01
BUSY = "SELECT wait_event_type FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
LOCKS = ("Lock", "LWLock", "BufferPin")  # PostgreSQL's own names for what somebody else holds


INTAKES, INSERTERS = "intake", "bare"  # who takes part in a race
ANYWHERE, PINNED = "anywhere", "pinned"  # and where: pinned, each has a core of its own, with its backend
RACERS: dict[Racer, str] = {
    (INTAKES, 1, ANYWHERE): "one intake",
    (INTAKES, 2, ANYWHERE): "two intakes",
    (INSERTERS, 1, ANYWHERE): "one bare inserter",
    (INSERTERS, 2, ANYWHERE): "two bare inserters",
    (INTAKES, 1, PINNED): "one intake on one core",
    (INTAKES, 2, PINNED): "two intakes, a core each",
    (INSERTERS, 1, PINNED): "one bare inserter on one core",
    (INSERTERS, 2, PINNED): "two bare inserters, a core each",
}


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
        postgres_rows.insert_records(bare, batch, [None] * len(batch), NOW)
        postgres_rows.copy_sealed(bare, batch, NOW)


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


@dataclass
class Race:
    """What so many did at once: records a second, processor seconds a record, looks and what was seen."""

    rate: float
    cores: float  # busy with them and their backends
    cpu_s: float  # of a record, its process's and its backend's
    looks: int  # at a backend that was busy
    locked: int  # of these, waiting for a lock of another's


def race(place: str, who: str, count: int, where: str) -> Race:
    """Let so many processes take records in at once, as intakes or as bare inserters."""
    cores = sorted(os.sched_getaffinity(0))
    here = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "tests.bench.postgres", "--process", who, place),
                *([str(cores[number % len(cores)])] if where == PINNED else []),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(count)
    ]
    for process in here:
        assert process.stdout
        process.stdout.readline()  # it has sealed its records
    for process in here:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    seen = look(place, here)
    spans = [json.loads(process.communicate()[0]) for process in here]
    records = count * BATCHES_OF_A_PROCESS * MAX_BATCH
    wall_s = max(end for _, end, _ in spans) - min(begin for begin, _, _ in spans)
    busy_s = sum(used_s for _, _, used_s in spans)
    locked = sum(count for kind, count in seen.items() if kind in LOCKS)
    return Race(records / wall_s, busy_s / wall_s, busy_s / records, sum(seen.values()), locked)


def look(place: str, here: Sequence[subprocess.Popen[str]]) -> Counter[str | None]:
    """Look again and again what the backends wait for, until the first process is done."""
    seen: Counter[str | None] = Counter()
    with psycopg.connect(place, autocommit=True) as connection:
        while all(process.poll() is None for process in here):
            seen.update(kind for (kind,) in connection.execute(BUSY))
            time.sleep(LOOK_S)
    return seen


def be_a_process(who: str, place: str, core: str | None = None) -> None:
    if core is not None:
        os.sched_setaffinity(0, {int(core)})  # its threads, which are not there yet, keep to it too
    with tempfile.TemporaryDirectory() as folder:
        feed = Feed(Path(folder), place, Silence())
        batches = feed.batches(BATCHES_OF_A_PROCESS)
        connection = feed.store._connection
        if core is not None:
            os.sched_setaffinity(connection.info.backend_pid, {int(core)})
        work = partial(take, feed.intake, batches)
        if who == INSERTERS:
            connection.execute("SELECT open_day(%s)", (postgres.day_of(feed.kiosk.claims().expires_at),))
            rows = [[judge(arrival.topic, arrival.payload, feed.registry) for arrival in batch] for batch in batches]
            work = partial(insert, connection, rows)
        print("ready", flush=True)
        sys.stdin.readline()
        begin, used_before_s = time.monotonic(), time.process_time() + cpu_s(connection.info.backend_pid)
        work()
        end, used_s = time.monotonic(), time.process_time() + cpu_s(connection.info.backend_pid) - used_before_s
        print(json.dumps([begin, end, used_s]), flush=True)
        feed.store.close()


def a_while_old(server: Postgres) -> str:
    """Make a new database, on a server that has its log's files from the race before, as one that has run for days."""
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as owner:
        owner.execute("CHECKPOINT")
    return server.conninfo(server.database(), INTAKE)


def two_against_one(server: Postgres) -> Iterator[Figure]:
    races = []
    for number in range(RACES + 1):  # the first warms it up
        order = list(reversed(RACERS)) if number % 2 else list(RACERS)
        races.append({racer: race(a_while_old(server), *racer) for racer in order})
    races = races[1:]
    for of, name in RACERS.items():
        yield told(f"PostgreSQL: {name}", statistics.median(r[of].rate for r in races), "records/s")
        yield told(f"PostgreSQL: busy with {name}", _cores(races, of), "cores")
    yield at_least("two intakes over one", _gain(races, INTAKES, ANYWHERE), TWO_OVER_ONE, "ratio")
    yield at_least("two intakes over one, a core each", _gain(races, INTAKES, PINNED), TWO_OVER_ONE, "ratio")
    machine = "what this machine allows"
    yield told(f"{machine}: two bare inserters over one", _gain(races, INSERTERS, ANYWHERE), "ratio")
    yield told(f"{machine}: two bare inserters over one, a core each", _gain(races, INSERTERS, PINNED), "ratio")
    one, two = (INTAKES, 1, ANYWHERE), (INTAKES, 2, ANYWHERE)
    cores = len(os.sched_getaffinity(0))
    yield told(f"{machine}: its cores over those one intake keeps busy", cores / _cores(races, one), "ratio")
    yield told("cores that are here", cores, "cores")
    for where, how in ((ANYWHERE, ""), (PINNED, ", a core each")):
        work = statistics.median(r[INTAKES, 2, where].cpu_s / r[INTAKES, 1, where].cpu_s for r in races)
        yield told(f"a record's processor time, two intakes over one{how}", work, "ratio")
    for of in (two, (INSERTERS, 2, ANYWHERE)):
        locked = sum(r[of].locked for r in races) / sum(r[of].looks for r in races)
        yield told(f"{RACERS[of]}: a busy backend waits for the other's lock", 100 * locked, "% of looks")


def _gain(races: Sequence[Mapping[Racer, Race]], who: str, where: str) -> float:
    return statistics.median(r[who, 2, where].rate / r[who, 1, where].rate for r in races)


def _cores(races: Sequence[Mapping[Racer, Race]], of: Racer) -> float:
    return statistics.median(r[of].cores for r in races)


def measure_all() -> Iterator[Figure]:
    with Postgres() as server, tempfile.TemporaryDirectory() as folder:
        yield from against_bare(server, Path(folder))
        yield from two_against_one(server)


def begin(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--process"]:
        be_a_process(*arguments[1:])
    else:
        main("The intake into PostgreSQL against bare inserts, and two against one.", measure_all)


if __name__ == "__main__":
    begin(sys.argv[1:])
