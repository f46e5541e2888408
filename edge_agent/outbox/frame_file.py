"""One outbox file on the disk: frames are added to it, looked over, read, and their bytes erased."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from edge_agent.outbox import faults, frames
from edge_agent.outbox.frames import BEGINNING_BYTES, BLOCK, HEADER_BYTES, Kind
from edge_agent.outbox.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from edge_agent.errors import OutboxDamagedError
    from edge_agent.outbox.frames import Frame, Label, Note
    from edge_agent.outbox.gate import Gate
    from edge_agent.outbox.ledger import Held

_SQLITE: Final = b"SQLite format 3\0"
_ANY_LAYOUT: Final = frames.MAGIC[:-1]
_KEEP_SIZE: Final = 0x01  # FALLOC_FL_KEEP_SIZE
_PUNCH_A_HOLE: Final = 0x01 | 0x02  # FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE
_SET_ASIDE: Final = 1 << 20  # bytes: a report's frames are some 50,000
_PLENTY: Final = 128 * _SET_ASIDE  # a disk with less than that is left to those who need its last blocks
_libc: Final = ctypes.CDLL(None, use_errno=True)


class FrameFile:
    """The file at `path`, and the ledger of what its frames add up to. To be used behind the gate alone.

    Every fault comes out as an OutboxError.
    """

    def __init__(self, path: Path, gate: Gate) -> None:
        self.ledger = Ledger()
        self._path = path
        self._gate = gate
        self._set_aside_up_to = 0
        with faults.told(path):
            self._fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            opened = os.fstat(self._fd)
        self.inode = opened.st_dev, opened.st_ino

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._fd)

    # -- Looking over --------------------------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Take in the frames that have come since the last look, the first time all, and leave a sound end.

        Raises OutboxDamagedError when something is not as it was written. The bytes of records are proved when they
        are read; only those of the newest are looked at here, unless it is known to have been on the disk.
        """
        ledger = self.ledger
        with faults.told(self._path):
            size, mark = os.fstat(self._fd).st_size, self._gate.mark()
            file_id = frames.read_id(self._at(0, BLOCK))
            if file_id is None or file_id != (ledger.file_id or file_id):
                self._refuse_a_stranger()
                raise faults.damaged(self._path, "its beginning is not as it was written")
            if (size, mark) == (ledger.end, ledger.mark):
                return
            ours = mark is not None and mark.file_id == file_id
            sure = mark.frames if mark and ours else 0
            newest = self._take_in_what_is_new(sure, size)
            if ledger.frames < max(sure, 1) or size < ledger.end:
                raise faults.damaged(self._path, "frames are missing")
            if size > ledger.end:
                self._cut_off_what_is_torn(size, marked=ours)
            if ledger.frames > sure:
                self._make_sure(newest, marked=ours)

    def _take_in_what_is_new(self, sure: int, size: int) -> int:
        """Take in frame after frame, as far as they go on; give where the last one begins."""
        ledger = self.ledger
        newest = ledger.end
        while (frame := self._frame_at(ledger.end)) and ledger.goes_on_with(frame):
            if ledger.end + frame.extent > size:
                break
            payload = b""
            if frame.kind is not Kind.RECORD or not (frame.number < sure or self._is_followed(frame)):
                payload = self._payload(ledger.end, frame.label)
                if not frame.proves(payload):
                    break
            newest = ledger.end
            ledger.take_in(frame, payload)
        return newest

    def _is_followed(self, frame: Frame) -> bool:
        """Say whether there is a next frame: it was begun when this one was on the disk."""
        following = self._frame_at(self.ledger.end + frame.extent)
        return following is not None and (following.file_id, following.number) == (frame.file_id, frame.number + 1)

    def _cut_off_what_is_torn(self, size: int, *, marked: bool) -> None:
        """Cut off what an append has left that did not come to its end. It was never promised to anybody.

        No more than one frame can be torn: when others stand behind it, or the mark is lost that would miss frames,
        then something else has happened to the file.
        """
        others = (self._frame_at(at) for at in range(self.ledger.end + BLOCK, size, BLOCK))
        if not marked or any(frame and frame.file_id == self.ledger.file_id for frame in others):
            raise faults.damaged(self._path, "a frame is not as it was written")
        os.ftruncate(self._fd, self.ledger.end)

    def _make_sure(self, newest: int, *, marked: bool) -> None:
        """Bring the newest frame to the disk, whoever wrote it: a process that was killed may not have come to that.

        It is written once more, since a disk that failed to sync what is in memory says so only once.
        """
        self._write(self._at(newest, self.ledger.end - newest), newest)
        os.fdatasync(self._fd)
        if not marked:
            sync_folder(self._path)  # the file's name may be as new as the file is
            self._gate.set_first_mark(self.ledger.mark)
        self._gate.set_mark(self.ledger.mark)

    def _refuse_a_stranger(self) -> None:
        beginning = self._at(0, BLOCK)
        if beginning.startswith(_SQLITE):
            raise faults.stranger(self._path, "a database of SQLite, which no version in use has ever written")
        if beginning.startswith(_ANY_LAYOUT) and not beginning.startswith(frames.MAGIC):
            raise faults.stranger(self._path, "of another layout, perhaps of a newer version")

    # -- Records -------------------------------------------------------------------------------------------------------

    def queue(self, label: Label, sealed: bytes) -> None:
        """Add a record. When this returns it is on the disk."""
        ledger = self.ledger
        previous, check = ledger.next_link.previous, frames.check_of(sealed)
        self._add(frames.Frame(Kind.RECORD, ledger.file_id, ledger.frames, label, previous, check), sealed)

    def note(self, notes: Iterable[Note]) -> None:
        """Add notes on what became of records. When this returns they are on the disk."""
        payload = frames.write_notes(notes)
        self._add(frames.about(Kind.NOTES, self.ledger.file_id, self.ledger.frames, payload), payload)

    def record(self, held: Held) -> tuple[Frame, bytes]:
        """Give a record's frame and its sealed bytes. Raises OutboxDamagedError when they are not as they were."""
        if held.at is not None:
            with faults.told(self._path):
                frame, sealed = self._frame_at(held.at), self._payload(held.at, held.label)
            if frame and frame.label == held.label and frame.proves(sealed):
                return frame, sealed
        raise self._rotten(held)

    def sealed(self, records: Iterable[Held]) -> dict[bytes, bytes]:
        """Give the sealed bytes of records by id. Raises OutboxDamagedError when some are not as they were."""
        found: dict[bytes, bytes] = {}
        with faults.told(self._path):
            for held in records:
                sealed = b"" if held.at is None else self._payload(held.at, held.label)
                if len(sealed) != held.label.size or frames.check_of(sealed) != held.check:
                    raise self._rotten(held)
                found[held.label.record_id] = sealed
        return found

    def blank(self, records: Iterable[Held]) -> None:
        """Write zeros over the beginnings of records, so that they can't come back. Not synced.

        That touches no block but the first, and waits for nobody; a hole would wait for the file system's journal.
        """
        with faults.told(self._path):
            for held in records:
                if held.at is not None:
                    self._write(bytes(min(held.label.size, BEGINNING_BYTES)), held.at + HEADER_BYTES)

    def erase(self, records: Iterable[Held]) -> None:
        """Take the bytes of records out of the file; their blocks are the disk's again. Not synced."""
        with faults.told(self._path):
            for held in records:
                if held.at is not None:
                    erase(self._fd, held.at, held.label.size)

    def is_erased(self, held: Held) -> bool:
        """Say whether nothing is left of a record's bytes."""
        with faults.told(self._path):
            return held.at is None or not any(self._payload(held.at, held.label))

    def sync(self) -> None:
        """Bring everything to the disk."""
        with faults.told(self._path):
            os.fsync(self._fd)

    # -- Inside --------------------------------------------------------------------------------------------------------

    def _add(self, frame: Frame, payload: bytes) -> None:
        ledger = self.ledger
        with faults.told(self._path):
            self._set_blocks_aside(ledger.end + frame.extent)
            try:
                self._write(frames.write(frame, payload), ledger.end)
                os.fdatasync(self._fd)  # the new length of the file is synced with it: without, nobody could read it
            except OSError:
                with suppress(OSError):  # where that fails too, the next look cuts it off
                    os.ftruncate(self._fd, ledger.end)
                raise
        ledger.take_in(frame, payload)
        self._gate.set_mark(ledger.mark)

    def _set_blocks_aside(self, end: int) -> None:
        """Take blocks for many frames at once. Else each frame's sync has to write down which blocks it took.

        The file's length stays. Where that can't be done, or hardly, blocks are taken one by one.
        """
        if end <= self._set_aside_up_to:
            return
        self._set_aside_up_to = self.ledger.end + _SET_ASIDE
        disk = os.fstatvfs(self._fd)
        if disk.f_bavail * disk.f_frsize > _PLENTY:
            _libc.fallocate(self._fd, _KEEP_SIZE, ctypes.c_int64(self.ledger.end), ctypes.c_int64(_SET_ASIDE))

    def _rotten(self, held: Held) -> OutboxDamagedError:
        what = f"the bytes of record {held.label.record_id.hex()} have changed by themselves"
        return faults.damaged(self._path, what)

    def _write(self, data: bytes, at: int) -> None:
        written = 0
        while written < len(data):
            written += os.pwrite(self._fd, data[written:] if written else data, at + written)

    def _frame_at(self, at: int) -> Frame | None:
        return frames.read(self._at(at, BLOCK))

    def _payload(self, at: int, label: Label) -> bytes:
        return self._at(at + HEADER_BYTES, label.size)

    def _at(self, at: int, length: int) -> bytes:
        return os.pread(self._fd, length, at)


def erase(fd: int, at: int, size: int) -> None:
    """Take the bytes behind the header at `at` out of a file: zeros in its own block, a hole in place of all others.

    Zeros where the file system makes no holes. What is zeros already is not written again: it would cost a block.
    """
    beginning = min(size, BEGINNING_BYTES)
    if any(os.pread(fd, beginning, at + HEADER_BYTES)):
        os.pwrite(fd, bytes(beginning), at + HEADER_BYTES)
    others = frames.extent(size) - BLOCK
    if others and _libc.fallocate(fd, _PUNCH_A_HOLE, ctypes.c_int64(at + BLOCK), ctypes.c_int64(others)):
        os.pwrite(fd, bytes(others), at + BLOCK)


def sync_folder(path: Path) -> None:
    """Bring the names in a file's folder to the disk."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
