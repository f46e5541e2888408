"""A short life of an outbox, to be cut off anywhere, and the proof that what was certain still stands.

Run as a process it says on its standard output what is certain, each line after the call has returned. What is sealed
names its own link, so that the chain can be walked by reading the records alone.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from contextlib import closing
from pathlib import Path

from edge_agent.errors import OutboxError
from edge_agent.outbox import Fate, Limits, Link, Outbox, State

LIMITS = Limits(max_bytes=1 << 20, max_records=100, keep_free_bytes=0)
STEPS = (
    "append 1",
    "append 2",
    "append 3",
    "receipt 1",
    "append 4",
    "receipt 3 2",  # most of the file is dead now, and a new one is written
    "append 5",
    "append 6",
    "take back 5",
    "take back 3",  # which has its receipt
)
APPENDED = 6
LEFT = [4, 6]  # the records that wait in the end
TAKEN_BACK = [5, 3]
RENEW_AFTER = 4 * 4096  # bytes


def record_id(number: int) -> bytes:
    return hashlib.sha256(b"record %d" % number).digest()[:16]


def seal(link: Link, number: int) -> bytes:
    """Make 'sealed' bytes of a few sectors: epoch, seq, previous, and then what depends on the number alone."""
    return link.epoch + link.seq.to_bytes(8) + link.previous + body(number)


def body(number: int) -> bytes:
    """Give what is in a record: enough for two blocks of the disk."""
    return b"".join(hashlib.sha256(b"%d %d" % (number, i)).digest() for i in range(150))


def opened(path: Path) -> Outbox:
    """Open an outbox that is soon worth a new file."""
    return Outbox.open(path, LIMITS, renew_after=RENEW_AFTER)


def live(outbox: Outbox) -> None:
    """Go through the steps, as a kiosk and a courier would who find some of them done already."""
    for step in STEPS:
        numbers = [int(word) for word in step.split() if word.isdigit()]
        if step.startswith("append"):
            entry = outbox.append(record_id(numbers[0]), lambda link: seal(link, numbers[0]))  # noqa: B023
            say(f"{step} {entry.epoch.hex()} {entry.seq} {entry.sha256.hex()}")
        elif step.startswith("take back"):
            outbox.take_back(record_id(numbers[0]))
            say(step)
        else:
            wanted = {record_id(number) for number in numbers}
            outbox.mark_sent(wanted)
            waiting = [entry for entry in outbox.waiting(100) if entry.record_id in wanted]
            outbox.mark_receipted({entry.record_id: entry.sha256 for entry in waiting})
            outbox.tidy()
            say(step)


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def prove(outbox: Outbox, path: Path, certain: list[str]) -> None:
    """Prove that every certain step still stands, and that nothing is there twice or out of the chain."""
    assert outbox.salvages() == ()
    epoch, highest = outbox.highest()
    waiting = outbox.waiting(100)
    appended = [line.split() for line in certain if line.startswith("append")]
    receipted = {record_id(int(word)) for line in certain if line.startswith("receipt") for word in line.split()[1:]}
    taken_back = {record_id(int(line.split()[2])) for line in certain if line.startswith("take back")}
    for _, number, its_epoch, seq, sha256 in appended:
        entry = outbox.append(record_id(int(number)), _must_not_seal)
        assert (entry.epoch.hex(), entry.seq, entry.sha256.hex()) == (its_epoch, int(seq), sha256)
        assert entry in waiting or entry.state in {State.RECEIPTED, State.TAKEN_BACK}
    assert receipted.isdisjoint(entry.record_id for entry in waiting)
    assert taken_back <= {entry.record_id for entry in outbox.taken_back()}
    for entry in outbox.taken_back():
        assert body(entry.seq)[100:200] not in path.read_bytes()
    assert len(appended) <= highest <= min(len(appended) + 1, APPENDED)  # one may be on the disk and not yet said
    assert {entry.epoch for entry in waiting} <= {epoch}
    assert len({entry.seq for entry in waiting}) == len({entry.record_id for entry in waiting}) == len(waiting)
    before = {entry.seq + 1: entry.sha256 for entry in waiting} | {1: bytes(32)}
    for entry in waiting:
        sealed = outbox.read(entry.record_id)
        assert hashlib.sha256(sealed).digest() == entry.sha256
        previous = before.get(entry.seq, sealed[24:56])
        assert sealed == seal(Link(epoch, entry.seq, previous), entry.seq)  # record n is the nth in this life


def prove_erased(path: Path, certain: list[str]) -> None:
    """Prove that the bytes of what was taken back are gone from the disk, before anybody opens the file again."""
    left = path.read_bytes() if path.exists() else b""
    for line in certain:
        if line.startswith("take back"):
            assert body(int(line.split()[2]))[100:200] not in left


def fresh(folder: Path, file: Path | None = None) -> Path:
    """Make a folder for one try, with a copy of an outbox and its mark in it or with nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if file:
        for name in ("outbox.db", "outbox.lock"):
            shutil.copy(file.with_name(name), folder / name)
    return folder


def damaged_outbox(path: Path) -> dict[bytes, bytes]:
    """Write four records and break the first block; give the sealed bytes by record id."""
    with closing(Outbox.open(path, LIMITS)) as outbox:
        for number in range(11, 15):
            outbox.append(record_id(number), lambda link: seal(link, number))  # noqa: B023
        sealed = {entry.record_id: outbox.read(entry.record_id) for entry in outbox.waiting(100)}
    with path.open("r+b") as file:
        file.write(bytes(1024))
    return sealed


def prove_salvaged(outbox: Outbox, sealed: dict[bytes, bytes]) -> None:
    """Prove that all four records were saved, that it is told so once, and that a new epoch begins."""
    assert {entry.record_id: outbox.read(entry.record_id) for entry in outbox.waiting(100)} == sealed
    (report,) = outbox.salvages()
    (span,) = report.spans
    assert (span.first, span.last, span.fate) == (1, 4, Fate.SAVED)
    assert outbox.append(record_id(1), lambda link: seal(link, 1)).seq == 1
    assert outbox.highest()[0] != span.epoch


def prove_that_life_goes_on(outbox: Outbox) -> None:
    """Prove that after a cut everything can be done that was still to do, and ends as without the cut."""
    live(outbox)
    assert outbox.highest()[1] == APPENDED
    assert [entry.record_id for entry in outbox.waiting(100)] == [record_id(number) for number in LEFT]
    assert [entry.record_id for entry in outbox.taken_back()] == [record_id(number) for number in TAKEN_BACK]


def _must_not_seal(link: Link) -> bytes:
    raise AssertionError(f"not there any more, or sealed twice: {link}")


def main() -> None:
    """Live in the outbox that is named first; with a second word, open it and no more."""
    path, *only_open = sys.argv[1:]
    try:
        with closing(opened(Path(path))) as outbox:
            if not only_open:
                live(outbox)
    except OutboxError as error:
        say(error.code)


if __name__ == "__main__":
    main()
