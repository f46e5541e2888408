"""Writing into PostgreSQL: any number of intakes at once.

A batch is a few statements over all of its entries, in one transaction. Who was first is settled by the unique keys of
the ledger (`records`): an intake that meets another's record in mid-commit waits for it, and finds a duplicate.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg
from psycopg import errors

from central.store import documents
from central.store.beside import Beside
from central.store.blobs import BlobsError, Name
from central.store.port import Fate, Heard, Recall, Refusal, Sealed
from central.store.postgres import PostgresReader, connect, connect_plainly, day_of, in_words, marked
from central.store.postgres_rows import copy_sealed, hear, insert_records, key_of, last_day, refuse, release
from central.store.rules import (
    REFUSALS,
    again,
    end_of,
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
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN
from edge_agent.wire.sealing import Claims
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import date

    from central.store.blobs import Blobs
    from central.store.port import Entry
    from central.store.postgres_rows import Key
    from central.store.reading import Row
    from central.store.rules import Report
    from edge_agent.errors import StoreError
    from edge_agent.wire.roll import TrustPart, What
    from edge_agent.wire.withdrawal import Withdrawn

_TRIES: Final = 5  # of a transaction that another one got in the way of
_GOT_IN_THE_WAY: Final = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.CheckViolation,  # a day's partition was dropped: our clock is behind the keeper's
)

T = TypeVar("T")
Held = tuple[bytes, bytes, str]  # a record's id, its SHA-256, its kiosk


@dataclass(frozen=True)
class Known:
    """What the store knew before of the bytes in a batch that are not new."""

    held: Mapping[Held, Fate]  # what became of exactly these bytes
    ended: Mapping[Report, Fate]  # how the record ended that they say they are
    ended_unread: Mapping[bytes, Fate]  # the same of bytes that say nothing, by their SHA-256


_RECALL: Final = """
INSERT INTO recalled (kiosk, record_id, sha256, epoch, seq, at, withdrawal)
VALUES (%b, %b, %b, %b, %b, %b, %b) ON CONFLICT DO NOTHING
"""
_RECALLED: Final = "SELECT record_id, sha256, kiosk, epoch, seq FROM recalled WHERE record_id = ANY(%b)"
# A withdrawal waits for all batches in mid-commit, and they for it: one of the two sees the other.
_BESIDE_WITHDRAWALS: Final = "SELECT pg_advisory_xact_lock_shared(hashtext('homeward.withdrawal'))"
_WITHDRAWING: Final = "SELECT pg_advisory_xact_lock(hashtext('homeward.withdrawal'))"
_RECALLED_BYTES: Final = "SELECT sha256, kiosk FROM recalled WHERE sha256 = ANY(%b)"
_ERASED_BYTES: Final = "SELECT sha256, because FROM records WHERE sha256 = ANY(%b) AND because IS NOT NULL"
_DOCUMENTS: Final = "SELECT pg_advisory_xact_lock(hashtext('homeward.documents'))"
_NAMED: Final = "SELECT kiosk, sha256, epoch, seq, withdraws FROM records WHERE record_id = %b FOR UPDATE"
_ERASE: Final = """
UPDATE records SET erased_at = %b, because = %b, withdrawal = %b WHERE record_id = %b AND erased_at IS NULL
"""
_ERASE_BYTES: Final = (
    "DELETE FROM sealed USING records r WHERE r.record_id = %b AND sealed.record_id = %b AND sealed.day = r.day"
)
_HELD: Final = "SELECT record_id, sha256, kiosk, because FROM records WHERE record_id = ANY(%b)"


def open_store(
    conninfo: str, try_again: Callable[[StoreError], bool] = lambda _: False, objects: Blobs | None = None
) -> PostgresStore:
    """Open a store for writing.

    `conninfo` is libpq's, `objects` where the bytes go instead of beside the rows. `try_again` is asked when the server
    is away or failing: it may wait, and says whether to go on. Raises StoreError when there is no such store, or it is
    of another version.
    """
    return PostgresStore(conninfo, connect(conninfo), try_again, objects)


class PostgresStore(PostgresReader):
    """One of the writers of a store."""

    def __init__(
        self,
        conninfo: str,
        connection: psycopg.Connection,
        try_again: Callable[[StoreError], bool],
        objects: Blobs | None,
    ) -> None:
        super().__init__(connection, objects)
        self._conninfo = conninfo
        self._try_again = try_again
        self._days: set[date] = set()  # that have their partition, as far as we know
        self._beside = Beside()
        self._resources.callback(self._beside.close)

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; the result says what became of each, in order. See the port."""
        return self._begin(lambda: self._keep(entries, at))

    def gather(self, part: TrustPart) -> bytes | None:
        """Keep one part of a signed document; give the whole once all of that version are here. See the port."""
        return self._begin(lambda: self._at_once(lambda: documents.gather(self._run, part))).result()

    def share(self, what: What, version: int, whole: bytes) -> None:
        """Keep a signed document for all who share the store, in the place of an older one. Raises StoreError."""
        self._begin(lambda: self._at_once(lambda: documents.share(self._run, what, version, whole))).result()

    def shared(self, what: What, above: int) -> bytes | None:  # type: ignore[explicit-override]
        """Give the newest signed document, None when none has a version above that. Raises StoreError."""
        return self._begin(lambda: documents.shared(self._run, what, above)).result()

    def floor(self, document: str) -> int:
        """Give the lowest version of a signed document that is still taken: 1 when none was ever raised."""
        return self._begin(lambda: documents.floor(self._run, document)).result()

    def raise_floor(self, document: str, version: int) -> None:
        """Take no older version of a signed document from now on. A floor never sinks. Raises StoreError."""
        self._begin(lambda: documents.raise_floor(self._run, document, version)).result()

    def _at_once(self, work: Callable[[], T]) -> T:
        """Do something with the documents whole; one intake after the other, so that none misses another's part."""
        with self._connection.transaction():
            self._connection.execute(_DOCUMENTS)
            return work()

    def _run(self, statement: str, *values: bytes | str | int) -> list[Row]:
        cursor = self._connection.execute(marked(statement), values, binary=True)
        return cursor.fetchall() if cursor.description else []

    def _begin(self, work: Callable[[], T]) -> Future[T]:
        """Begin something; one thing follows the other, on the one connection."""
        return self._beside.begin(lambda: self._patiently(work))

    def _patiently(self, work: Callable[[], T]) -> T:
        """Try until it is done. Trying again is harmless, even if it was done and only the answer was lost."""
        for tries in itertools.count(1):
            try:
                if self._connection.closed:
                    self._days.clear()
                    self._connection = connect_plainly(self._conninfo)
                return work()
            except _GOT_IN_THE_WAY as fault:
                self._days.clear()
                if tries == _TRIES:
                    raise in_words(fault) from fault
            except psycopg.OperationalError as fault:
                if not self._try_again(in_words(fault)):
                    raise in_words(fault) from fault
            except BlobsError as fault:
                if not self._try_again(fault):
                    raise
            except psycopg.Error as fault:
                raise in_words(fault) from fault
        raise AssertionError

    def _keep(self, entries: Sequence[Entry], at: int) -> list[Fate]:
        reports = [entry for entry in entries if isinstance(entry, Sealed) and isinstance(entry.claims, Claims)]
        withdraws = any(map(_takes_back, entries))
        self._open_days({day_of(ends_at) for ends_at in (end_of(entry.claims, at) for entry in reports) if ends_at})
        with self._connection.transaction():
            self._connection.execute(_WITHDRAWING if withdraws else _BESIDE_WITHDRAWALS)
            new = self._insert(reports, at)
            known = self._known(entries, new)
            fates: dict[int, Fate] = {}
            for these in _in_turn(entries):
                fates |= {place: self._settle(entry, new, known, at) for place, entry in these}
                refusals = [refusal_for(entry, fates[place]) for place, entry in these]
                refuse(self._connection, [refusal for refusal in refusals if refusal is not None], at)
            hear(self._connection, [entry for entry in entries if isinstance(entry, Heard)], at)
        return [fate for _, fate in sorted(fates.items())]

    def _open_days(self, days: set[date]) -> None:
        for day in days - self._days:
            self._connection.execute("SELECT open_day(%s)", (day,))
            self._days.add(day)

    def _insert(self, reports: Sequence[Sealed], at: int) -> dict[Key, Fate]:
        """Store what is new; say what becomes of it."""
        if not reports:
            return {}
        because = self._because(reports, at)
        self._put([entry for entry, why in zip(reports, because, strict=True) if why is None], at)
        stored = insert_records(self._connection, reports, because, at)
        new = {key: fate_of_record(why) for key, why in stored}
        first = {key_of(entry): entry for entry in reports if key_of(entry) in new}
        if self._objects is None:
            copy_sealed(self._connection, [entry for key, entry in first.items() if new[key] is Fate.STORED], at)
        if new:
            release(self._connection, first.values())
        return new

    def _put(self, reports: Sequence[Sealed], at: int) -> None:
        """Write bytes into the object storage, before any row speaks of them; not of what is or was here."""
        if self._objects is None or not reports:
            return
        ids = [entry.claims.record_id for entry in reports]
        known = {row[0] for row in self._connection.execute(_HELD, (ids,), binary=True).fetchall()}
        new = [entry for entry in reports if entry.claims.record_id not in known]
        self._objects.put([(_name(entry, at), entry.raw) for entry in new])

    def _because(self, reports: Sequence[Sealed], at: int) -> list[str | None]:
        """Say of each report why it is not kept, if it isn't."""
        ids = [entry.claims.record_id for entry in reports]
        recalled = set(self._connection.execute(_RECALLED, (ids,), binary=True).fetchall())
        return [
            WITHDRAWN
            if (*_held_key(entry), entry.claims.epoch, entry.claims.seq) in recalled
            else EXPIRED
            if is_past(entry.claims, at)
            else None
            for entry in reports
        ]

    def _settle(self, entry: Entry, new: dict[Key, Fate], known: Known, at: int) -> Fate:
        """Say what becomes of an entry, once the new reports are in; take back what it takes back."""
        match entry:
            case Sealed() if isinstance(entry.claims, Withdrawal):
                return self._take_back(entry, entry.claims, at)
            case Sealed() if key_of(entry) in new:
                return new.pop(key_of(entry))  # the same bytes again in this batch are among the held
            case Sealed():
                return known.held.get(_held_key(entry)) or fate_of_other_bytes(_ended(entry, known))
            case Refusal():
                held = known.held.get(_held_key(entry)) if entry.claims else None
                return fate_of_refused(entry, held, _ended(entry, known))
            case Heard():
                return Fate.HEARD
            case Recall(raw, content):
                return self._erase(content.kiosk, content.withdraws, raw, at)

    def _known(self, entries: Sequence[Entry], new: Mapping[Key, Fate]) -> Known:
        """Find what became before of the bytes that are not new."""
        times = Counter(key_of(entry) for entry in entries if isinstance(entry, Sealed))
        asked = [key[0] for key, count in times.items() if count > 1 or key not in new]
        asked += [entry.claims.record_id for entry in entries if isinstance(entry, Refusal) and entry.claims]
        held: dict[Held, Fate] = {}
        ended: dict[Report, Fate] = {}
        if asked:
            rows = self._connection.execute(_RECALLED, (asked,), binary=True).fetchall()
            ended |= {(kiosk, record_id): Fate.WITHDRAWN for record_id, _, kiosk, *_ in rows}
            rows = self._connection.execute(_HELD, (asked,), binary=True).fetchall()
            held = {(record_id, sha256, kiosk): held_fate(because) for record_id, sha256, kiosk, because in rows}
            ended |= {(kiosk, record_id): held_fate(because) for record_id, _, kiosk, because in rows if because}
        unread = {entry.sha256: entry.raw for entry in entries if isinstance(entry, Refusal) and not entry.claims}
        return Known(held, ended, self._ended_unread(unread) if unread else {})

    def _ended_unread(self, unread: Mapping[bytes, bytes]) -> dict[bytes, Fate]:
        """Say how bytes ended that say nothing of themselves; they are given by their SHA-256."""
        recalled = self._connection.execute(_RECALLED_BYTES, (list(unread),), binary=True).fetchall()
        erased = self._connection.execute(_ERASED_BYTES, (list(unread),), binary=True).fetchall()
        ended = {sha256: Fate.WITHDRAWN for sha256, kiosk in recalled if may_take_back(kiosk, unread[sha256])}
        return ended | {sha256: held_fate(because) for sha256, because in erased}

    def _take_back(self, entry: Sealed, claims: Withdrawal, at: int) -> Fate:
        """Keep a withdrawal and erase what it takes back, or neither."""
        with self._connection.transaction():
            new = bool(insert_records(self._connection, [entry], [None], at))
            fate = Fate.REPLAYED
            if new:
                fate = self._erase(claims.kiosk, claims.withdraws, None, at)
            elif _held_key(entry) in self._known([entry], {}).held:
                fate = again(self._erase(claims.kiosk, claims.withdraws, None, at))
            if fate in REFUSALS:
                raise psycopg.Rollback  # to before this withdrawal
            release(self._connection, [entry])
        return fate

    def _erase(self, kiosk: str, named: Withdrawn, withdrawal: bytes | None, at: int) -> Fate:
        """Erase what a withdrawal names, or make it known that it will not be kept."""
        found = self._connection.execute(_NAMED, (named.record_id,), binary=True).fetchone()
        fate = fate_of_withdrawal(kiosk, named, found)
        if fate is Fate.ERASED:
            self._connection.execute(_ERASE, (at, WITHDRAWN, withdrawal, named.record_id))
            self._connection.execute(_ERASE_BYTES, (named.record_id, named.record_id))
            self._delete_object(named)
        elif fate is Fate.NOT_HELD:
            place = (kiosk, named.record_id, named.sha256, named.epoch, named.seq)
            self._connection.execute(_RECALL, (*place, at, withdrawal))
        if fate not in REFUSALS:
            self._take_from_quarantine(kiosk, named)
        return fate

    def _take_from_quarantine(self, kiosk: str, named: Withdrawn) -> None:
        report = (kiosk, named.record_id)
        self._connection.execute("DELETE FROM quarantine WHERE kiosk = %s AND record_id = %s", report)
        query = "SELECT bytes FROM quarantine WHERE sha256 = %s LIMIT 1"
        refused = self._connection.execute(query, (named.sha256,), binary=True).fetchone()
        if refused is not None and may_take_back(kiosk, refused[0]):
            self._connection.execute("DELETE FROM quarantine WHERE sha256 = %s", (named.sha256,))

    def _delete_object(self, named: Withdrawn) -> None:
        """Delete an object before the row says so: should the row fail, the withdrawal comes again."""
        if self._objects is not None:
            query = "SELECT day FROM records WHERE record_id = %s AND day IS NOT NULL"
            days = self._connection.execute(query, (named.record_id,), binary=True).fetchall()
            self._objects.delete([Name(day, named.sha256) for (day,) in days])


def _in_turn(entries: Sequence[Entry]) -> list[list[tuple[int, Entry]]]:
    """Give what is settled together, each with its place in the batch.

    Withdrawals come last and one by one: they reach all that came with them, also what was refused before.
    """
    numbered = list(enumerate(entries))
    others = [(place, entry) for place, entry in numbered if not _takes_back(entry)]
    return [others, *([(place, entry)] for place, entry in numbered if _takes_back(entry))]


def _takes_back(entry: Entry) -> bool:
    return isinstance(entry, Recall) or (isinstance(entry, Sealed) and isinstance(entry.claims, Withdrawal))


def _name(entry: Sealed, at: int) -> Name:
    day = last_day(entry, at)
    assert day is not None
    return Name(day, entry.sha256)


def _ended(entry: Sealed | Refusal, known: Known) -> Fate | None:
    if entry.claims is None:
        return known.ended_unread.get(entry.sha256)
    report = report_of(entry)
    return None if report is None else known.ended.get(report)


def _held_key(entry: Sealed | Refusal) -> Held:
    assert entry.claims is not None
    return entry.claims.record_id, entry.sha256, entry.claims.kiosk
