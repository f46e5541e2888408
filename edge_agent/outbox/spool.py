"""The outbox itself: what the kiosk and the courier may do with sealed records, and nothing else."""

from __future__ import annotations

import hashlib
import os
from itertools import islice
from typing import TYPE_CHECKING, Final, Self, TypeVar

from edge_agent.errors import NotWaitingError, OutboxDamagedError, OutboxError
from edge_agent.outbox import exchange, faults, salvage
from edge_agent.outbox.frame_file import FrameFile
from edge_agent.outbox.frames import BLOCK, Label, Note
from edge_agent.outbox.gate import Gate
from edge_agent.outbox.records import Backlog, Entry, Limits, Link, Room, Salvage, Settlement, State
from edge_agent.wire.fields import ID_BYTES, MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from edge_agent.outbox.ledger import Ledger

T = TypeVar("T")

_LARGEST_ON_DISK: Final = MAX_RECORD_BYTES + 2 * BLOCK
_NOTES_ON_DISK: Final = 64 * 1024  # for what the courier writes when it lets go
_RENEW_AFTER: Final = 8 << 20  # dead bytes; they are holes on most file systems, but looked over at each start
_DEAD_OVER_LIVE: Final = 3  # a new file is written when it spares three times what it costs
_MOST_TO_MOVE: Final = 16 << 20  # bytes; who is asked to stop meanwhile waits for them
_SHARES_GIVEN_BACK: Final = 8  # in so many the file's dead bytes are given back, before a new one is worth it
_HOLES_AT_ONCE: Final = 16  # each may wait for the file system's journal


