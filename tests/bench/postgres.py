"""The intake into PostgreSQL against bare inserts of the same rows, and two intakes against one.

A PostgreSQL of our own, set up as central/deploy/README.md says (fsync on), records of 40 KB, batches of 50. The bare
inserts are as fast as we know how to make them: the intake's own two statements, with nothing verified and nobody
answered.

Then one takes all records of two kiosks into an empty database, or two take a kiosk's each, at once: the same records
in every race. Two pairs race. One has every core to itself, as an intake in service: what the wall clock then gains is
all that the machine has left. The other has a core for each: an intake and its backend share one and the same, the
server's other processes and our own looking keep to the cores of the race, so that two have exactly twice of what one
has.

What a machine could give at all is measured in the same races: two bare inserters against one, and two that verify the
same records and keep nothing, which share no lock, no log and no disk. Where that last pair falls short of 2, the
machine's cores are not whole ones, or others use them: how much others used is told too.
"""

from __future__ import annotations

import json
import os
import pickle
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
from central.trust import Floor, LiveTrust, TrustFiles
from edge_agent.wire.keys import SoftwareSigner
from tests.bench.figures import Figure, at_least, main, told
from tests.bench.intake import RECORD_BYTES, Silence, seconds, take
from tests.bench.sessions import cpu_s
from tests.support.postgres import INTAKE, Postgres
from tests.unit.central.world import NOW, Fleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    Racer = tuple[str, int, str]

OVER_BARE = 0.5
TWO_OVER_ONE = 1.7
BATCHES_A_ROUND = 10
ROUNDS = 9
BATCHES_OF_A_KIOSK = 60
RACES = 5
LOOK_S = 0.02
QUIET = 0.2  # cores that others use meanwhile: with more, what one intake keeps busy can't be told
WAL_BUFFERS = "16MB"
BUSY = """
SELECT wait_event_type, wait_event FROM pg_stat_activity
WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
ASIDE = "SELECT pid FROM pg_stat_activity WHERE backend_type IN ('checkpointer', 'background writer', 'walwriter')"
LOCKS = ("Lock", "LWLock", "BufferPin")  # PostgreSQL's own names for what somebody else holds
OF_THE_LOG = ("WALWrite", "WALInsert", "WALBufMapping")
KIOSKS = 2

INTAKES, INSERTERS, VERIFIERS = "intake", "bare", "verify"  # who takes part in a race
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
    (VERIFIERS, 1, PINNED): "one that verifies alone, on one core",
    (VERIFIERS, 2, PINNED): "two that verify alone, a core each",
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
    """What so many did at once. Cores are processor seconds a second."""

    rate: float  # records a second, from the first one's start to the last one's end
    own_ms: float  # of a record: the processor time of whoever took it in
    backend_ms: float  # and of its backend
    server_ms: float  # and of the server's other processes: those that write its log and its tables
    others: float  # cores that everybody else on this machine used meanwhile, its kernel's own work included
    looks: int  # at a backend that was busy
    log: int  # of these, waiting for another to write the log
    table: int  # and for another to make a table longer, or for anything else that another had

    @property
    def cores(self) -> float:
        """What they kept busy."""
        return self.rate * (self.own_ms + self.backend_ms + self.server_ms) / 1000


def seal(folder: Path) -> None:
    """Seal what every race takes in, and write whom its intakes trust."""
    fleet = Fleet()
    for number in range(KIOSKS):
        kiosk = fleet.add(f"kiosk-{number}")
        batches = [
            [kiosk.next(b"\x59\xa0\x00" + secrets.token_bytes(RECORD_BYTES)) for _ in range(MAX_BATCH)]
            for _ in range(BATCHES_OF_A_KIOSK)
        ]
        (folder / str(number)).write_bytes(pickle.dumps((kiosk.topic(), batches)))
    fleet.write_trust(folder / "trust")


def sealed(folder: Path, kiosks: str) -> list[list[Arrival[None]]]:
    """Read back what some kiosks sealed: a batch of each in turn."""
    found = [pickle.loads((folder / number).read_bytes()) for number in kiosks.split(",")]
    in_turn = zip(*([(topic, batch) for batch in batches] for topic, batches in found), strict=True)
    return [[Arrival(topic, raw, None) for raw in batch] for turn in in_turn for topic, batch in turn]


def race(server: Postgres, folder: Path, who: str, count: int, where: str) -> Race:
    """Let so many processes take the records in, into an empty database: both kiosks', or one's each."""
    every = sorted(os.sched_getaffinity(0))
    cores = every[:count] if where == PINNED else every
    database = a_while_old(server)
    place = server.conninfo(database, INTAKE)
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as owner:
        aside = [server.pid, *(pid for (pid,) in owner.execute(ASIDE).fetchall())]
        keep_to(cores, [0, *aside])
        here = [
            subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.bench.postgres", "--process", who, place, str(folder)),
                    ",".join(str(kiosk) for kiosk in range(KIOSKS) if kiosk % count == number),
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
            process.stdout.readline()  # it has read its records
        server_s, ours_s, busy_s, began = used_by(aside), time.process_time(), busy(), time.monotonic()
        for process in here:
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        seen = look(owner, here)
        told_by = [json.loads(process.communicate()[0]) for process in here]
        took_s, busy_s = time.monotonic() - began, busy() - busy_s
        server_s, ours_s = used_by(aside) - server_s, time.process_time() - ours_s
        keep_to(every, [0, *aside])
        owner.execute(f"DROP DATABASE {database} WITH (FORCE)")
    begins, ends, own, backends = zip(*told_by, strict=True)
    records = KIOSKS * BATCHES_OF_A_KIOSK * MAX_BATCH
    locked = [event for kind, event in seen.elements() if kind in LOCKS]
    log = sum(event in OF_THE_LOG for event in locked)
    return Race(
        rate=records / (max(ends) - min(begins)),
        own_ms=1000 * sum(own) / records,
        backend_ms=1000 * sum(backends) / records,
        server_ms=1000 * server_s / records,
        others=(busy_s - sum(own) - sum(backends) - server_s - ours_s) / took_s,
        looks=seen.total(),
        log=log,
        table=len(locked) - log,
    )


def keep_to(cores: Sequence[int], pids: Sequence[int]) -> None:
    for pid in pids:
        os.sched_setaffinity(pid, cores)


def used_by(pids: Sequence[int]) -> float:
    return sum(map(cpu_s, pids))


def busy() -> float:
    """Give how long this machine's processors have been at work since it was started, those that it lost included."""
    user, nice, system, _idle, _waiting, *interrupts_and_lost = (
        int(ticks) for ticks in Path("/proc/stat").read_text(encoding="ascii").split(maxsplit=9)[1:9]
    )
    return (user + nice + system + sum(interrupts_and_lost)) / os.sysconf("SC_CLK_TCK")


