"""The SQLite file: its tables, how it is opened, how its rows prove themselves, and whether all of it is sound."""

from __future__ import annotations

import os
import sqlite3
import struct
import zlib
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self
from urllib.parse import quote

from edge_agent.outbox import faults
from edge_agent.outbox.gate import GROUP_MODE
from edge_agent.outbox.records import Entry, Link, State
from edge_agent.wire.sealing import FIRST_IN_CHAIN, HASH_BYTES, ID_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

APPLICATION_ID: Final = 0x484D_5744  # 'HMWD': marks the file as ours, and this layout as the first
PAGE_BYTES: Final = 1024  # small, so that the few bytes of a ledger row don't cost a whole 4 KiB page twice
TOMBSTONES: Final = 1024  # so many of the newest records are remembered after their receipts
_SPARE_TOMBSTONES: Final = 128  # forgotten in one go, so that forgetting costs next to nothing

ROOTS: Final = (2, 3, 4, 5)  # the root pages of the four tables, in the order of SCHEMA; a salvage starts from them
SCHEMA: Final = (
    """CREATE TABLE ledger (
        place INTEGER PRIMARY KEY, epoch BLOB, seq INTEGER, record_id BLOB, sha256 BLOB, size INTEGER, crc INTEGER,
        state INTEGER)""",
    """CREATE TABLE sealed (
        place INTEGER PRIMARY KEY, epoch BLOB, seq INTEGER, record_id BLOB, sha256 BLOB, size INTEGER, crc INTEGER,
        bytes BLOB)""",
    "CREATE TABLE life (epoch BLOB)",
    """CREATE TABLE salvage (
        place INTEGER PRIMARY KEY, set_aside TEXT, epoch BLOB, first INTEGER, last INTEGER, fate TEXT)""",
)
_LEDGER: Final = "SELECT place, epoch, seq, record_id, sha256, size, crc, state FROM ledger"
_SEALED_LABELS: Final = "SELECT place, epoch, seq, record_id, sha256, size, crc, length(bytes) FROM sealed"
_SEALED: Final = "SELECT place, epoch, seq, record_id, sha256, size, crc, bytes FROM sealed WHERE place = ?"
STATE_OF: Final = {0: State.QUEUED, 1: State.SENT, 2: State.RECEIPTED}  # how a state is stored
_NUMBER_OF: Final = {state: number for number, state in STATE_OF.items()}
_QUEUED, _SENT, _RECEIPTED = STATE_OF


class Label(NamedTuple):
    """What stands on a record, in the ledger and again beside its bytes.

    SQLite keeps no checksum over its pages: `crc` (CRC-32, ISO 3309) is how a row proves that it is as it was written.
    """

    place: int  # in the order of the ledger; goes on through all epochs of a kiosk
    epoch: bytes
    seq: int
    record_id: bytes
    sha256: bytes
    size: int
    crc: int

    @classmethod
    def make(cls, place: int, link: Link, record_id: bytes, sha256: bytes, size: int) -> Self:
        """Write a label, with its checksum."""
        crc = _crc(place, link.epoch, link.seq, record_id, sha256, size)
        return cls(place, link.epoch, link.seq, record_id, sha256, size, crc)

    @classmethod
    def of(cls, row: Sequence[Any]) -> Self | None:
        """Read a label off a row; None when it is not as it was written."""
        try:
            label = cls(*row)
            sound = label.crc == _crc(*label[:-1])
        except (TypeError, struct.error):
            return None
        return label if sound else None

    def entry(self, state: State) -> Entry:
        """Give what the outside sees of it."""
        return Entry(self.record_id, self.epoch, self.seq, self.sha256, self.size, state)


