"""Writing into a SQLite file, and erasing from it: an intake, and the commands beside it, in turns."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from central.store import documents
from central.store.beside import Beside
from central.store.port import Erasure, Fate, Heard, Recall, Refusal, Sealed
from central.store.rules import (
    REFUSALS,
    again,
    end_of,
    end_of_refused,
    fate_of_other_bytes,
    fate_of_record,
    fate_of_refused,
    fate_of_withdrawal,
    held_fate,
    is_past,
    may_take_back,
    refusal_for,
    report_of,
)
from central.store.sqlite import SqliteReader, connect, explained
from central.store.turns import Turns
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN
from edge_agent.wire.sealing import Claims
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Generator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from central.store.port import Entry
    from edge_agent.wire.roll import TrustPart, What
    from edge_agent.wire.withdrawal import Withdrawn

T = TypeVar("T")

_ERASED_AT_ONCE: Final = 200  # some 10 MB to overwrite
_MANY: Final = 1000  # rows in one statement: SQLite takes 32,766 values

Row = tuple[bytes | str | int | None, ...]

_INSERT_RECORDS: Final = """
INSERT INTO records (record_id, kiosk, epoch, seq, previous, sha256, issued_at, arrived_at, ends_at, withdraws,
                     erased_at, because, sealed)
"""
_ROW: Final = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_ANY: Final = "SELECT EXISTS (SELECT 1 FROM recalled), EXISTS (SELECT 1 FROM quarantine)"
_RECALL: Final = """
INSERT INTO recalled (kiosk, record_id, sha256, epoch, seq, at, withdrawal)
VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING
"""
_RECALLED: Final = "SELECT 1 FROM recalled WHERE kiosk = ? AND record_id = ? AND sha256 = ? AND epoch = ? AND seq = ?"
_ERASE: Final = """
UPDATE records SET sealed = NULL, erased_at = ?, because = ?, withdrawal = ? WHERE record_id = ? AND erased_at IS NULL
"""
_ERASE_ENDED: Final = """
UPDATE records SET sealed = NULL, erased_at = ?1, because = ?2
WHERE number IN (SELECT number FROM records WHERE ends_at <= ?1 AND erased_at IS NULL LIMIT ?3)
"""
_END_QUARANTINE: Final = """
DELETE FROM quarantine WHERE number IN (SELECT number FROM quarantine WHERE ends_at <= ? LIMIT ?)
"""
_QUARANTINE: Final = """
INSERT INTO quarantine (sha256, topic, reason, explanation, first_at, last_at, arrivals, ends_at, bytes,
                        kiosk, record_id)
VALUES (?1, ?2, ?3, ?4, ?5, ?5, 1, ?6, ?7, ?8, ?9)
ON CONFLICT (sha256, topic) DO UPDATE SET
    reason = excluded.reason, explanation = excluded.explanation,
    last_at = excluded.last_at, arrivals = arrivals + 1, ends_at = excluded.ends_at,
    kiosk = coalesce(excluded.kiosk, kiosk), record_id = coalesce(excluded.record_id, record_id)
