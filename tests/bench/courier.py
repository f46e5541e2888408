"""The courier against a bare paho publisher, and how soon it ends when asked to.

    python -m tests.bench.courier --json -

Courier and publisher take turns before the same broker and the same receiver, with the same bytes and the same window;
a round's ratio is of two drains that follow each other. The courier reads its records from the outbox, checks and marks
them; the publisher has them in memory and forgets them.

What is promised is the publishing, to the last PUBACK. In the field the receiver is another computer; here it shares
two cores with everybody. So for the promise it holds still while either of the two drains, and takes and answers all of
it afterwards. (With so many records unanswered the courier waits for the intake; the drain is a little shorter.)

The harder figures, of which nothing was promised, are of a longer drain with the receiver at work on the same cores
meanwhile: then the courier waits for receipts, verifies them and lets go of its records within the measured time. The
bare publisher waits for nobody: what the receiver is behind, the broker keeps.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edge_agent.wire.topics import Channel
from provisioning.children import Child
from provisioning.throwaway import INTAKE
from tests.bench.figures import Figure, at_least, at_most, main, told
from tests.support.live import LiveFleet

if TYPE_CHECKING:
    from collections.abc import Iterator


SHORT, LONG = 480, 1_500  # records; the short drain is below delivery's bound on what is unanswered
PICTURE_BYTES = 40_960
SHORT_ROUNDS, LONG_ROUNDS = 15, 7
DRAIN_S = 120.0
LOOK_S = 0.002
KIOSK = "kiosk-1"
LEAST, END_MS = 0.8, 2000


@dataclass
class Drain:
    """Seconds from the connection to the last PUBACK, and to the last receipt; of processor time to the latter."""

    acknowledged: float
    receipted: float
    busy: float


@dataclass
class Bare:
    """Seconds from the connection to the last PUBACK, by the clock and of processor time."""

    acknowledged: float
    busy: float


class Scene:
    """A broker, a receiver, and a full outbox to be drained again and again."""

    def __init__(self, live: LiveFleet, count: int) -> None:
        self.count = count
        self.fleet = live.fleet
        self.spool = live.spool(KIOSK, delivery="receipt_timeout_s = 600")
        self.spool.fill(count, picture_bytes=PICTURE_BYTES)
        self.records = self.fleet.directory / "records"
        self.records.mkdir()
        for number, sealed in enumerate(self.spool.sealed.values()):
            (self.records / f"{number:05}.record").write_bytes(sealed)
        shutil.copy2(self.fleet.directory / "intake" / "receipt.key", self.records)
        self.outbox_file = self.spool.settings.outbox_file
        self.full = self.outbox_file.with_name("full")
        self.full.mkdir()
        for file in self.outbox_files:
            shutil.copyfile(file, self.full / file.name)
        self.drained = 0
        live.broker()

    @property
    def outbox_files(self) -> list[Path]:
        return [self.outbox_file, self.outbox_file.with_suffix(".lock")]

    def fill(self) -> None:
        for file in self.outbox_files:
            shutil.copyfile(self.full / file.name, file)
        os.sync()  # as on a kiosk, whose records are on the disk before the courier sees them

    def all_answered(self, receiver: Child) -> None:
        """Wait until nobody's receipts are on their way any more, which the next courier would take for its own."""
        self.drained += self.count
        receiver.wait_for("answered", records=self.drained, timeout=DRAIN_S)

    def peer(self, what: str, who: str) -> Child:
        here = self.fleet.directory / "intake" if who == INTAKE else self.fleet.kiosk_directory(who)
        files = [str(here / name) for name in ("ca.pem", "tls.pem", "tls.key")]
        topic = self.spool.settings.address.topic(Channel.RECORDS)
        return Child.python("tests.bench.drain_peers", what, str(self.records), str(self.fleet.port), *files, topic)

    def bare(self, receiver: Child, *, held: bool) -> Bare:
        with holding(receiver) if held else contextlib.nullcontext(), self.peer("publish", KIOSK) as publisher:
            said = publisher.wait_for("drained", timeout=DRAIN_S)
        self.all_answered(receiver)
        return Bare(said["seconds"], said["busy_s"])

    def courier(self, receiver: Child, *, held: bool) -> Drain:
        self.fill()
        with self.courier_process() as (process, said):
            with holding(receiver) if held else contextlib.nullcontext():
                began, busy = said.time_of(b'"connected"', 1), processor_time(process.pid)
                acknowledged = said.time_of(b'"acknowledged"', self.count) - began
            receipted = said.time_of(b'"receipted"', self.count) - began
            drain = Drain(acknowledged, receipted, processor_time(process.pid) - busy)
        self.all_answered(receiver)
        return drain

    @contextlib.contextmanager
    def courier_process(self) -> Iterator[tuple[subprocess.Popen[bytes], Said]]:
        settings = str(self.fleet.kiosk_directory(KIOSK) / "kiosk.toml")
        said = Said(self.fleet.directory / "courier.log")
        with said.path.open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "edge_agent.courier", "run", "--config", settings], stdout=out
            )
        try:
            yield process, said
        finally:
            process.terminate()
            process.wait()


