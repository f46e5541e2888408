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
ROUNDS = 200
REPORTS = 600  # enough that the outbox writes a new file in between
ALONE = 48  # reports, each brought to its end and synced: what their kiosk does in a day
SECTOR_BYTES = 512  # in the kernel's counters, whatever the device has
LIMITS = Limits(max_bytes=1 << 30, max_records=10_000, keep_free_bytes=0)


def rows() -> Iterator[Figure]:
    """Measure in a new folder where temporary files go."""
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        outbox_s, append_s, file_s = _commits(base)
        over_append = median(bare / ours for ours, bare in zip(outbox_s, append_s, strict=True))
        over_file = median(bare / ours for ours, bare in zip(outbox_s, file_s, strict=True))
        yield at_least("outbox commits per second over bare append + fsync", over_append, 0.7, "ratio")
        yield told("outbox commits per second over a new file + fsync + folder's fsync", over_file, "ratio")
        yield told("outbox commit of 44,614 bytes", median(outbox_s) * 1e3, "ms")
        yield told("bare append + fsync of 44,614 bytes", median(append_s) * 1e3, "ms")
        yield at_most("bytes written per report over its bytes, one report at a time", _written(base, 1), 2.0, "ratio")
        yield at_most(
            "bytes written per report over its bytes, a backlog of 100 drained by eights",
            _written(base, 100, 8),
            2.0,
            "ratio",
        )
        if (written := _written_to_the_device(base)) is not None:
            yield told("bytes written to the device per report over its bytes, journal and all", written, "ratio")


def _commits(base: Path) -> tuple[list[float], list[float], list[float]]:
    """Seconds of outbox appends, of bare appends to one file, and of new files made durable, round by round."""
    folder = base / "files"
    folder.mkdir()
    times: tuple[list[float], list[float], list[float]] = [], [], []
    with closing(Outbox.open(base / "timed.db", LIMITS)) as outbox, (base / "bare").open("wb", buffering=0) as bare:
        for i in range(ROUNDS):
            sealed = secrets.token_bytes(SEALED_BYTES)
            times[0].append(_seconds(lambda: outbox.append(secrets.token_bytes(16), lambda _: sealed)))  # noqa: B023
            times[1].append(_seconds(lambda: _append(bare.fileno(), sealed)))  # noqa: B023
            times[2].append(_seconds(lambda: _new_file(folder / str(i), sealed)))  # noqa: B023
    return times


def _written(base: Path, backlog: int, window: int = 1) -> float:
    """Bytes that reach the disk for a report from its append to its receipt, over the report's own bytes.

    As the kernel counts them for this process: whole blocks, notes, marks and new files included; what the file system
    writes into its own journal is not in it, nor is it for the bare file.
    """
    with closing(Outbox.open(base / f"written-{backlog}.db", LIMITS)) as outbox:
        before = _write_bytes()
        _life(outbox, REPORTS, backlog, window)
        written = _write_bytes() - before
    if not written:
        raise SystemExit("Nothing reached a disk: TMPDIR names a file system in memory. Give it a folder on the card.")
    return written / (REPORTS * SEALED_BYTES)


def _written_to_the_device(base: Path) -> float | None:
    """Count what the block device is given for a report that comes and goes alone, the file system's journal included.

    Whoever else writes to it is counted too: make TMPDIR a file system of its own. None where the kernel doesn't count.
    """
    device = base.stat().st_dev
    counters = Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
    if not counters.exists():
        return None

    def written() -> int:
        return int(counters.read_text(encoding="ascii").split()[6]) * SECTOR_BYTES

    with closing(Outbox.open(base / "alone.db", LIMITS)) as outbox:
        os.sync()
        before = written()
        for _ in range(ALONE):
            _life(outbox, 1, 1, 1)
            os.sync()
        return (written() - before) / (ALONE * SEALED_BYTES)


def _life(outbox: Outbox, reports: int, backlog: int, window: int) -> None:
    for _ in range(reports // backlog):
        for _ in range(backlog):
            outbox.append(secrets.token_bytes(16), lambda _: secrets.token_bytes(SEALED_BYTES))
        while entries := outbox.waiting(window):
            outbox.mark_sent([entry.record_id for entry in entries])
            outbox.mark_receipted({entry.record_id: entry.sha256 for entry in entries})
        while outbox.tidy():
            pass


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