def look(connection: psycopg.Connection, here: Sequence[subprocess.Popen[str]]) -> Counter[tuple[str | None, str]]:
    """Look again and again what the backends wait for, until the first process is done."""
    seen: Counter[tuple[str | None, str]] = Counter()
    while all(process.poll() is None for process in here):
        seen.update(connection.execute(BUSY).fetchall())
        time.sleep(LOOK_S)
    return seen


def be_a_process(who: str, place: str, folder: str, kiosks: str, core: str | None = None) -> None:
    if core is not None:
        keep_to([int(core)], [0])  # its threads, which are not there yet, keep to it too
    files = TrustFiles.in_folder(Path(folder) / "trust")
    trust = LiveTrust(files, Floor(), adopted=lambda _: None, refused=lambda _: None)
    registry = trust.current().registry
    batches = sealed(Path(folder), kiosks)
    store = postgres_writer.open_store(place)
    backend = store._connection.info.backend_pid
    if core is not None:
        keep_to([int(core)], [backend])
    match who:
        case "intake":
            signer = SoftwareSigner.generate()
            work = partial(take, Intake(store, trust, signer, clock=lambda: NOW, carrier=Silence()), batches)
        case "bare":
            rows = verify(registry, batches)
            store._connection.execute("SELECT open_day(%s)", (postgres.day_of(rows[0][0].claims.expires_at),))
            work = partial(insert, store._connection, rows)
        case "verify":
            work = partial(verify, registry, batches)
    print("ready", flush=True)
    sys.stdin.readline()
    begin, own_s, backend_s = time.monotonic(), time.process_time(), cpu_s(backend)
    work()
    spent = time.process_time() - own_s, cpu_s(backend) - backend_s
    print(json.dumps([begin, time.monotonic(), *spent]), flush=True)
    store.close()