def _crc(place: int, epoch: bytes, seq: int, record_id: bytes, sha256: bytes, size: int) -> int:
    layout = f">q{ID_BYTES}sq{ID_BYTES}s{HASH_BYTES}sI"
    return zlib.crc32(struct.pack(layout, place, epoch, seq, record_id, sha256, size))


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain: the place of the last record, and the link that the next one gets."""

    place: int
    next_link: Link


class Database:
    """One connection. Every fault comes out as an OutboxError."""

    def __init__(self, path: Path, patience: float) -> None:
        self.path = path
        with faults.told(path):
            self._connection = sqlite3.connect(
                f"file:{quote(str(path))}?mode=rw", uri=True, timeout=patience, isolation_level=None
            )
        self._connection.text_factory = _text
        try:
            self.execute(f"PRAGMA page_size={PAGE_BYTES}")
            self.execute("PRAGMA journal_mode=TRUNCATE")
            self.execute("PRAGMA synchronous=EXTRA")
            self.execute("PRAGMA secure_delete=OFF")  # what is let go was ciphertext; zeros would wear the card
            self.execute("PRAGMA cell_size_check=ON")
            self.execute("PRAGMA trusted_schema=OFF")
        except BaseException:
            self.close()
            raise

    def execute(self, sql: str, values: Sequence[object] = ()) -> list[Any]:
        """Run one statement and give its rows."""
        with faults.told(self.path):
            return self._connection.execute(sql, values).fetchall()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make what happens inside one transaction: all of it, or, when anything is raised, none of it."""
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back itself; if nobody can, the next opening does
                self._connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _text(stored: bytes) -> str:
    """Read a text that damage may have made no text any more."""
    return stored.decode(errors="replace")


# -- The ledger --------------------------------------------------------------------------------------------------------


def head(database: Database) -> Head:
    """Find the end of the chain."""
    epoch = _epoch(database)
    last = database.execute(f"{_LEDGER} ORDER BY place DESC LIMIT 1")
    if not last:
        return Head(0, Link(epoch, 1, FIRST_IN_CHAIN))
    label, _ = _ledger_row(database, last[0])
    if label.epoch != epoch:  # everything here was salvaged; the first record of the new epoch is still to come
        return Head(label.place, Link(epoch, 1, FIRST_IN_CHAIN))
    return Head(label.place, Link(label.epoch, label.seq + 1, label.sha256))


def find(database: Database, record_ids: Sequence[bytes]) -> dict[bytes, tuple[Label, State]]:
    """Look up records by their ids, receipted ones too as long as they are remembered."""
    marks = ",".join("?" * len(record_ids))
    return _known(database, f"{_LEDGER} WHERE record_id IN ({marks})", record_ids)


def at(database: Database, record_id: bytes, place: int) -> dict[bytes, tuple[Label, State]]:
    """Look a record up where it is thought to be, without going through the whole ledger."""
    return _known(database, f"{_LEDGER} WHERE place = ? AND record_id = ?", (place, record_id))


def waiting(database: Database, limit: int) -> list[tuple[Label, State]]:
    """List records without a receipt, oldest first."""
    rows = database.execute(f"{_LEDGER} WHERE state <> ? ORDER BY place LIMIT ?", (_RECEIPTED, limit))
    return [_ledger_row(database, row) for row in rows]


def backlog(database: Database) -> tuple[int, int]:
    """Count the records without a receipt, and their bytes."""
    ((records, size),) = database.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM ledger WHERE state <> ?", (_RECEIPTED,)
    )
    return records, size


def space(database: Database) -> tuple[int, int]:
    """Give the bytes that the file system has left for us, and those inside the file that can be used again."""
    with faults.told(database.path):
        disk = os.statvfs(database.path)
    ((free_pages,),) = database.execute("PRAGMA freelist_count")
    return disk.f_bavail * disk.f_frsize, free_pages * PAGE_BYTES


