"""The outbox against what a bare file does with the same bytes, and what one report costs the card.

    python -m tests.bench.outbox --json -

Every measure of time is taken in turns with the bare ones, in one run on one file system, so that they meet the same
disk: the one that TMPDIR names. Give it a folder on the card.
"""

from __future__ import annotations

import os
import secrets
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from edge_agent.outbox import Limits, Outbox
from tests.bench.figures import Figure, at_least, at_most, main, told

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SEALED_BYTES = 40_960 + 3_654  # a crop of 40 KiB, sealed to one recipient
ROUNDS = 60
LIMITS = Limits(max_bytes=1 << 30, max_records=10_000, keep_free_bytes=0)


def rows() -> Iterator[Figure]:
    """Measure in a new folder where temporary files go."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        outbox_s, append_s, file_s = _commits(base)
        yield at_least("outbox commits per second over bare append + fsync", append_s / outbox_s, 0.7, "ratio")
        yield told("outbox commits per second over a new file + fsync + folder's fsync", file_s / outbox_s, "ratio")
        yield told("outbox commit of 44,614 bytes", outbox_s * 1e3, "ms")
        yield told("bare append + fsync of 44,614 bytes", append_s * 1e3, "ms")
        yield at_most("bytes written per report over its bytes, one report at a time", _written(base, 1), 2.0, "ratio")
        yield at_most(
            "bytes written per report over its bytes, a backlog of 100 drained by eights",
            _written(base, 100, 8),
            2.0,
            "ratio",
        )


def _commits(base: Path) -> tuple[float, float, float]:
    """Median seconds of an outbox append, of a bare append to one file, and of a new file made durable."""
    folder = base / "files"
    folder.mkdir()
    times: tuple[list[float], list[float], list[float]] = [], [], []
    with closing(Outbox.open(base / "timed.db", LIMITS)) as outbox, (base / "bare").open("wb", buffering=0) as bare:
        for i in range(ROUNDS):
            sealed = secrets.token_bytes(SEALED_BYTES)
            times[0].append(_seconds(lambda: outbox.append(secrets.token_bytes(16), lambda _: sealed)))  # noqa: B023
            times[1].append(_seconds(lambda: _append(bare.fileno(), sealed)))  # noqa: B023
            times[2].append(_seconds(lambda: _new_file(folder / str(i), sealed)))  # noqa: B023
    return median(times[0]), median(times[1]), median(times[2])


def _written(base: Path, backlog: int, window: int = 1) -> float:
    """Bytes that reach the disk for a report from its append to its receipt, over the report's own bytes.

    As the kernel counts them for this process: whole blocks of the page cache, journal included; what the file system
    writes into its own journal is not in it, nor is it for the bare file.
    """
    reports = max(backlog, 40)
    with closing(Outbox.open(base / f"written-{backlog}.db", LIMITS)) as outbox:
        _life(outbox, backlog, backlog, window)  # so that free pages are used again, as in daily life
        before = _write_bytes()
        _life(outbox, reports, backlog, window)
        written = _write_bytes() - before
    if not written:
        raise SystemExit("Nothing reached a disk: TMPDIR names a file system in memory. Give it a folder on the card.")
    return written / (reports * SEALED_BYTES)


def _life(outbox: Outbox, reports: int, backlog: int, window: int) -> None:
    for _ in range(reports // backlog):
        for _ in range(backlog):
            outbox.append(secrets.token_bytes(16), lambda _: secrets.token_bytes(SEALED_BYTES))
        while entries := outbox.waiting(window):
            outbox.mark_sent([entry.record_id for entry in entries])
            outbox.mark_receipted({entry.record_id: entry.sha256 for entry in entries})


def _append(fd: int, data: bytes) -> None:
    os.write(fd, data)
    os.fsync(fd)


def _new_file(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        _append(file.fileno(), data)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _write_bytes() -> int:
    counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(counters["write_bytes"])


if __name__ == "__main__":
    main(__doc__.partition("\n")[0], rows)