class Said:
    """What a program writes into a file: looked at now and then, so that it costs the program nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = b""

    def time_of(self, event: bytes, count: int) -> float:
        """Wait until an event has come so many times; return the monotonic time of it, to a few milliseconds."""
        deadline = time.monotonic() + DRAIN_S
        while time.monotonic() < deadline:
            with self.path.open("rb") as file:
                file.seek(len(self._read))
                self._read += file.read()
            if self._read.count(event) >= count:
                return time.monotonic()
            time.sleep(LOOK_S)
        raise TimeoutError(f"{event!r} came {self._read.count(event)} times, not {count}")


@contextlib.contextmanager
def holding(child: Child) -> Iterator[None]:
    """Have a program hold still; what it is sent waits for it."""
    os.kill(child.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(child.pid, signal.SIGCONT)


def processor_time(pid: int) -> float:
    """Give the seconds that all threads of a process have had a core (schedstat: proc(5))."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


@contextlib.contextmanager
def scene_of(count: int) -> Iterator[tuple[Scene, Child]]:
    with tempfile.TemporaryDirectory() as name, LiveFleet(Path(name)) as live:
        scene = Scene(live, count)
        with scene.peer("receive", INTAKE) as receiver:
            receiver.wait_for("ready", timeout=DRAIN_S)
            yield scene, receiver


def measure() -> Iterator[Figure]:
    with scene_of(SHORT) as (scene, receiver):
        yield from promised(*turns(scene, receiver, SHORT_ROUNDS, held=True))
    with scene_of(LONG) as (scene, receiver):
        yield from harder(*turns(scene, receiver, LONG_ROUNDS, held=False))
        yield at_most("courier, from SIGTERM in mid-drain to its end", median(ends(scene)), END_MS, "ms")


def turns(scene: Scene, receiver: Child, rounds: int, *, held: bool) -> tuple[list[Drain], list[Bare]]:
    courier: list[Drain] = []
    bare: list[Bare] = []
    for _ in range(rounds):
        courier.append(scene.courier(receiver, held=held))
        bare.append(scene.bare(receiver, held=held))
    return courier, bare


def promised(courier: list[Drain], bare: list[Bare]) -> Iterator[Figure]:
    ratio = median(b.acknowledged / c.acknowledged for b, c in zip(bare, courier, strict=True))
    yield at_least("courier drain over a bare paho publisher's, to the last PUBACK", ratio, LEAST, "ratio")
    yield told("courier drain", SHORT / median(c.acknowledged for c in courier), "records/s")
    yield told("bare paho publisher", SHORT / median(b.acknowledged for b in bare), "records/s")
    busy = median(b.busy for b in bare) / median(c.busy for c in courier)
    yield told("processor time of a bare paho publisher's record over a courier's, its receipt included", busy, "ratio")


def harder(courier: list[Drain], bare: list[Bare]) -> Iterator[Figure]:
    pairs = list(zip(bare, courier, strict=True))
    name = "courier drain over a bare paho publisher's, the receiver at work on the same cores, to the last"
    yield told(f"{name} PUBACK", median(b.acknowledged / c.acknowledged for b, c in pairs), "ratio")
    yield told(f"{name} receipt", median(b.acknowledged / c.receipted for b, c in pairs), "ratio")
    yield told("courier drain, the receiver at work", LONG / median(c.acknowledged for c in courier), "records/s")
    yield told("bare paho publisher, the receiver at work", LONG / median(b.acknowledged for b in bare), "records/s")


def ends(scene: Scene) -> Iterator[float]:
    """Ask couriers to end when a third of the backlog was acknowledged; give the milliseconds that each took."""
    for _ in range(LONG_ROUNDS):
        scene.fill()
        with scene.courier_process() as (process, said):
            said.time_of(b'"acknowledged"', LONG // 3)
            began = time.monotonic()
            process.terminate()
            assert process.wait(DRAIN_S) == 0
            yield (time.monotonic() - began) * 1000


if __name__ == "__main__":
    main(__doc__, measure)
