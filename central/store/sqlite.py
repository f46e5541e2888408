"""The store in one SQLite file: WAL and synchronous=FULL, one writer, any number of readers.

One writer is held by a lock on the file beside it: SQLite up to 3.51.2 can lose a reset of the WAL when two connections
write or checkpoint at once. Readers open the file read-only and never checkpoint.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

from central.store.port import (
    Erasure,
    Fate,
    Heard,
    Kept,
    LatestStatus,
    Link,
    Quarantined,
    Recall,
    Refusal,
    Sealed,
    Tombstone,
)
from central.store.rules import (
    REFUSALS,
    again,
    end_of,
    end_of_refused,
    fate_of_record,
    fate_of_refused,
    fate_of_withdrawal,
    held_fate,
    is_past,
    refusal_for,
)
from edge_agent.errors import StoreError
from edge_agent.files import OWNER_ONLY
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path
    from types import TracebackType

    from central.store.port import Entry
    from edge_agent.wire.withdrawal import Withdrawn

VERSION: Final = 2
_APPLICATION: Final = 0x48574D49  # 'HWMI': the file says what it is
_WAIT_S: Final = 10.0

# `number` grows with every arrival. The bytes stand last in each row, so that reading the rest leaves them alone; they
# are NULL in a tombstone.
_SCHEMA: Final = """
CREATE TABLE records (
    number     INTEGER PRIMARY KEY,
    record_id  BLOB NOT NULL UNIQUE,
    kiosk      TEXT NOT NULL,
    epoch      BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    previous   BLOB NOT NULL,
    sha256     BLOB NOT NULL,
    issued_at  INTEGER NOT NULL,
    arrived_at INTEGER NOT NULL,
    ends_at    INTEGER,
    withdraws  BLOB,
    erased_at  INTEGER,
    because    TEXT,
    withdrawal BLOB,
    sealed     BLOB,
    UNIQUE (kiosk, epoch, seq)
) STRICT;
CREATE INDEX ends ON records (ends_at) WHERE erased_at IS NULL;
CREATE TABLE recalled (  -- before it came
    kiosk      TEXT NOT NULL,
    record_id  BLOB NOT NULL,
    sha256     BLOB NOT NULL,
    epoch      BLOB NOT NULL,
    seq        INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    withdrawal BLOB,
    PRIMARY KEY (kiosk, record_id, sha256, epoch, seq)
) STRICT;
CREATE TABLE quarantine (
    number      INTEGER PRIMARY KEY,
    sha256      BLOB NOT NULL,
    topic       TEXT NOT NULL,
    reason      TEXT NOT NULL,
    explanation TEXT NOT NULL,
    first_at    INTEGER NOT NULL,
    last_at     INTEGER NOT NULL,
    arrivals    INTEGER NOT NULL,
    ends_at     INTEGER NOT NULL,
    bytes       BLOB NOT NULL,
    UNIQUE (sha256, topic)
) STRICT;
CREATE TABLE statuses (
    kiosk   TEXT PRIMARY KEY,
    online  INTEGER NOT NULL,
    at      INTEGER NOT NULL,
    doubt   TEXT,
    message BLOB NOT NULL
) STRICT;
CREATE TABLE reaches (
    kiosk       TEXT NOT NULL,
    epoch       BLOB NOT NULL,
    highest_seq INTEGER NOT NULL,
    PRIMARY KEY (kiosk, epoch)
) STRICT;
CREATE TABLE floors (document TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
"""

INSERT_RECORD: Final = """
INSERT INTO records (record_id, kiosk, epoch, seq, previous, sha256, issued_at, arrived_at, ends_at, withdraws,
                     erased_at, because, sealed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_KEPT: Final = "SELECT record_id, kiosk, issued_at, arrived_at, sha256, length(sealed), ends_at, withdraws FROM records"
_TOMBSTONE: Final = (
    "SELECT record_id, kiosk, issued_at, arrived_at, ends_at, erased_at, because, withdrawal FROM records"
)
_ANY: Final = "SELECT EXISTS (SELECT 1 FROM recalled), EXISTS (SELECT 1 FROM quarantine)"
_RECALL: Final = """
INSERT INTO recalled (kiosk, record_id, sha256, epoch, seq, at, withdrawal)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_RECALLED: Final = "SELECT 1 FROM recalled WHERE kiosk = ? AND record_id = ? AND sha256 = ? AND epoch = ? AND seq = ?"
_NEVER_CAME: Final = """
FROM recalled r WHERE NOT EXISTS (SELECT 1 FROM records s WHERE s.record_id = r.record_id AND s.kiosk = r.kiosk)
"""
_ERASE: Final = """
UPDATE records SET sealed = NULL, erased_at = ?, because = ?, withdrawal = ? WHERE record_id = ? AND erased_at IS NULL
"""
_ERASE_ENDED: Final = """
UPDATE records SET sealed = NULL, erased_at = ?1, because = ?2 WHERE ends_at <= ?1 AND erased_at IS NULL
"""
_QUARANTINE: Final = """
INSERT INTO quarantine (sha256, topic, reason, explanation, first_at, last_at, arrivals, ends_at, bytes)
VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1, ?6, ?7)
ON CONFLICT (sha256, topic) DO UPDATE SET
    reason = excluded.reason, explanation = excluded.explanation,
    last_at = excluded.last_at, arrivals = arrivals + 1, ends_at = excluded.ends_at
"""
_RELEASE: Final = "DELETE FROM quarantine WHERE sha256 = ? AND topic = ?"
_HEAR: Final = """
INSERT INTO statuses (kiosk, online, at, doubt, message) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (kiosk) DO UPDATE SET
    online = excluded.online, at = excluded.at, doubt = excluded.doubt, message = excluded.message
"""
_REACH: Final = """
INSERT INTO reaches (kiosk, epoch, highest_seq) VALUES (?, ?, ?)
ON CONFLICT (kiosk, epoch) DO UPDATE SET highest_seq = max(highest_seq, excluded.highest_seq)
"""
_RAISE_FLOOR: Final = """
INSERT INTO floors (document, version) VALUES (?, ?)
ON CONFLICT (document) DO UPDATE SET version = max(version, excluded.version)
"""


def connect(path: Path) -> sqlite3.Connection:
    """Open a store's file for writing, with WAL and synchronous=FULL; make it, with its tables, when it isn't there.

    Raises StoreError, and changes nothing, for a file that is something else.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, OWNER_ONLY))
    connection = sqlite3.connect(path, isolation_level=None, timeout=_WAIT_S, check_same_thread=False)
    try:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables:
            _check(path, connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # what is erased is overwritten, not only let go of
        if not tables:
            pragmas = f"PRAGMA application_id = {_APPLICATION}; PRAGMA user_version = {VERSION};"
            connection.executescript(f"BEGIN; {_SCHEMA} {pragmas} COMMIT;")
    except BaseException:
        connection.close()
        raise
    return connection


def open_store(path: Path) -> SqliteStore:
    """Open a store for writing, made when it isn't there.

    Raises StoreError when another intake has it, when it can't be opened, or is of another version.
    """
    with ExitStack() as resources:
        _lock(path, resources)
        with _explained(path):
            connection = connect(path)
            resources.callback(connection.close)
        return SqliteStore(path, connection, resources.pop_all())


def open_reader(path: Path) -> SqliteReader:
    """Open a store read-only. Raises StoreError when it isn't there, isn't one, or is of another version."""
    if not path.exists():
        raise StoreError(f"there is no store at {path}", next_step="Name the file that the intake writes.")
    with ExitStack() as resources, _explained(path):
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)
        resources.callback(connection.close)
        _check(path, connection)
        return SqliteReader(path, connection, resources.pop_all())