class Outbox:
    """One handle on the outbox, for one thread of one process. Others may have theirs at the same time.

    Every method may raise OutboxError (with the cause and the next step): the disk is read-only, locked by a
    stranger, failing. Damage is met inside: the file is set aside, what can be proved is salvaged into a new one, and
    the call goes on there; `salvages()` says what was saved and what was lost.
    """

    def __init__(self, path: Path, limits: Limits, *, patience: float = 10.0, renew_after: int = _RENEW_AFTER) -> None:
        """Name the outbox at `path`; the first use opens it, makes it if there is none, salvages it if it is damaged.

        The folder must be there, and writable by both users' group. Where it isn't, each use raises OutboxError, until
        one finds that it is. `patience` is how long to wait for the other process, in seconds; `renew_after` how many
        bytes of the file may be dead, as long as few are not.
        """
        self._path = path
        self._limits = limits
        self._patience = patience
        self._renew_after = renew_after
        self._sent = set[bytes]()
        self._file: FrameFile | None = None
        self._gate: Gate | None = None
        self._settled = False

    @classmethod
    def open(cls, path: Path, limits: Limits, *, patience: float = 10.0, renew_after: int = _RENEW_AFTER) -> Self:
        """Open it at once; raises what its first use would have. For whoever can do nothing without it."""
        outbox = cls(path, limits, patience=patience, renew_after=renew_after)
        try:
            outbox._run(lambda _: None)
        except BaseException:
            outbox._let_go_of_the_files()
            raise
        return outbox

    # -- The kiosk's side ----------------------------------------------------------------------------------------------

    def room(self) -> Room:
        """Say how much may still come. To be asked before anyone consents.

        Raises OutboxFullError unless a record of the largest size fits: by count, by bytes, and on the file system
        beyond what is to be kept free there; OutboxError when that takes no writes any more, as worn cards do.
        """
        return self._run(self._room)

    def append(self, record_id: bytes, seal: Callable[[Link], bytes]) -> Entry:
        """Queue one record. When this returns, it is on the disk, and its place in the chain is taken.

        `record_id` is 16 random bytes. `seal` is given the record's link and gives the sealed bytes, at most 128 KiB;
        whatever it raises leaves everything as it was. (When damage is met it may be called again, with another link.)
        A record id that is here already, even as a receipted one, is not queued twice: its entry is given as it stands
        and nothing is sealed. So an append whose outcome is not known may simply be repeated.

        Raises OutboxFullError when there is no room: nothing has changed then.
        """
        if len(record_id) != ID_BYTES:
            raise OutboxError(f"A record id has {ID_BYTES} bytes, not {len(record_id)}.")
        return self._run(lambda file: self._append(file, record_id, seal))

    def take_back(self, record_id: bytes) -> bool:
        """Destroy the bytes of a record whose person has thought better of it; say whether it is known here.

        When this returns, they are not in the file any more, nor in one that was set aside. The record's number, hash
        and id stay in `taken_back()` until the withdrawal has its own receipt (`withdrawn`). The record may have been
        sent before, and even have its receipt: only the withdrawal reaches what has left. May be repeated when its
        outcome is not known.
        """
        return self._run(lambda file: self._take_back(file, record_id))

    # -- The courier's side --------------------------------------------------------------------------------------------

    def waiting_ids(self, limit: int) -> list[bytes]:
        """List the ids of up to `limit` records without a receipt, oldest first."""
        return self._run(lambda file: [*islice(file.ledger.waiting, limit)])

    def waiting(self, limit: int) -> list[Entry]:
        """List up to `limit` records without a receipt, oldest first, without loading their bytes."""
        held = self._run(lambda file: [*islice(file.ledger.waiting.values(), limit)])
        return [one.label.entry(State.SENT if one.label.record_id in self._sent else one.state) for one in held]

    def holds(self, record_id: bytes) -> bool:
        """Say whether a record still waits for its receipt."""
        return self._run(lambda file: record_id in file.ledger.waiting)

    def read(self, record_id: bytes) -> bytes:
        """Give the sealed bytes of a waiting record, each time held against their checksum.

        Raises NotWaitingError when no such record waits (any more); also when its bytes turn out to be damaged: the
        outbox has then been salvaged, and its report counts the record as lost.
        """
        return self._run(lambda file: _read(file, record_id))

    def read_several(self, record_ids: Sequence[bytes]) -> dict[bytes, bytes]:
        """Give the sealed bytes of those of the records that wait, each held against its checksum; see `read`."""

        def read(file: FrameFile) -> dict[bytes, bytes]:
            here = (file.ledger.waiting.get(record_id) for record_id in record_ids)
            return file.sealed([held for held in here if held])

        return self._run(read)

    def mark_sent(self, record_ids: Iterable[bytes]) -> None:
        """Note that records were handed to a broker. It proves nothing: they stay until their receipts.

        Kept in memory and written down by `close` alone. What is not receipted is sent again after a restart whatever
        the mark says, so a mark that is lost costs nothing, and one that was synced would spare nothing.
        """
        self._sent.update(record_ids)

    def mark_receipted(self, receipts: Mapping[bytes, bytes]) -> dict[bytes, Settlement]:
        """Let records go: SHA-256 by record id, as the intake's verified receipts have them. One frame for all.

        The bytes go (their blocks with the next `tidy`), a tombstone stays. A receipt for a record that is not here,
        or for other bytes, changes nothing and is told as such.
        """
        return self._run(lambda file: self._mark_receipted(file, receipts))

    def tidy(self) -> bool:
        """Give some of what was let go back to the disk; say whether there is more. For quiet moments.

        A little waits for the next record, whose sync pays for both, unless the disk is full.
        When most of the file is dead, what isn't moves to a new one.
        """
        return self._run(self._renew_if_worth_it) or self._run(self._give_back)

    def taken_back(self) -> list[Entry]:
        """List the records that were taken back here and whose withdrawals have no receipt yet."""
        held = self._run(lambda file: [*file.ledger.taken_back.values()])
        return [one.label.entry(one.state) for one in held]

    def withdrawn(self, record_ids: Iterable[bytes]) -> None:
        """Note that the withdrawals of records have their own receipts: the tombstones may be forgotten in time."""
        self._run(lambda file: _withdrawn(file, record_ids))

    # -- For both ------------------------------------------------------------------------------------------------------

    def backlog(self) -> Backlog:
        """Count what waits for a receipt."""
        return self._run(lambda file: _backlog(file.ledger))

    def highest(self) -> tuple[bytes, int]:
        """Give the epoch and the highest sequence number taken in it, 0 when there is none yet."""
        link = self._run(lambda file: file.ledger.next_link)
        return link.epoch, link.seq - 1

    def salvages(self) -> tuple[Salvage, ...]:
        """Report all damage ever met, oldest first: what was saved, what was lost, where the damaged file is."""
        return self._run(lambda file: tuple(file.ledger.reports))

    def close(self) -> None:
        """Write down what was marked as sent, and let go of the files. The outbox can't be used afterwards."""
        try:
            if self._sent:
                self._run(self._note_sent)
        finally:
            self._let_go_of_the_files()

    # -- Inside --------------------------------------------------------------------------------------------------------

    def _run(self, work: Callable[[FrameFile], T]) -> T:
        """Do something with the file; when it turns out damaged, salvage it and do it again."""
        if self._gate is None:
            self._gate = Gate(exchange.beside(self._path, ".lock"), self._patience)
        with self._gate.held():
            if not self._settled:
                exchange.found_if_missing(self._path)
            try:
                return work(self._caught_up(self._gate))
            except OutboxDamagedError:
                self._let_go_of_the_file()
                salvage.salvage(self._path, self._gate.mark())
            return work(self._caught_up(self._gate))

    def _caught_up(self, gate: Gate) -> FrameFile:
        """Give the file as it stands now, another one if somebody has exchanged it."""
        with faults.told(self._path):
            now = os.stat(self._path)  # noqa: PTH116  # the quicker way, at every call
        if self._file and self._file.inode != (now.st_dev, now.st_ino):
            self._let_go_of_the_file()
        if self._file is None:
            self._file = FrameFile(self._path, gate)
        self._file.catch_up()
        if not self._settled:
            self._finish_erasing(self._file)
            self._settled = True
        return self._file

    def _let_go_of_the_file(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def _let_go_of_the_files(self) -> None:
        self._let_go_of_the_file()
        if self._gate:
            self._gate.close()
            self._gate = None

    def _finish_erasing(self, file: FrameFile) -> None:
        """Erase what was taken back when the power went in between."""
        left = [held for held in file.ledger.taken_back.values() if not file.is_erased(held)]
        if left:
            file.erase(left)
            file.sync()

    def _room(self, file: FrameFile) -> Room:
        room = self._room_within_limits(file.ledger, MAX_RECORD_BYTES)
        with faults.told(self._path):
            disk = os.statvfs(self._path)
        if disk.f_flag & os.ST_RDONLY:
            raise faults.read_only(self._path)
        if disk.f_bavail * disk.f_frsize - self._limits.keep_free_bytes < _LARGEST_ON_DISK + _NOTES_ON_DISK:
            raise faults.disk_full(self._path)
        return room

    def _room_within_limits(self, ledger: Ledger, size: int) -> Room:
        waiting = _backlog(ledger)
        room = Room(self._limits.max_records - waiting.records, self._limits.max_bytes - waiting.bytes)
        if room.records < 1:
            raise faults.backlog_full(self._path, "many records")
        if room.bytes < size:
            raise faults.backlog_full(self._path, "many bytes")
        return room

    def _append(self, file: FrameFile, record_id: bytes, seal: Callable[[Link], bytes]) -> Entry:
        ledger = file.ledger
        if known := ledger.state_of(record_id):
            label, state = known
            return label.entry(state)
        link = ledger.next_link
        sealed = seal(link)
        if not 0 < len(sealed) <= MAX_RECORD_BYTES:
            raise OutboxError(f"A sealed record has 1 to {MAX_RECORD_BYTES} bytes, not {len(sealed)}.")
        self._room_within_limits(ledger, len(sealed))
        sha256 = hashlib.sha256(sealed).digest()
        label = Label(ledger.place + 1, link.epoch, link.seq, record_id, sha256, len(sealed))
        _make_holes(file)  # the file system writes the same blocks about both changes, by the one sync
        file.queue(label, sealed)
        return label.entry(State.QUEUED)

    def _take_back(self, file: FrameFile, record_id: bytes) -> bool:
        ledger = file.ledger
        known = ledger.state_of(record_id)
        if known is None:
            return False
        label, state = known
        if state is not State.TAKEN_BACK:
            file.note([Note(State.TAKEN_BACK, label)])
        file.erase([ledger.taken_back[record_id]])
        file.sync()
        salvage.erase_in_damaged(self._path, label)
        return True

    def _mark_receipted(self, file: FrameFile, receipts: Mapping[bytes, bytes]) -> dict[bytes, Settlement]:
        ledger = file.ledger
        settlements = {
            record_id: _settlement(ledger.state_of(record_id), sha256) for record_id, sha256 in receipts.items()
        }
        settled = [ledger.waiting[key] for key, settlement in settlements.items() if settlement is Settlement.SETTLED]
        if settled:
            self._sent.difference_update(held.label.record_id for held in settled)
            file.note(Note(State.RECEIPTED, held.label) for held in settled)
            file.blank(settled)
        return settlements

    def _note_sent(self, file: FrameFile) -> None:
        held = (file.ledger.waiting.get(record_id) for record_id in self._sent)
        if notes := [Note(State.SENT, one.label) for one in held if one and one.state is State.QUEUED]:
            file.note(notes)

    def _renew_if_worth_it(self, file: FrameFile) -> bool:
        dead = file.ledger.dead_bytes
        live = file.ledger.end - dead
        if dead < max(self._renew_after, _DEAD_OVER_LIVE * live) or live > _MOST_TO_MOVE:
            return False
        with faults.told(self._path):
            disk = os.statvfs(self._path)
        if disk.f_bavail * disk.f_frsize < live + self._limits.keep_free_bytes:
            return False
        exchange.renew(file, self._path)
        return True

    def _give_back(self, file: FrameFile) -> bool:
        if file.ledger.bytes_let_go < self._renew_after // _SHARES_GIVEN_BACK and self._has_room(file):
            return False
        _make_holes(file)
        return bool(file.ledger.let_go)

    def _has_room(self, file: FrameFile) -> bool:
        try:
            self._room(file)
        except OutboxError:
            return False
        return True


def _backlog(ledger: Ledger) -> Backlog:
    return Backlog(len(ledger.waiting), ledger.waiting_bytes)


def _read(file: FrameFile, record_id: bytes) -> bytes:
    held = file.ledger.waiting.get(record_id)
    if held is None:
        raise NotWaitingError(
            f"No record {record_id.hex()} waits in the outbox.",
            next_step="If it did before, look into the reports of salvages: its bytes may have been damaged.",
        )
    return file.sealed([held])[record_id]


def _make_holes(file: FrameFile) -> None:
    let_go = file.ledger.let_go
    file.erase(let_go[:_HOLES_AT_ONCE])
    del let_go[:_HOLES_AT_ONCE]


def _withdrawn(file: FrameFile, record_ids: Iterable[bytes]) -> None:
    held = (file.ledger.taken_back.get(record_id) for record_id in record_ids)
    if notes := [Note(State.RECEIPTED, one.label) for one in held if one]:
        file.note(notes)


def _settlement(known: tuple[Label, State] | None, sha256: bytes) -> Settlement:
    if known is None:
        return Settlement.UNKNOWN
    label, state = known
    if label.sha256 != sha256:
        return Settlement.OTHER_BYTES
    match state:
        case State.RECEIPTED:
            return Settlement.ALREADY
        case State.TAKEN_BACK:
            return Settlement.TAKEN_BACK
        case State.QUEUED | State.SENT:
            return Settlement.SETTLED