def enter(database: Database, label: Label, state: State, sealed: bytes | None) -> None:
    """Write a record down; a receipted one has no bytes any more."""
    database.execute("INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*label, _NUMBER_OF[state]))
    if sealed is not None:
        database.execute("INSERT INTO sealed VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*label, sealed))


def sealed_bytes(database: Database, label: Label) -> bytes | None:
    """Give the bytes that are kept under a label; None when they are not there."""
    rows = database.execute(_SEALED, (label.place,))
    return rows[0][-1] if rows and Label.of(rows[0][:-1]) == label and isinstance(rows[0][-1], bytes) else None


def note_sent(database: Database, record_ids: Sequence[bytes]) -> None:
    """Write down that records were sent, unless they have gone further."""
    marks = ",".join("?" * len(record_ids))
    change = f"UPDATE ledger SET state = ? WHERE state = ? AND record_id IN ({marks})"  # noqa: S608  # question marks
    database.execute(change, (_SENT, _QUEUED, *record_ids))


def let_go(database: Database, label: Label) -> None:
    """Drop a record's bytes and keep its tombstone."""
    database.execute("UPDATE ledger SET state = ? WHERE place = ?", (_RECEIPTED, label.place))
    database.execute("DELETE FROM sealed WHERE place = ?", (label.place,))


def forget(database: Database) -> None:
    """Drop the oldest tombstones, once there are enough of them to be worth a write."""
    horizon = head(database).place - TOMBSTONES
    oldest = database.execute("SELECT place FROM ledger WHERE state = ? ORDER BY place LIMIT 1", (_RECEIPTED,))
    if oldest and oldest[0][0] <= horizon - _SPARE_TOMBSTONES:
        database.execute("DELETE FROM ledger WHERE state = ? AND place <= ?", (_RECEIPTED, horizon))


def _known(database: Database, query: str, values: Sequence[object]) -> dict[bytes, tuple[Label, State]]:
    rows = [_ledger_row(database, row) for row in database.execute(query, values)]
    return {label.record_id: (label, state) for label, state in rows}


def _epoch(database: Database) -> bytes:
    lives = database.execute("SELECT epoch FROM life")
    if len(lives) != 1 or not isinstance(lives[0][0], bytes) or len(lives[0][0]) != ID_BYTES:
        raise faults.damaged(database.path, "its epoch is unreadable")
    epoch: bytes = lives[0][0]
    return epoch


def _ledger_row(database: Database, row: Sequence[Any]) -> tuple[Label, State]:
    label = Label.of(row[:-1])
    if label is None or row[-1] not in STATE_OF:
        raise faults.damaged(database.path, "a row of the ledger has changed by itself")
    return label, STATE_OF[row[-1]]


# -- Founding and looking over -----------------------------------------------------------------------------------------


def found(path: Path, patience: float, epoch: bytes) -> Database:
    """Make an outbox file with nothing in it, readable and writable by user and group."""
    with faults.told(path):
        path.touch(mode=0o600)
        path.chmod(GROUP_MODE)  # whatever the umask is
    database = Database(path, patience)
    database.execute("PRAGMA auto_vacuum=NONE")
    database.execute(f"PRAGMA application_id={APPLICATION_ID}")
    with database.writing():
        for table in SCHEMA:
            database.execute(table)
        database.execute("INSERT INTO life VALUES (?)", (epoch,))
    return database


def look_over(database: Database) -> None:
    """Look whether the file is an outbox, and sound in every page, row and link that can be told without the bytes.

    The bytes of a record are proved by their hash whenever they are read. Raises OutboxDamagedError when something
    is not as it was written, OutboxError when the file was never an outbox.
    """
    _refuse_a_stranger(database)
    verdict = database.execute("PRAGMA quick_check(1)")
    if verdict != [("ok",)]:
        raise faults.damaged(database.path, "its pages contradict each other")
    rows = [_ledger_row(database, row) for row in database.execute(_LEDGER)]
    kept = database.execute(_SEALED_LABELS)
    due = [(*label, label.size) for label, state in rows if state is not State.RECEIPTED]
    if kept != due:
        raise faults.damaged(database.path, "the ledger and the records disagree")
    epoch = _epoch(database)
    _look_over_the_chain(database, [label for label, _ in rows if label.epoch == epoch])


def _refuse_a_stranger(database: Database) -> None:
    ((mark,),) = database.execute("PRAGMA application_id")
    tables = database.execute("SELECT name, rootpage, sql FROM sqlite_schema")
    if mark != APPLICATION_ID and tables and "ledger" not in {name for name, _, _ in tables}:
        raise faults.unreachable(database.path, "it is a database of another program")
    if mark != APPLICATION_ID or [row[1:] for row in tables] != list(zip(ROOTS, SCHEMA, strict=True)):
        raise faults.damaged(database.path, "its header or its tables are not those that were written")


def _look_over_the_chain(database: Database, labels: Sequence[Label]) -> None:
    """Only old tombstones may be missing from an epoch: its newest records must all be there, one after the other."""
    recent = labels[-TOMBSTONES:]
    expected = min(recent[-1].seq, TOMBSTONES) if recent else 0
    offsets = {label.place - label.seq for label in labels}
    if len(recent) != expected or len(offsets) > 1 or (recent and recent[-1].seq - recent[0].seq + 1 != expected):
        raise faults.damaged(database.path, "a record is missing from the chain")
