"""Writing into PostgreSQL: any number of intakes at once.

A batch is a few statements over all of its entries, in one transaction. Who was first is settled by the unique keys of
the ledger (`records`): an intake that meets another's record in mid-commit waits for it, and finds a duplicate.
"""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, TypeVar

import psycopg
from psycopg import errors

from central.store.blobs import BlobsError, Name
from central.store.port import Fate, Heard, Recall, Refusal, Sealed
from central.store.postgres import PostgresReader, Row, connect, connect_plainly, day_of, in_words
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
from edge_agent.wire.receipts import EXPIRED, WITHDRAWN
from edge_agent.wire.sealing import Claims
from edge_agent.wire.withdrawal import Withdrawal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import date

    from central.store.blobs import Blobs
    from central.store.port import Entry
    from edge_agent.wire.withdrawal import Withdrawn

_TRIES: Final = 5  # of a transaction that another one got in the way of
_GOT_IN_THE_WAY: Final = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.CheckViolation,  # a day's partition was dropped: our clock is behind the keeper's
)

T = TypeVar("T")
Key = tuple[bytes, bytes]  # a record's id and its SHA-256
Held = tuple[bytes, bytes, str]  # and its kiosk

_INSERT_RECORDS: Final = """
INSERT INTO records (record_id, kiosk, epoch, seq, previous, sha256, issued_at, arrived_at, ends_at, day, size,
                     withdraws, withdrawal, erased_at, because)
SELECT * FROM unnest(%b::bytea[], %b::text[], %b::bytea[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bigint[],
                     %b::bigint[], %b::bigint[], %b::date[], %b::integer[],
                     %b::bytea[], %b::bytea[], %b::bigint[], %b::text[])
ON CONFLICT DO NOTHING RETURNING record_id, sha256, because
"""  # in the order of the entries: the first to claim a place has it
_COPY_SEALED: Final = "COPY sealed (day, record_id, bytes) FROM STDIN (FORMAT BINARY)"
_RECALL: Final = """
INSERT INTO recalled (kiosk, record_id, sha256, epoch, seq, at, withdrawal)
VALUES (%b, %b, %b, %b, %b, %b, %b) ON CONFLICT DO NOTHING
"""
_RECALLED: Final = "SELECT record_id, sha256, kiosk, epoch, seq FROM recalled WHERE record_id = ANY(%b)"
# A withdrawal waits for all batches in mid-commit, and they for it: one of the two sees the other.
_BESIDE_WITHDRAWALS: Final = "SELECT pg_advisory_xact_lock_shared(hashtext('homeward.withdrawal'))"
_WITHDRAWING: Final = "SELECT pg_advisory_xact_lock(hashtext('homeward.withdrawal'))"
_NAMED: Final = "SELECT kiosk, sha256, epoch, seq, withdraws FROM records WHERE record_id = %b FOR UPDATE"
_ERASE: Final = """
UPDATE records SET erased_at = %b, because = %b, withdrawal = %b WHERE record_id = %b AND erased_at IS NULL
"""
_ERASE_BYTES: Final = (
    "DELETE FROM sealed USING records r WHERE r.record_id = %b AND sealed.record_id = %b AND sealed.day = r.day"
)
_HELD: Final = "SELECT record_id, sha256, kiosk, because FROM records WHERE record_id = ANY(%b)"
_QUARANTINE: Final = """
INSERT INTO quarantine AS q (sha256, topic, reason, explanation, first_at, last_at, arrivals, ends_at, bytes)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (sha256, topic) DO UPDATE SET
    reason = excluded.reason, explanation = excluded.explanation,
    last_at = excluded.last_at, arrivals = q.arrivals + excluded.arrivals, ends_at = excluded.ends_at
"""
_RELEASE: Final = """
DELETE FROM quarantine USING unnest(%b::bytea[], %b::text[]) AS stored (sha256, topic)
WHERE quarantine.sha256 = stored.sha256 AND quarantine.topic = stored.topic
"""
_HEAR: Final = """
INSERT INTO statuses (kiosk, online, at, doubt, message) VALUES (%b, %b, %b, %b, %b)
ON CONFLICT (kiosk) DO UPDATE SET
    online = excluded.online, at = excluded.at, doubt = excluded.doubt, message = excluded.message
WHERE excluded.at >= statuses.at
"""
_REACH: Final = """
INSERT INTO reaches AS r (kiosk, epoch, highest_seq) VALUES (%b, %b, %b)
ON CONFLICT (kiosk, epoch) DO UPDATE SET highest_seq = greatest(r.highest_seq, excluded.highest_seq)
"""
_RAISE_FLOOR: Final = """
INSERT INTO floors AS f (document, version) VALUES (%b, %b)
ON CONFLICT (document) DO UPDATE SET version = greatest(f.version, excluded.version)
"""


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
        self._disk = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._closed = False
        self._resources.callback(self._end)

    def commit(self, entries: Sequence[Entry], at: int) -> Future[list[Fate]]:
        """Begin to keep all entries, or none; the result says what became of each, in order. See the port."""
        return self._begin(lambda: self._keep(entries, at))

    def floor(self, document: str) -> int:
        """Give the lowest version of a signed document that is still taken: 1 when none was ever raised."""
        rows = self._begin(lambda: self._rows("SELECT version FROM floors WHERE document = %s", document)).result()
        return int(rows[0][0]) if rows else 1

    def raise_floor(self, document: str, version: int) -> None:
        """Take no older version of a signed document from now on. A floor never sinks. Raises StoreError."""
        self._begin(lambda: self._connection.execute(_RAISE_FLOOR, (document, version))).result()

    def _end(self) -> None:
        """Finish what was begun."""
        self._closed = True
        self._disk.shutdown()

    def _begin(self, work: Callable[[], T]) -> Future[T]:
        """Begin something; one thing follows the other, on the one connection."""
        if self._closed:
            raise StoreError("the store was closed", next_step="Open it again.")
        return self._disk.submit(self._patiently, work)

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
        withdraws = any(
            isinstance(entry, Recall) or (isinstance(entry, Sealed) and isinstance(entry.claims, Withdrawal))
            for entry in entries
        )
        self._open_days({day_of(ends_at) for ends_at in (end_of(entry.claims, at) for entry in reports) if ends_at})
        with self._connection.transaction():
            self._connection.execute(_WITHDRAWING if withdraws else _BESIDE_WITHDRAWALS)
            new = self._insert(reports, at)
            held = self._held(entries, new)
            fates = [self._settle(entry, new, held, at) for entry in entries]
            refusals = [refusal_for(entry, fate) for entry, fate in zip(entries, fates, strict=True)]
            self._refuse([refusal for refusal in refusals if refusal is not None], at)
            self._hear([entry for entry in entries if isinstance(entry, Heard)], at)
        return fates

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
        first = {_key(entry): entry for entry in reports if _key(entry) in new}
        if self._objects is None:
            copy_sealed(self._connection, [entry for key, entry in first.items() if new[key] is Fate.STORED], at)
        if new:
            released = ([entry.sha256 for entry in first.values()], [entry.topic for entry in first.values()])
            self._connection.execute(_RELEASE, released)
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

    def _settle(self, entry: Entry, new: dict[Key, Fate], held: Mapping[Held, Fate], at: int) -> Fate:
        """Say what becomes of an entry, once the new reports are in; take back what it takes back."""
        match entry:
            case Sealed() if isinstance(entry.claims, Withdrawal):
                return self._take_back(entry, entry.claims, at)
            case Sealed() if _key(entry) in new:
                return new.pop(_key(entry))  # the same bytes again in this batch are among the held
            case Sealed():
                return held.get(_held_key(entry), Fate.REPLAYED)
            case Refusal():
                return fate_of_refused(entry, held.get(_held_key(entry)) if entry.claims else None)
            case Heard():
                return Fate.HEARD
            case Recall(raw, content):
                return self._erase(content.kiosk, content.withdraws, raw, at)

    def _held(self, entries: Sequence[Entry], new: Mapping[Key, Fate]) -> dict[Held, Fate]:
        """Find what became before of the bytes that are not new."""
        times = Counter(_key(entry) for entry in entries if isinstance(entry, Sealed))
        asked = [key[0] for key, count in times.items() if count > 1 or key not in new]
        refused = [entry.claims.record_id for entry in entries if isinstance(entry, Refusal) and entry.claims]
        held: dict[Held, Fate] = {}
        if refused:
            rows = self._connection.execute(_RECALLED, (refused,), binary=True).fetchall()
            held |= {(record_id, sha256, kiosk): Fate.WITHDRAWN for record_id, sha256, kiosk, *_ in rows}
        if asked or refused:
            rows = self._connection.execute(_HELD, (asked + refused,), binary=True).fetchall()
            held |= {(record_id, sha256, kiosk): held_fate(because) for record_id, sha256, kiosk, because in rows}
        return held

    def _take_back(self, entry: Sealed, claims: Withdrawal, at: int) -> Fate:
        """Keep a withdrawal and erase what it takes back, or neither."""
        with self._connection.transaction():
            new = bool(insert_records(self._connection, [entry], [None], at))
            fate = Fate.REPLAYED
            if new:
                fate = self._erase(claims.kiosk, claims.withdraws, None, at)
            elif _held_key(entry) in self._held([entry], {}):
                fate = again(self._erase(claims.kiosk, claims.withdraws, None, at))
            if fate in REFUSALS:
                raise psycopg.Rollback  # to before this withdrawal
            self._connection.execute(_RELEASE, ([entry.sha256], [entry.topic]))
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
            self._connection.execute("DELETE FROM quarantine WHERE sha256 = %s", (named.sha256,))
        return fate

    def _delete_object(self, named: Withdrawn) -> None:
        """Delete an object before the row says so: should the row fail, the withdrawal comes again."""
        if self._objects is not None:
            query = "SELECT day FROM records WHERE record_id = %s AND day IS NOT NULL"
            days = self._connection.execute(query, (named.record_id,), binary=True).fetchall()
            self._objects.delete([Name(day, named.sha256) for (day,) in days])

    def _refuse(self, refusals: Sequence[Refusal], at: int) -> None:
        times = Counter((refusal.sha256, refusal.topic) for refusal in refusals)
        latest = {(refusal.sha256, refusal.topic): refusal for refusal in refusals}
        rows = [
            (r.sha256, r.topic, r.reason, r.explanation, at, at, times[key], end_of_refused(r, at), r.raw)
            for key, r in latest.items()
        ]
        self._each(_QUARANTINE, rows)

    def _hear(self, heard: Sequence[Heard], at: int) -> None:
        latest = {entry.kiosk: entry for entry in heard}
        self._each(_HEAR, sorted((e.kiosk, e.online, at, e.doubt, e.message) for e in latest.values()))
        reaches: dict[tuple[str, bytes], int] = {}
        for entry in heard:
            if entry.reach is not None:
                place = (entry.kiosk, entry.reach.epoch)
                reaches[place] = max(reaches.get(place, 0), entry.reach.highest_seq)
        self._each(_REACH, [(*place, highest) for place, highest in reaches.items()])

    def _each(self, query: str, rows: Sequence[Row]) -> None:
        if rows:
            with self._connection.cursor() as cursor:
                cursor.executemany(query, rows)