def verify(registry, batches):
    return [[judge(arrival.topic, arrival.payload, registry) for arrival in batch] for batch in batches]


def a_while_old(server: Postgres) -> str:
    """Make a new database, on a server that has its log's files from the race before, as one that has run for days."""
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as owner:
        owner.execute("CHECKPOINT")
    return server.database()


def two_against_one(server: Postgres, folder: Path) -> Iterator[Figure]:
    seal(folder)
    races = []
    for number in range(RACES + 1):  # the first warms it up
        order = list(reversed(RACERS)) if number % 2 else list(RACERS)
        races.append({racer: race(server, folder, *racer) for racer in order})
    races = races[1:]

    def middle(of: Racer, what: str) -> float:
        return statistics.median(getattr(r[of], what) for r in races)

    def gain(who: str, where: str) -> float:
        return statistics.median(r[who, 2, where].rate / r[who, 1, where].rate for r in races)

    for of, name in RACERS.items():
        yield told(f"PostgreSQL: {name}", middle(of, "rate"), "records/s")
        yield told(f"PostgreSQL: busy with {name}", middle(of, "cores"), "cores")
    yield at_least("two intakes over one", gain(INTAKES, ANYWHERE), TWO_OVER_ONE, "ratio")
    yield at_least("two intakes over one, a core each", gain(INTAKES, PINNED), TWO_OVER_ONE, "ratio")
    machine = "what this machine allows"
    yield told(f"{machine}: two bare inserters over one", gain(INSERTERS, ANYWHERE), "ratio")
    yield told(f"{machine}: two bare inserters over one, a core each", gain(INSERTERS, PINNED), "ratio")
    yield told(f"{machine}: two that verify alone over one, a core each", gain(VERIFIERS, PINNED), "ratio")
    for where, how in ((ANYWHERE, ""), (PINNED, ", a core each")):
        ours = gain(INTAKES, where) / gain(INSERTERS, where)
        yield told(f"two intakes over one, of what two bare inserters reach{how}", ours, "ratio")
    for of in ((INTAKES, 1, ANYWHERE), (INTAKES, 2, ANYWHERE), (INTAKES, 1, PINNED), (INTAKES, 2, PINNED)):
        for what, name in (("own_ms", "the intake"), ("backend_ms", "its backend"), ("server_ms", "the server's rest")):
            yield told(f"{RACERS[of]}: {name}, processor time of a record", middle(of, what), "ms")
    for of in ((INTAKES, 2, ANYWHERE), (INTAKES, 2, PINNED), (INSERTERS, 2, PINNED)):
        for what, name in (("log", "to write the log"), ("table", "to make the table longer")):
            waited = sum(getattr(r[of], what) for r in races) / sum(r[of].looks for r in races)
            yield told(f"{RACERS[of]}: a busy backend waits for the other {name}", 100 * waited, "% of looks")
    here, one = len(os.sched_getaffinity(0)), middle((INTAKES, 1, ANYWHERE), "cores")
    others = max(middle(of, "others") for of in RACERS)
    yield told("cores that are here", here, "cores")
    yield told("cores that others used meanwhile", others, "cores")
    if others > QUIET:
        sys.stderr.write(f"Others used {others:.1f} of {here} cores meanwhile: measure again once nothing else runs.\n")
        return
    yield told("cores that two intakes want", 2 * one, "cores")
    yield told(f"{machine}: its cores over those that one intake keeps busy", here / one, "ratio")
    if here < 2 * one:
        sys.stderr.write(
            f"Two intakes want {2 * one:.1f} cores, and here are {here}: without a core each, they can't be more than "
            f"{here / one:.2f} of one here, whatever they do.\n"
        )


def measure_all() -> Iterator[Figure]:
    with Postgres(wal_buffers=WAL_BUFFERS) as server, tempfile.TemporaryDirectory() as folder:
        yield from against_bare(server, Path(folder))
        yield from two_against_one(server, Path(folder))


def begin(arguments: Sequence[str]) -> None:
    if arguments[:1] == ["--process"]:
        be_a_process(*arguments[1:])
    else:
        main("The intake into PostgreSQL against bare inserts, and two against one.", measure_all)


if __name__ == "__main__":
    begin(sys.argv[1:])
