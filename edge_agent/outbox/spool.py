"""The outbox itself: what the kiosk and the courier may do with sealed records, and nothing else."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final, Self, TypeVar

from edge_agent.errors import OutboxDamagedError, OutboxError
from edge_agent.outbox import database, faults, salvage
from edge_agent.outbox.database import Database, Label
from edge_agent.outbox.gate import Gate
from edge_agent.outbox.records import Backlog, Entry, Limits, Link, Room, Salvage, Settlement, State
from edge_agent.wire.sealing import ID_BYTES, MAX_RECORD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

T = TypeVar("T")

_LARGEST_ON_DISK: Final = MAX_RECORD_BYTES + 4 * 1024  # with its rows and its pages' own bytes
_JOURNAL_ON_DISK: Final = 64 * 1024  # far more than a transaction's few pages


class Outbox:
    """One handle on the outbox, for one thread of one process. Others may have theirs at the same time.

    Every method may raise OutboxError (with the cause and the next step): the disk is read-only, locked by a
    stranger, failing. Damage is met inside: the file is set aside, what can be proved is salvaged into a new one, and
    the call goes on there; `salvages()` says what was saved and what was lost.
    """

    def __init__(self, path: Path, limits: Limits, patience: float) -> None:
        """Use `Outbox.open`."""
        self._path = path
        self._limits = limits
        self._patience = patience
        self._sent = set[bytes]()
        self._places = dict[bytes, int]()  # of the records that `waiting` listed last: the ledger has no other index
        self._database: Database | None = None
        self._inode: tuple[int, int] | None = None
        self._gate = Gate(path.with_name(path.stem + ".lock"), patience)

    @classmethod
    def open(cls, path: Path, limits: Limits, *, patience: float = 10.0) -> Self:
        """Open the outbox at `path`, make it if there is none, salvage it if it is damaged.

        The folder must be there, and writable by both users' group. `patience` is how long to wait for the other
        process, in seconds.
        """
        outbox = cls(path, limits, patience)
        try:
            with outbox._gate.alone():
                salvage.found_if_missing(path, patience)
            outbox._run(database.look_over)
        except BaseException:
            outbox._let_go_of_the_files()
            raise
        return outbox

    # -- The kiosk's side ----------------------------------------------------------------------------------------------

    def room(self) -> Room:
        """Say how much may still come. To be asked before anyone consents.

        Raises OutboxFullError unless a record of the largest size fits: by count, by bytes, and on the file system
        beyond what is to be kept free there.
        """
        return self._run(self._room)

    def append(self, record_id: bytes, seal: Callable[[Link], bytes]) -> Entry:
        """Queue one record. When this returns, it is on the disk, and its place in the chain is taken.

        `record_id` is 16 random bytes. `seal` is given the record's link and gives the sealed bytes, at most 128 KiB;
        it is called inside the transaction, so that whatever it raises leaves everything as it was. (When damage is
        met it may be called again, with another link.) A record id that is here already, even as a receipted one, is
        not queued twice: its entry is given as it stands and nothing is sealed. So an append whose outcome is not
        known may simply be repeated.

        Raises OutboxFullError when there is no room: nothing has changed then.
        """
        if len(record_id) != ID_BYTES:
            raise OutboxError(f"A record id has {ID_BYTES} bytes, not {len(record_id)}.")
        return self._run(lambda db: self._append(db, record_id, seal))

    # -- The courier's side --------------------------------------------------------------------------------------------

    def waiting(self, limit: int) -> list[Entry]:
        """List up to `limit` records without a receipt, oldest first, without loading their bytes."""
        rows = self._run(lambda db: database.waiting(db, limit))
        self._places = {label.record_id: label.place for label, _ in rows}
        return [label.entry(State.SENT if label.record_id in self._sent else state) for label, state in rows]

    def read(self, record_id: bytes) -> bytes:
        """Give the sealed bytes of a waiting record, proved by their hash.

        Raises OutboxError when no such record waits; also when its bytes turn out to be damaged: the outbox has then
        been salvaged, and its report counts the record as lost.
        """
        return self._run(lambda db: _read(db, record_id, self._places.get(record_id)))

    def mark_sent(self, record_ids: Iterable[bytes]) -> None:
        """Note that records were handed to a broker. It proves nothing: they stay until their receipts.

        Kept in memory, and written down with the next receipt or by `close`: a mark of its own would cost the card a
        third of a record, and one that is lost costs no more than sending again.
        """
        self._sent.update(record_ids)

    def mark_receipted(self, receipts: Mapping[bytes, bytes]) -> dict[bytes, Settlement]:
        """Let records go: SHA-256 by record id, as the intake's verified receipts have them. One transaction for all.

        The bytes go, a tombstone stays. A receipt for a record that is not here, or for other bytes, changes nothing
        and is told as such.
        """
        return self._run(lambda db: self._mark_receipted(db, receipts))

    # -- For both ------------------------------------------------------------------------------------------------------

    def backlog(self) -> Backlog:
        """Count what waits for a receipt."""
        return Backlog(*self._run(database.backlog))

    def highest(self) -> tuple[bytes, int]:
        """Give the epoch and the highest sequence number taken in it, 0 when there is none yet."""
        link = self._run(database.head).next_link
        return link.epoch, link.seq - 1

    def salvages(self) -> tuple[Salvage, ...]:
        """Report all damage ever met, oldest first: what was saved, what was lost, where the damaged file is."""
        return self._run(salvage.salvages)

    def close(self) -> None:
        """Write down what was marked as sent, and let go of the files. The outbox can't be used afterwards."""
        try:
            if self._sent:
                self._run(self._note_sent)
        finally:
            self._let_go_of_the_files()

    # -- Inside --------------------------------------------------------------------------------------------------------

    def _run(self, work: Callable[[Database], T]) -> T:
        """Do something with the database; when it turns out damaged, salvage it and do it again."""
        try:
            return self._attempt(work)
        except OutboxDamagedError:
            self._salvage()
        return self._attempt(work)

    def _attempt(self, work: Callable[[Database], T]) -> T:
        with self._gate.shared():
            return work(self._connected())

    def _connected(self) -> Database:
        """Give the connection, a new one if another process has exchanged the file."""
        inode = self._inode_now()
        if inode != self._inode:
            self._disconnect()
        self._inode = inode
        if self._database is None:
            self._database = Database(self._path, self._patience)
        return self._database

    def _inode_now(self) -> tuple[int, int]:
        with faults.told(self._path):
            at = self._path.stat()
            return at.st_dev, at.st_ino

    def _salvage(self) -> None:
        """Exchange the file that was found damaged, unless another process has done it meanwhile."""
        self._disconnect()
        with self._gate.alone():
            if self._inode_now() == self._inode:
                salvage.salvage(self._path, self._patience)

    def _disconnect(self) -> None:
        if self._database:
            self._database.close()
            self._database = None

    def _let_go_of_the_files(self) -> None:
        self._disconnect()
        self._gate.close()

    def _room(self, db: Database) -> Room:
        room = self._room_within_limits(db, MAX_RECORD_BYTES)
        free, reusable = database.space(db)
        growth = max(0, _LARGEST_ON_DISK - reusable)
        usable = free - self._limits.keep_free_bytes if growth else free
        if usable < growth + _JOURNAL_ON_DISK:
            raise faults.disk_full(self._path)
        return room

    def _room_within_limits(self, db: Database, size: int) -> Room:
        waiting = Backlog(*database.backlog(db))
        room = Room(self._limits.max_records - waiting.records, self._limits.max_bytes - waiting.bytes)
        if room.records < 1:
            raise faults.backlog_full(self._path, "many records")
        if room.bytes < size:
            raise faults.backlog_full(self._path, "many bytes")
        return room

    def _append(self, db: Database, record_id: bytes, seal: Callable[[Link], bytes]) -> Entry:
        with db.writing():
            if known := database.find(db, [record_id]):
                label, state = known[record_id]
                return label.entry(state)
            head = database.head(db)
            sealed = seal(head.next_link)
            if not 0 < len(sealed) <= MAX_RECORD_BYTES:
                raise OutboxError(f"A sealed record has 1 to {MAX_RECORD_BYTES} bytes, not {len(sealed)}.")
            self._room_within_limits(db, len(sealed))
            sha256 = hashlib.sha256(sealed).digest()
            label = Label.make(head.place + 1, head.next_link, record_id, sha256, len(sealed))
            database.enter(db, label, State.QUEUED, sealed)
        return label.entry(State.QUEUED)

    def _mark_receipted(self, db: Database, receipts: Mapping[bytes, bytes]) -> dict[bytes, Settlement]:
        with db.writing():
            known = database.find(db, list(receipts))
            settlements = {
                record_id: _settlement(known.get(record_id), sha256) for record_id, sha256 in receipts.items()
            }
            settled = [known[key][0] for key, settlement in settlements.items() if settlement is Settlement.SETTLED]
            for label in settled:
                database.let_go(db, label)
            if settled:
                database.forget(db)
                self._note_sent(db)
        if settled:
            self._sent.clear()
        return settlements

    def _note_sent(self, db: Database) -> None:
        database.note_sent(db, list(self._sent))


def _read(db: Database, record_id: bytes, place: int | None) -> bytes:
    known = (database.at(db, record_id, place) if place is not None else {}) or database.find(db, [record_id])
    label, state = known.get(record_id, (None, State.RECEIPTED))
    if label is None or state is State.RECEIPTED:
        raise OutboxError(
            f"No record {record_id.hex()} waits in the outbox.",
            next_step="If it did before, look into the reports of salvages: its bytes may have been damaged.",
        )
    sealed = database.sealed_bytes(db, label)
    if sealed is None or hashlib.sha256(sealed).digest() != label.sha256:
        raise faults.damaged(db.path, f"the bytes of record {record_id.hex()} have changed by themselves")
    return sealed


def _settlement(known: tuple[Label, State] | None, sha256: bytes) -> Settlement:
    if known is None:
        return Settlement.UNKNOWN
    label, state = known
    if label.sha256 != sha256:
        return Settlement.OTHER_BYTES
    return Settlement.ALREADY if state is State.RECEIPTED else Settlement.SETTLED
