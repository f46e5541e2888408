"""Damage to any block of a filled outbox: what can be saved is saved, and of the rest it is told which it was."""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that each run is the same
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from edge_agent.errors import OutboxError
from edge_agent.outbox import Entry, Fate, Limits, Outbox
from edge_agent.outbox.frames import BLOCK, HEADER_BYTES
from tests.faults.outbox import life

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LIMITS = Limits(max_bytes=1 << 24, max_records=100, keep_free_bytes=0)
RECORDS = 30
RECEIPTED = range(1, 9)
TAKEN_BACK = 14
SIZES = (900, 2500, 5000)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An outbox with tombstones, waiting records of several sizes, notes in between, one that was taken back."""
    path = tmp_path_factory.mktemp("filled") / "outbox.db"
    with closing(Outbox.open(path, LIMITS)) as outbox:
        for number in range(1, RECORDS + 1):
            size = SIZES[number % len(SIZES)]
            entry = outbox.append(
                life.record_id(number),
                lambda link: (life.seal(link, number) * 4)[:size],  # noqa: B023
            )
            if entry.seq in RECEIPTED:
                outbox.mark_receipted({entry.record_id: entry.sha256})
            if entry.seq == TAKEN_BACK:
                outbox.take_back(entry.record_id)
        oldest = outbox.waiting(1)[0]
        outbox.mark_receipted({oldest.record_id: oldest.sha256})
    return path


@pytest.fixture(scope="module")
def whole(filled: Path) -> dict[int, tuple[Entry, bytes]]:
    """The waiting records by their number, with their bytes."""
    with closing(Outbox.open(filled, LIMITS)) as outbox:
        return {entry.seq: (entry, outbox.read(entry.record_id)) for entry in outbox.waiting(100)}


def zeros(block: bytearray, _: random.Random) -> None:
    block[:] = bytes(len(block))


def noise(block: bytearray, chance: random.Random) -> None:
    block[:] = chance.randbytes(len(block))


def one_bit(block: bytearray, chance: random.Random) -> None:
    block[chance.randrange(len(block))] ^= 1 << chance.randrange(8)


def one_bit_of_the_frame_header(block: bytearray, chance: random.Random) -> None:
    block[chance.randrange(HEADER_BYTES)] ^= 1 << chance.randrange(8)


def each_block_damaged(
    filled: Path, how: Callable[[bytearray, random.Random], None], blocks_at_once: int, folder: Path
) -> Iterator[Path]:
    blocks = filled.stat().st_size // BLOCK
    for number in range(0, blocks, blocks_at_once):
        data = bytearray(filled.read_bytes())
        at = slice(number * BLOCK, (number + blocks_at_once) * BLOCK)
        damaged = data[at]
        how(damaged, random.Random(number))
        data[at] = damaged
        path = life.fresh(folder, filled) / "outbox.db"
        path.write_bytes(data)
        yield path


def read_all(outbox: Outbox) -> dict[int, bytes]:
    """Read what waits, as the courier does: whatever is found damaged on the way is not among it any more."""
    read = {}
    for entry in outbox.waiting(100):
        try:
            read[entry.seq] = outbox.read(entry.record_id)
        except OutboxError:
            assert entry.record_id not in {left.record_id for left in outbox.waiting(100)}
    return read


def fates(outbox: Outbox, epoch: bytes) -> dict[int, Fate]:
    """Say of each number what the last salvage said."""
    return {
        seq: span.fate
        for report in outbox.salvages()
        for span in report.spans
        if span.epoch == epoch
        for seq in range(span.first, span.last + 1)
    }


@pytest.mark.red_line(14)
@pytest.mark.parametrize("blocks_at_once", [1, 4])
@pytest.mark.parametrize("how", [zeros, noise, one_bit, one_bit_of_the_frame_header])
def test_whatever_block_is_damaged_each_record_is_saved_or_told(
    filled: Path,
    whole: dict[int, tuple[Entry, bytes]],
    tmp_path: Path,
    how: Callable[[bytearray, random.Random], None],
    blocks_at_once: int,
) -> None:
    (epoch,) = {entry.epoch for entry, _ in whole.values()}
    lost = 0
    for path in each_block_damaged(filled, how, blocks_at_once, tmp_path / "damaged"):
        before = path.read_bytes()
        with closing(Outbox.open(path, LIMITS)) as outbox:
            read = read_all(outbox)
            told = fates(outbox, epoch)
            if not told:
                assert read.keys() == whole.keys()
            for seq, (_, sealed) in whole.items():
                if seq in read:
                    assert read[seq] == sealed
                    assert told.get(seq, Fate.SAVED) is Fate.SAVED
                else:
                    assert told[seq] in {Fate.LOST, Fate.UNKNOWN}
                    lost += 1
            assert read.keys() <= whole.keys()  # what had its receipt does not come back
            assert told.keys() <= set(range(1, RECORDS + 1))
        if told:
            assert path.with_name("outbox.damaged-1").read_bytes() == before
    assert lost < 4 * len(whole)  # over all the damages together: most of what could be saved was