class SqliteReader:
    """Reads a store that an intake may be writing at the same time. `resources` is closed with it."""

    def __init__(self, path: Path, connection: sqlite3.Connection, resources: ExitStack) -> None:
        self._path = path
        self._connection = connection
        self._resources = resources

    def records(self) -> Iterator[Kept]:
        """Go through all records that are not erased, in the order of their arrival."""
        yield from (Kept(*row) for row in self._rows(f"{_KEPT} WHERE erased_at IS NULL ORDER BY number"))

    def tombstones(self) -> Iterator[Tombstone]:
        """Go through what stays of erased records, in the order of the records' arrival."""
        never_came = f"SELECT record_id, kiosk, NULL, NULL, NULL, at, ?, withdrawal {_NEVER_CAME}"
        yield from (Tombstone(*row) for row in self._rows(f"{_TOMBSTONE} WHERE erased_at IS NOT NULL ORDER BY number"))
        yield from (Tombstone(*row) for row in self._rows(never_came, WITHDRAWN))

    def ended(self, at: int) -> Iterator[Kept]:
        """Go through the records whose end has come at `at`."""
        query = f"{_KEPT} WHERE ends_at <= ? AND erased_at IS NULL ORDER BY number"
        yield from (Kept(*row) for row in self._rows(query, at))

    def find(self, record_id: bytes) -> Kept | Tombstone | None:
        """Find a record, or what stays of it; None when it was never here."""
        for query, kind in ((f"{_KEPT} WHERE erased_at IS NULL", Kept), (f"{_TOMBSTONE} WHERE erased_at", Tombstone)):
            for row in self._rows(f"{query} AND record_id = ?", record_id):
                return kind(*row)
        return None

    def sealed(self, record_id: bytes) -> bytes | None:
        """Give a record's bytes, None when there are none."""
        return self._bytes("SELECT sealed FROM records WHERE record_id = ?", record_id)

    def kiosks(self) -> list[str]:
        """Name every kiosk of which there is a record or a verified health, in order."""
        return [
            kiosk for (kiosk,) in self._rows("SELECT kiosk FROM records UNION SELECT kiosk FROM reaches ORDER BY 1")
        ]

    def chain(self, kiosk: str) -> list[Link]:
        """Give the places of a kiosk's records, in the order of their arrival."""
        came = "SELECT epoch, seq, previous, sha256, arrived_at FROM records WHERE kiosk = ? ORDER BY number"
        never_came = f"SELECT epoch, seq, NULL, sha256, NULL {_NEVER_CAME} AND kiosk = ?"
        return [Link(*row) for query in (came, never_came) for row in self._rows(query, kiosk)]

    def reach(self, kiosk: str) -> Mapping[bytes, int]:
        """Give the highest sequence number that the kiosk has vouched for, by epoch."""
        return dict(self._rows("SELECT epoch, highest_seq FROM reaches WHERE kiosk = ? ORDER BY rowid", kiosk))

    def quarantined(self) -> Iterator[Quarantined]:
        """Go through the quarantine, in the order of first arrival."""
        query = """SELECT number, topic, sha256, reason, explanation, first_at, last_at, arrivals, length(bytes),
                          ends_at FROM quarantine ORDER BY number"""
        yield from (Quarantined(*row) for row in self._rows(query))

    def quarantined_bytes(self, number: int) -> bytes | None:
        """Give the bytes of one entry of the quarantine, None when there is no such entry."""
        return self._bytes("SELECT bytes FROM quarantine WHERE number = ?", number)

    def statuses(self) -> list[LatestStatus]:
        """Give the latest status of every kiosk, in the order of their names."""
        rows = self._rows("SELECT kiosk, online, message, at, doubt FROM statuses ORDER BY kiosk")
        return [LatestStatus(kiosk, bool(online), message, at, doubt) for kiosk, online, message, at, doubt in rows]

    def close(self) -> None:
        """Let go. Calling it twice is fine."""
        self._resources.close()

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _rows(self, query: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        with _explained(self._path):
            yield from self._connection.execute(query, values)

    def _bytes(self, query: str, key: bytes | int) -> bytes | None:
        row = next(self._rows(query, key), None)
        found: bytes | None = row[0] if row else None
        return found


class SqliteStore(SqliteReader):
    """The one writer of a store."""

    def __init__(self, path: Path, connection: sqlite3.Connection, resources: ExitStack) -> None:
        super().__init__(path, connection, resources)
        self._disk = resources.enter_context(ThreadPoolExecutor(1, thread_name_prefix="store"))
        self._last: Future[list[Fate]] | None = None
        self._any_recalled = self._any_quarantined = True  # mostly there is nothing to look for
        self._erased = False  # whether the batch in hand takes something back

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; the result says what became of each, in order. See the port."""
        self._wait()
        with _explained(self._path), self._undone_by_a_fault():
            self._connection.execute("BEGIN IMMEDIATE")
            self._any_recalled, self._any_quarantined = map(bool, self._connection.execute(_ANY).fetchone())
            fates = [self._keep(entry, at) for entry in entries]
        self._last = self._disk.submit(self._finish, fates)  # SQLite writes and syncs here, and lets Python run on
        return self._last

    def floor(self, document: str) -> int:
        """Give the lowest version of a signed document that is still taken: 1 when none was ever raised."""
        row = next(self._rows("SELECT version FROM floors WHERE document = ?", document), None)
        return int(row[0]) if row else 1

    def raise_floor(self, document: str, version: int) -> None:
        """Take no older version of a signed document from now on. A floor never sinks. Raises StoreError."""
        self._wait()
        with _explained(self._path):
            self._connection.execute(_RAISE_FLOOR, (document, version))

    def erase_ended(self, at: int) -> Erasure:
        """Erase the bytes of every record and every entry of the quarantine whose end has come at `at`."""
        self._wait()
        with _explained(self._path), self._undone_by_a_fault():
            self._connection.execute("BEGIN IMMEDIATE")
            records = self._connection.execute(_ERASE_ENDED, (at, EXPIRED)).rowcount
            quarantined = self._connection.execute("DELETE FROM quarantine WHERE ends_at <= ?", (at,)).rowcount
            self._connection.execute("COMMIT")
            if records or quarantined:
                self._overwrite()
        return Erasure(records, quarantined)

    def sweep(self, before: int) -> int:  # noqa: ARG002  # the Keeper's; here bytes and rows are one
        """Find nothing: here bytes and their row are one."""
        return 0

    def _keep(self, entry: Entry, at: int) -> Fate:
        fate = self._settle(entry, at)
        refusal = refusal_for(entry, fate)
        if refusal is not None:
            self._quarantine(refusal, at)
        return fate

    def _settle(self, entry: Entry, at: int) -> Fate:
        match entry:
            case Sealed() if isinstance(entry.claims, Withdrawal):
                return self._take_back(entry, entry.claims, at)
            case Sealed():
                return self._store(entry, at)
            case Refusal():
                return fate_of_refused(entry, self._known(entry))
            case Heard():
                return self._hear(entry, at)
            case Recall(raw, content):
                return self._erase(content.kiosk, content.withdraws, raw, at)

    def _store(self, entry: Sealed, at: int) -> Fate:
        because = WITHDRAWN if self._is_recalled(entry) else EXPIRED if is_past(entry.claims, at) else None
        if self._connection.execute(INSERT_RECORD, row_of(entry, at, because)).rowcount == 1:
            self._release(entry)
            return fate_of_record(because)
        return self._held(entry) or Fate.REPLAYED

    def _take_back(self, entry: Sealed, claims: Withdrawal, at: int) -> Fate:
        """Keep a withdrawal and erase what it takes back, or neither."""
        self._connection.execute("SAVEPOINT withdrawal")
        new = self._connection.execute(INSERT_RECORD, row_of(entry, at)).rowcount == 1
        fate = Fate.REPLAYED
        if new:
            fate = self._erase(claims.kiosk, claims.withdraws, None, at)
        elif self._held(entry):
            fate = again(self._erase(claims.kiosk, claims.withdraws, None, at))
        if fate in REFUSALS:
            self._connection.execute("ROLLBACK TO withdrawal")
        else:
            self._release(entry)
        self._connection.execute("RELEASE withdrawal")
        return fate

    def _erase(self, kiosk: str, named: Withdrawn, withdrawal: bytes | None, at: int) -> Fate:
        """Erase what a withdrawal names, or make it known that it will not be kept."""
        query = "SELECT kiosk, sha256, epoch, seq, withdraws FROM records WHERE record_id = ?"
        fate = fate_of_withdrawal(kiosk, named, self._connection.execute(query, (named.record_id,)).fetchone())
        if fate is Fate.ERASED:
            self._connection.execute(_ERASE, (at, WITHDRAWN, withdrawal, named.record_id))
        elif fate is Fate.NOT_HELD:
            place = (kiosk, named.record_id, named.sha256, named.epoch, named.seq)
            self._connection.execute(_RECALL, (*place, at, withdrawal))
            self._any_recalled = True
        if fate not in REFUSALS:
            self._connection.execute("DELETE FROM quarantine WHERE sha256 = ?", (named.sha256,))
            self._erased = True
        return fate

    def _hear(self, entry: Heard, at: int) -> Fate:
        self._connection.execute(_HEAR, (entry.kiosk, entry.online, at, entry.doubt, entry.message))
        if entry.reach is not None:
            self._connection.execute(_REACH, (entry.kiosk, entry.reach.epoch, entry.reach.highest_seq))
        return Fate.HEARD

    def _release(self, entry: Sealed) -> None:
        """End the quarantine of bytes that are kept after all."""
        if self._any_quarantined:
            self._connection.execute(_RELEASE, (entry.sha256, entry.topic))

    def _quarantine(self, refusal: Refusal, at: int) -> None:
        self._any_quarantined = True
        self._connection.execute(
            _QUARANTINE,
            (
                *(refusal.sha256, refusal.topic, refusal.reason, refusal.explanation, at),
                *(end_of_refused(refusal, at), refusal.raw),
            ),
        )

    def _is_recalled(self, entry: Sealed | Refusal) -> bool:
        """Whether it was taken back before it came."""
        claims = entry.claims
        if claims is None or not self._any_recalled:
            return False
        named = (claims.kiosk, claims.record_id, entry.sha256, claims.epoch, claims.seq)
        return self._connection.execute(_RECALLED, named).fetchone() is not None

    def _known(self, entry: Refusal) -> Fate | None:
        """Say what became before of bytes that are refused now, None when nothing did."""
        if entry.claims is None:
            return None
        return self._held(entry) or (Fate.WITHDRAWN if self._is_recalled(entry) else None)

    def _held(self, entry: Sealed | Refusal) -> Fate | None:
        """Say what became of these bytes before, None when they were never here."""
        assert entry.claims is not None
        query = "SELECT because FROM records WHERE record_id = ? AND sha256 = ? AND kiosk = ?"
        key = (entry.claims.record_id, entry.sha256, entry.claims.kiosk)
        found = self._connection.execute(query, key).fetchone()
        return None if found is None else held_fate(found[0])

    def _overwrite(self) -> None:
        """Let what was erased vanish from the WAL too; where a reader holds on to it, the next commits will."""
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _wait(self) -> None:
        """Wait for the commit before; raise its StoreError, if it failed."""
        if self._last is not None:
            self._last.result()

    def _finish(self, fates: list[Fate]) -> list[Fate]:
        with _explained(self._path), self._undone_by_a_fault():
            self._connection.execute("COMMIT")
            if self._erased:
                self._overwrite()
                self._erased = False
        return fates

    @contextmanager
    def _undone_by_a_fault(self) -> Generator[None]:
        try:
            yield
        except BaseException:
            if self._connection.in_transaction:  # some faults make SQLite roll back by itself
                self._connection.execute("ROLLBACK")
            raise


def row_of(entry: Sealed, at: int, because: str | None = None) -> tuple[bytes | str | int | None, ...]:
    """Give the values for INSERT_RECORD. `because` says why it is not kept: what stays then is a tombstone."""
    claims = entry.claims
    withdraws = claims.withdraws.record_id if isinstance(claims, Withdrawal) else None
    erased = (None, None, entry.raw) if because is None else (at, because, None)
    return (
        *(claims.record_id, claims.kiosk, claims.epoch, claims.seq, claims.previous, entry.sha256),
        *(claims.issued_at, at, end_of(claims, at), withdraws, *erased),
    )


def _check(path: Path, connection: sqlite3.Connection) -> None:
    """Raise StoreError when the file is no store, or one of another version."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION:
        raise StoreError(f"{path} is no store of an intake", next_step="Name the file that the intake writes.")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found != VERSION:
        raise StoreError(
            f"{path} is a store of version {found}, this program knows {VERSION}",
            next_step="Use the program of the release that wrote it, or a newer one that can carry it over.",
        )


def _lock(path: Path, resources: ExitStack) -> None:
    """Take the writer's lock; it ends with the process, however that ends."""
    beside = path.with_name(f"{path.name}.lock")
    try:
        lock = os.open(beside, os.O_RDWR | os.O_CREAT, OWNER_ONLY)
    except OSError as fault:
        raise StoreError(
            f"{beside} can't be made: {fault.strerror}", next_step="Make its folder, for the intake's user to write in."
        ) from fault
    resources.callback(os.close, lock)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as fault:
        raise StoreError(
            f"another intake writes to {path}", next_step="Stop that one first; one intake writes to one store."
        ) from fault


@contextmanager
def _explained(path: Path) -> Generator[None]:
    """Turn the faults of SQLite and of the file system into ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as fault:
        raise StoreError(
            f"the store {path} fails: {fault}",
            next_step="Check the disk's space and health and the file's rights; nothing was acknowledged.",
        ) from fault