"""
_RECALLED_REPORT: Final = "SELECT 1 FROM recalled WHERE kiosk = ? AND record_id = ?"
_ERASED_REPORT: Final = "SELECT because FROM records WHERE kiosk = ? AND record_id = ? AND because IS NOT NULL"
_RECALLED_BYTES: Final = "SELECT kiosk FROM recalled WHERE sha256 = ?"
_ERASED_BYTES: Final = "SELECT because FROM records WHERE sha256 = ? AND because IS NOT NULL"
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


def open_store(path: Path) -> SqliteStore:
    """Open a store for writing, made when it isn't there; others may be writing too.

    Raises StoreError when it can't be opened, is of another version, or another program keeps it to itself.
    """
    with ExitStack() as resources:
        turns = Turns(path, resources)
        with turns.mine(), explained(path):
            connection = connect(path)
        resources.callback(_close, connection, turns)
        return SqliteStore(path, connection, turns, resources.pop_all())


def _close(connection: sqlite3.Connection, turns: Turns) -> None:
    """Close it in a turn: the last to close a file checkpoints it."""
    with turns.mine():
        connection.close()


class SqliteStore(SqliteReader):
    """One of the writers of a store, and a keeper. Each of its transactions is a turn."""

    def __init__(self, path: Path, connection: sqlite3.Connection, turns: Turns, resources: ExitStack) -> None:
        super().__init__(path, connection, resources)
        self._turns = turns
        self._beside = Beside()
        resources.callback(self._beside.close)
        self._any_recalled = self._any_quarantined = True  # mostly there is nothing to look for
        self._erased = False  # whether the batch in hand takes something back

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; the result says what became of each, in order. See the port."""
        return self._beside.begin(lambda: self._write(entries, at))  # SQLite lets Python run on meanwhile

    def gather(self, part: TrustPart) -> bytes | None:
        """Keep one part of a signed document; give the whole once all of that version are here. See the port."""
        return self._at_once(lambda: documents.gather(self._rows, part))

    def share(self, what: What, version: int, whole: bytes) -> None:
        """Keep a signed document for all who share the store, in the place of an older one. Raises StoreError."""
        self._at_once(lambda: documents.share(self._rows, what, version, whole))

    def floor(self, document: str) -> int:
        """Give the lowest version of a signed document that is still taken: 1 when none was ever raised."""
        return documents.floor(self._rows, document)

    def raise_floor(self, document: str, version: int) -> None:
        """Take no older version of a signed document from now on. A floor never sinks. Raises StoreError."""
        self._at_once(lambda: documents.raise_floor(self._rows, document, version))

    def erase_ended(self, at: int) -> Erasure:
        """Erase the bytes of every record and every entry of the quarantine whose end has come at `at`.

        Some hundred at a time, so that an intake gets its turns in between.
        """
        records = self._erase_by_turns(_ERASE_ENDED, (at, EXPIRED, _ERASED_AT_ONCE))
        quarantined = self._erase_by_turns(_END_QUARANTINE, (at, _ERASED_AT_ONCE))
        if records or quarantined:
            self._beside.begin(self._overwrite).result()
        return Erasure(records, quarantined)

    def _erase_by_turns(self, statement: str, values: tuple[int | str, ...]) -> int:
        erased = 0
        while True:
            count = self._at_once(lambda: self._connection.execute(statement, values).rowcount)
            erased += count
            if count < _ERASED_AT_ONCE:
                return erased

    def sweep(self, before: int) -> int:  # noqa: ARG002  # the Keeper's; here bytes and rows are one
        """Find nothing: here bytes and their row are one."""
        return 0

    def _write(self, entries: Sequence[Entry], at: int) -> list[Fate]:
        with self._turn():
            self._any_recalled, self._any_quarantined = map(bool, self._connection.execute(_ANY).fetchone())
            fates = self._keep_new(entries, at) or [self._keep(entry, at) for entry in entries]
        if self._erased:
            self._overwrite()
        return fates

    def _keep_new(self, entries: Sequence[Entry], at: int) -> list[Fate] | None:
        """Keep a batch like nearly every one, of statuses and of reports that are all new; else keep nothing of it.

        The reports go by one statement: one by one, Python's lock would change hands for each.
        """
        if self._any_recalled or self._any_quarantined or len(entries) > _MANY:
            return None
        reports = [entry for entry in entries if not isinstance(entry, Heard)]
        rows = [
            row_of(entry, at)
            for entry in reports
            if isinstance(entry, Sealed) and isinstance(entry.claims, Claims) and not is_past(entry.claims, at)
        ]
        if not rows or len(rows) < len(reports):
            return None
        self._connection.execute("SAVEPOINT reports")
        all_new = insert_records(self._connection, rows) == len(rows)
        self._connection.execute("RELEASE reports" if all_new else "ROLLBACK TO reports")
        if not all_new:
            return None
        return [self._hear(entry, at) if isinstance(entry, Heard) else Fate.STORED for entry in entries]

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
                return fate_of_refused(entry, self._held(entry) if entry.claims else None, self._ended(entry))
            case Heard():
                return self._hear(entry, at)
            case Recall(raw, content):
                return self._erase(content.kiosk, content.withdraws, raw, at)

    def _store(self, entry: Sealed, at: int) -> Fate:
        because = WITHDRAWN if self._is_recalled(entry) else EXPIRED if is_past(entry.claims, at) else None
        if insert_records(self._connection, [row_of(entry, at, because)]):
            self._release(entry)
            return fate_of_record(because)
        return self._held(entry) or fate_of_other_bytes(self._ended(entry))

    def _take_back(self, entry: Sealed, claims: Withdrawal, at: int) -> Fate:
        """Keep a withdrawal and erase what it takes back, or neither."""
        self._connection.execute("SAVEPOINT withdrawal")
        new = insert_records(self._connection, [row_of(entry, at)])
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
            self._take_from_quarantine(kiosk, named)
            self._erased = True
        return fate

    def _take_from_quarantine(self, kiosk: str, named: Withdrawn) -> None:
        self._connection.execute("DELETE FROM quarantine WHERE kiosk = ? AND record_id = ?", (kiosk, named.record_id))
        query = "SELECT bytes FROM quarantine WHERE sha256 = ?"
        refused = self._connection.execute(query, (named.sha256,)).fetchone()
        if refused is not None and may_take_back(kiosk, refused[0]):
            self._connection.execute("DELETE FROM quarantine WHERE sha256 = ?", (named.sha256,))

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
                *(end_of_refused(refusal, at), refusal.raw, *(report_of(refusal) or (None, None))),
            ),
        )

    def _is_recalled(self, entry: Sealed) -> bool:
        """Whether it was taken back before it came."""
        claims = entry.claims
        if not isinstance(claims, Claims) or not self._any_recalled:  # a withdrawal can't be taken back
            return False
        named = (claims.kiosk, claims.record_id, entry.sha256, claims.epoch, claims.seq)
        return self._connection.execute(_RECALLED, named).fetchone() is not None

    def _ended(self, entry: Sealed | Refusal) -> Fate | None:
        """Say how the record ended that these bytes say they are, None when it didn't, or was never here."""
        if entry.claims is None:
            return self._ended_unread(entry)
        if (report := report_of(entry)) is None:
            return None
        for (because,) in self._connection.execute(_ERASED_REPORT, report):
            return held_fate(because)
        return Fate.WITHDRAWN if self._connection.execute(_RECALLED_REPORT, report).fetchone() else None

    def _ended_unread(self, entry: Sealed | Refusal) -> Fate | None:
        """Say the same of bytes that say nothing, by their hash."""
        for (because,) in self._connection.execute(_ERASED_BYTES, (entry.sha256,)):
            return held_fate(because)
        kiosks = self._connection.execute(_RECALLED_BYTES, (entry.sha256,)).fetchall()
        return Fate.WITHDRAWN if any(may_take_back(kiosk, entry.raw) for (kiosk,) in kiosks) else None

    def _held(self, entry: Sealed | Refusal) -> Fate | None:
        """Say what became of these bytes before, None when they were never here."""
        assert entry.claims is not None
        query = "SELECT because FROM records WHERE record_id = ? AND sha256 = ? AND kiosk = ?"
        key = (entry.claims.record_id, entry.sha256, entry.claims.kiosk)
        found = self._connection.execute(query, key).fetchone()
        return None if found is None else held_fate(found[0])

    def _overwrite(self) -> None:
        """Let what was erased vanish from the WAL too; where a reader holds on to it, the next commits will."""
        with self._turns.mine(), explained(self._path):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._erased = False

    def _at_once(self, work: Callable[[], T]) -> T:
        """Do something whole, in a turn of its own, once what was begun is done."""

        def whole() -> T:
            with self._turn():
                return work()

        return self._beside.begin(whole).result()

    @contextmanager
    def _turn(self) -> Generator[None]:
        """Make a transaction of what is done, in a turn; a fault undoes it."""
        with self._turns.mine(), explained(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # some faults make SQLite roll back by itself
                    self._connection.execute("ROLLBACK")
                raise


def insert_records(connection: sqlite3.Connection, rows: Sequence[Row]) -> int:
    """Write rows of `row_of`, but for those whose id or place is taken; return how many were written."""
    return connection.execute(insertion(len(rows)), [value for row in rows for value in row]).rowcount


def insertion(rows: int) -> str:
    """Give the statement that writes so many rows of `row_of`, but for those whose id or place is taken."""
    return f"{_INSERT_RECORDS} VALUES {', '.join([_ROW] * rows)} ON CONFLICT DO NOTHING"


def row_of(entry: Sealed, at: int, because: str | None = None) -> Row:
    """Give a record's row. `because` says why it is not kept: what stays then is a tombstone."""
    claims = entry.claims
    withdraws = claims.withdraws.record_id if isinstance(claims, Withdrawal) else None
    erased = (None, None, entry.raw) if because is None else (at, because, None)
    return (
        *(claims.record_id, claims.kiosk, claims.epoch, claims.seq, claims.previous, entry.sha256),
        *(claims.issued_at, at, end_of(claims, at), withdraws, *erased),
    )
