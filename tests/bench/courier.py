"""The courier against a bare paho publisher, and how soon it ends when asked to.

    python -m tests.bench.courier --json -

Courier and publisher take turns before the same broker and the same receiver, with the same bytes and the same window;
a round's ratio is of two drains that follow each other. The courier reads its records from the outbox, marks them,
verifies a receipt for each and lets go of them meanwhile; the publisher has them in memory and forgets them.
"""

from __future__ import annotations

import contextlib
import os
import shutil
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


RECORDS = 1_500
PICTURE_BYTES = 40_960
ROUNDS = 7
DRAIN_S = 120.0
LOOK_S = 0.002
KIOSK = "kiosk-1"
LEAST, END_MS = 0.8, 2000


@dataclass
class Drain:
    """Seconds from the connection to the last PUBACK, and to the last receipt."""

    acknowledged: float
    receipted: float


class Scene:
    """A broker, a receiver, and a full outbox to be drained again and again."""

    def __init__(self, live: LiveFleet) -> None:
        self.live = live
        self.fleet = live.fleet
        self.spool = live.spool(KIOSK, delivery="receipt_timeout_s = 600")
        self.spool.fill(RECORDS, picture_bytes=PICTURE_BYTES)
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
        self.drained += RECORDS
        receiver.wait_for("answered", records=self.drained, timeout=DRAIN_S)

    def peer(self, what: str, who: str) -> Child:
        here = self.fleet.directory / "intake" if who == INTAKE else self.fleet.kiosk_directory(who)
        files = [str(here / name) for name in ("ca.pem", "tls.pem", "tls.key")]
        topic = self.spool.settings.address.topic(Channel.RECORDS)
        return Child.python("tests.bench.drain_peers", what, str(self.records), str(self.fleet.port), *files, topic)

    def bare(self) -> float:
        with self.peer("publish", KIOSK) as publisher:
            seconds: float = publisher.wait_for("drained", timeout=DRAIN_S)["seconds"]
            return seconds

    def courier(self) -> Drain:
        self.fill()
        with self.courier_process() as (_, said):
            began = said.time_of(b'"connected"', 1)
            acknowledged = said.time_of(b'"acknowledged"', RECORDS) - began
            return Drain(acknowledged, said.time_of(b'"receipted"', RECORDS) - began)

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


def measure() -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as name, LiveFleet(Path(name)) as live:
        scene = Scene(live)
        with scene.peer("receive", INTAKE) as receiver:
            receiver.wait_for("ready", timeout=DRAIN_S)
            yield from drains(scene, receiver)
            yield at_most("courier, from SIGTERM in mid-drain to its end", median(ends(scene)), END_MS, "ms")


def ends(scene: Scene) -> Iterator[float]:
    """Ask couriers to end when a third of the backlog was acknowledged; give the milliseconds that each took."""
    for _ in range(ROUNDS):
        scene.fill()
        with scene.courier_process() as (process, said):
            said.time_of(b'"acknowledged"', RECORDS // 3)
            began = time.monotonic()
            process.terminate()
            assert process.wait(DRAIN_S) == 0
            yield (time.monotonic() - began) * 1000


def drains(scene: Scene, receiver: Child) -> Iterator[Figure]:
    courier: list[Drain] = []
    bare: list[float] = []
    for _ in range(ROUNDS):
        courier.append(scene.courier())
        scene.all_answered(receiver)
        bare.append(scene.bare())
        scene.all_answered(receiver)
    ratio = median(b / c.acknowledged for b, c in zip(bare, courier, strict=True))
    whole = median(b / c.receipted for b, c in zip(bare, courier, strict=True))
    yield at_least("courier drain over a bare paho publisher's, to the last PUBACK", ratio, LEAST, "ratio")
    yield told("courier drain over a bare paho publisher's, to the last receipt", whole, "ratio")
    yield told("courier drain", RECORDS / median(c.acknowledged for c in courier), "records/s")
    yield told("bare paho publisher", RECORDS / median(bare), "records/s")


if __name__ == "__main__":
    main(__doc__, measure)