def insert_records(
    connection: psycopg.Connection, records: Sequence[Sealed], because: Sequence[str | None], at: int
) -> list[tuple[Key, str | None]]:
    """Write records into the ledger, without their bytes; return those that were new, each with why it isn't kept."""
    rows = [_row(entry, why, at) for entry, why in zip(records, because, strict=True)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    new = connection.execute(_INSERT_RECORDS, columns, binary=True).fetchall()
    return [((record_id, sha256), why) for record_id, sha256, why in new]


def copy_sealed(connection: psycopg.Connection, reports: Sequence[Sealed], at: int) -> None:
    """Write the sealed bytes of reports."""
    if not reports:
        return
    with connection.cursor() as cursor, cursor.copy(_COPY_SEALED) as copy:
        copy.set_types(("date", "bytea", "bytea"))
        for entry in reports:
            copy.write_row((_last_day(entry, at), entry.claims.record_id, entry.raw))


def _row(entry: Sealed, because: str | None, at: int) -> Row:
    claims = entry.claims
    withdrawal = (claims.withdraws.record_id, entry.raw) if isinstance(claims, Withdrawal) else (None, None)
    return (
        *(claims.record_id, claims.kiosk, claims.epoch, claims.seq, claims.previous, entry.sha256),
        *(claims.issued_at, at, end_of(claims, at), _last_day(entry, at), len(entry.raw)),
        *withdrawal,
        *(at if because else None, because),
    )


def _name(entry: Sealed, at: int) -> Name:
    day = _last_day(entry, at)
    assert day is not None
    return Name(day, entry.sha256)


def _last_day(entry: Sealed, at: int) -> date | None:
    ends_at = end_of(entry.claims, at)
    return None if ends_at is None else day_of(ends_at)


def _key(entry: Sealed) -> Key:
    return entry.claims.record_id, entry.sha256


def _held_key(entry: Sealed | Refusal) -> Held:
    assert entry.claims is not None
    return entry.claims.record_id, entry.sha256, entry.claims.kiosk
