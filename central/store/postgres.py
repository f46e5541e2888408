"""The store in PostgreSQL: any number of intakes write at once, any number of readers read.

A batch is a few statements over all of its entries, in one transaction. Who was first is settled by the unique keys of
the ledger (`records`): an intake that meets another's record in mid-commit waits for it, and finds a duplicate.
"""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import psycopg
from psycopg import errors

from central.store.port import Fate, Heard, Kept, LatestStatus, Link, Quarantined, Refusal, Sealed
from edge_agent.errors import ReplayError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
    from concurrent.futures import Future
    from datetime import date
    from types import TracebackType

    from central.store.port import Entry

REVISION: Final = "r0001"  # the step of `migrations` that this module is written for

_TRIES: Final = 5  # of a transaction that another one got in the way of
_ROWS_AT_ONCE: Final = 1000
_CONNECT_S: Final = 10

T = TypeVar("T")
Row = tuple[Any, ...]
Key = tuple[bytes, bytes]  # a record's id and its SHA-256

_INSERT_RECORDS: Final = """
INSERT INTO records (record_id, kiosk, epoch, seq, previous, sha256, issued_at, arrived_at, day, size)
SELECT * FROM unnest(%b::bytea[], %b::text[], %b::bytea[], %b::bigint[], %b::bytea[], %b::bytea[], %b::bigint[],
                     %b::bigint[], %b::date[], %b::integer[])
ON CONFLICT DO NOTHING RETURNING record_id, sha256
"""  # in the order of the entries: the first to claim a place has it
_COPY_SEALED: Final = "COPY sealed (day, record_id, bytes) FROM STDIN (FORMAT BINARY)"
_HOLDS: Final = "SELECT record_id, sha256 FROM records WHERE record_id = ANY(%b)"
_QUARANTINE: Final = """
INSERT INTO quarantine AS q (sha256, topic, reason, explanation, first_at, last_at, arrivals, bytes)
VALUES (%b, %b, %b, %b, %b, %b, %b, %b)
ON CONFLICT (sha256, topic) DO UPDATE SET
    reason = excluded.reason, explanation = excluded.explanation,
    last_at = excluded.last_at, arrivals = q.arrivals + excluded.arrivals
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


def connect(conninfo: str) -> psycopg.Connection:
    """Connect to a database with our schema. Raises StoreError, also when the schema is of another version."""
    with explained():
        return _connect(conninfo)


def _connect(conninfo: str) -> psycopg.Connection:
    with ExitStack() as resources:
        connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=_CONNECT_S)
        resources.callback(connection.close)
        connection.execute("SET search_path = homeward")
        _check(connection)
        resources.pop_all()
        return connection


def open_store(conninfo: str, try_again: Callable[[StoreError], bool] = lambda _: False) -> PostgresStore:
    """Open a store for writing.

    `conninfo` is libpq's. `try_again` is asked when the server is away or failing: it may wait, and says whether to go
    on. Raises StoreError when there is no such store, or it is of another version.
    """
    return PostgresStore(conninfo, connect(conninfo), try_again)


def open_reader(conninfo: str) -> PostgresReader:
    """Open a store for reading; any role that may select will do. Raises StoreError."""
    return PostgresReader(connect(conninfo))


class PostgresReader:
    """Reads a store that intakes may be writing at the same time."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._resources = ExitStack()
        self._resources.callback(self._disconnect)

    def records(self) -> Iterator[Kept]:
        """Go through all records, in the order of their arrival."""
        query = "SELECT record_id, kiosk, issued_at, arrived_at, sha256, size FROM records ORDER BY number"
        yield from (Kept(*row) for row in self._many(query))

    def sealed(self, record_id: bytes) -> bytes | None:
        """Give a record's sealed bytes, None when there is no such record."""
        query = "SELECT bytes FROM records JOIN sealed USING (day, record_id) WHERE record_id = %s"
        return self._bytes(query, record_id)

    def kiosks(self) -> list[str]:
        """Name every kiosk of which there is a record or a verified health, in order."""
        query = "SELECT kiosk FROM records UNION SELECT kiosk FROM reaches ORDER BY kiosk"
        return [kiosk for (kiosk,) in self._rows(query)]

    def chain(self, kiosk: str) -> list[Link]:
        """Give the places of a kiosk's records, in the order of their arrival."""
        query = "SELECT epoch, seq, previous, sha256 FROM records WHERE kiosk = %s ORDER BY number"
        return [Link(*row) for row in self._rows(query, kiosk)]

    def reach(self, kiosk: str) -> Mapping[bytes, int]:
        """Give the highest sequence number that the kiosk has vouched for, by epoch."""
        return dict(self._rows("SELECT epoch, highest_seq FROM reaches WHERE kiosk = %s ORDER BY number", kiosk))

    def quarantined(self) -> Iterator[Quarantined]:
        """Go through the quarantine, in the order of first arrival."""
        query = """SELECT number, topic, sha256, reason, explanation, first_at, last_at, arrivals, octet_length(bytes)
                   FROM quarantine ORDER BY number"""
        yield from (Quarantined(*row) for row in self._many(query))

    def quarantined_bytes(self, number: int) -> bytes | None:
        """Give the bytes of one entry of the quarantine, None when there is no such entry."""
        return self._bytes("SELECT bytes FROM quarantine WHERE number = %s", number)

    def statuses(self) -> list[LatestStatus]:
        """Give the latest status of every kiosk, in the order of their names."""
        query = "SELECT kiosk, online, message, at, doubt FROM statuses ORDER BY kiosk"
        return [LatestStatus(*row) for row in self._rows(query)]

    def close(self) -> None:
        """Let go, once what was begun is kept. Calling it twice is fine."""
        self._resources.close()

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _disconnect(self) -> None:
        self._connection.close()  # a lost one was replaced meanwhile

    def _rows(self, query: str, *values: Any) -> list[Row]:
        with explained():
            return self._connection.execute(query, values, binary=True).fetchall()

    def _many(self, query: str) -> Iterator[Row]:
        """Give rows as they come, never all at once: there may be millions."""
        with (
            explained(),
            self._connection.transaction(),
            self._connection.cursor("many", binary=True) as cursor,
        ):
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(query)

    def _bytes(self, query: str, key: bytes | int) -> bytes | None:
        rows = self._rows(query, key)
        found: bytes | None = rows[0][0] if rows else None
        return found


class PostgresStore(PostgresReader):
    """One of the writers of a store."""

    def __init__(self, conninfo: str, connection: psycopg.Connection, try_again: Callable[[StoreError], bool]) -> None:
        super().__init__(connection)
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
                    self._connection = _connect(self._conninfo)
                return work()
            except (errors.DeadlockDetected, errors.SerializationFailure) as fault:
                if tries == _TRIES:
                    raise _in_words(fault) from fault
            except psycopg.OperationalError as fault:
                if not self._try_again(_in_words(fault)):
                    raise _in_words(fault) from fault
            except psycopg.Error as fault:
                raise _in_words(fault) from fault
        raise AssertionError

    def _keep(self, entries: Sequence[Entry], at: int) -> list[Fate]:
        records = [entry for entry in entries if isinstance(entry, Sealed)]
        self._open_days({day_of(at) for _ in records})
        with self._connection.transaction():
            new = self._insert(records, at)
            fates, refusals = self._judge(entries, new)
            self._refuse(refusals, at)
            self._hear([entry for entry in entries if isinstance(entry, Heard)], at)
        return fates

    def _open_days(self, days: set[date]) -> None:
        for day in days - self._days:
            self._connection.execute("SELECT open_day(%s)", (day,))
            self._days.add(day)

    def _insert(self, records: Sequence[Sealed], at: int) -> set[Key]:
        """Store what is new; return what was."""
        if not records:
            return set()
        new = set(insert_records(self._connection, records, at))
        first = {_key(entry): entry for entry in records if _key(entry) in new}
        copy_sealed(self._connection, list(first.values()), at)
        if new:
            stored = ([entry.sha256 for entry in first.values()], [entry.topic for entry in first.values()])
            self._connection.execute(_RELEASE, stored)
        return new

    def _judge(self, entries: Sequence[Entry], new: set[Key]) -> tuple[list[Fate], list[Refusal]]:
        """Say what becomes of each entry, once the new records are in; and what goes to quarantine."""
        held = self._held(entries, new)
        fates: list[Fate] = []
        refusals: list[Refusal] = []
        for entry in entries:
            match entry:
                case Sealed() if _key(entry) in new:
                    new.remove(_key(entry))  # the same bytes again are a duplicate
                    fates.append(Fate.STORED)
                case Sealed() if _key(entry) in held:
                    fates.append(Fate.DUPLICATE)
                case Sealed():
                    taken = "its record id, or its place in the chain, is taken by other bytes"
                    refusals.append(Refusal(entry.topic, entry.raw, entry.sha256, ReplayError.code, taken))
                    fates.append(Fate.REPLAYED)
                case Refusal(duplicate_if_held=True) if (entry.record_id, entry.sha256) in held:
                    fates.append(Fate.DUPLICATE)
                case Refusal():
                    refusals.append(entry)
                    fates.append(Fate.REFUSED)
                case Heard():
                    fates.append(Fate.HEARD)
        return fates, refusals

    def _held(self, entries: Sequence[Entry], new: set[Key]) -> set[Key]:
        """Find which of the entries' bytes are in the ledger."""
        asked = [entry.claims.record_id for entry in entries if isinstance(entry, Sealed) and _key(entry) not in new]
        asked += [
            entry.record_id
            for entry in entries
            if isinstance(entry, Refusal) and entry.duplicate_if_held and entry.record_id is not None
        ]
        if not asked:
            return set(new)
        return new | set(self._connection.execute(_HOLDS, (asked,), binary=True).fetchall())

    def _refuse(self, refusals: Sequence[Refusal], at: int) -> None:
        times = Counter((refusal.sha256, refusal.topic) for refusal in refusals)
        latest = {(refusal.sha256, refusal.topic): refusal for refusal in refusals}
        rows = [(r.sha256, r.topic, r.reason, r.explanation, at, at, times[key], r.raw) for key, r in latest.items()]
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


def insert_records(connection: psycopg.Connection, records: Sequence[Sealed], at: int) -> list[Key]:
    """Write records into the ledger, without their bytes; return those that were new."""
    columns = [list(column) for column in zip(*(_row(entry, at) for entry in records), strict=True)]
    return connection.execute(_INSERT_RECORDS, columns, binary=True).fetchall()


def copy_sealed(connection: psycopg.Connection, records: Sequence[Sealed], at: int) -> None:
    """Write the sealed bytes of records."""
    with connection.cursor() as cursor, cursor.copy(_COPY_SEALED) as copy:
        copy.set_types(("date", "bytea", "bytea"))
        for entry in records:
            copy.write_row((day_of(at), entry.claims.record_id, entry.raw))


def _row(entry: Sealed, at: int) -> Row:
    claims = entry.claims
    return (
        *(claims.record_id, claims.kiosk, claims.epoch, claims.seq, claims.previous, entry.sha256),
        *(claims.issued_at, at, day_of(at), len(entry.raw)),
    )


def _key(entry: Sealed) -> Key:
    return entry.claims.record_id, entry.sha256


def day_of(seconds: int) -> date:
    """Give the day, in UTC, of a time in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).date()


def _check(connection: psycopg.Connection) -> None:
    """Raise StoreError when the database has no schema of ours, or one of another version."""
    (there,) = connection.execute("SELECT to_regclass('homeward.alembic_version') IS NOT NULL").fetchone() or (False,)
    if not there:
        raise StoreError(
            f"there is no store in the database {connection.info.dbname}",
            next_step="Make it, as the database's owner: homeward-intake migrate.",
        )
    found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if found != [(REVISION,)]:
        raise StoreError(
            f"the store's schema is at {found}, this program knows {REVISION}",
            next_step="Carry it over with homeward-intake migrate, or use the program of the release that wrote it.",
        )


@contextmanager
def explained() -> Generator[None]:
    """Turn PostgreSQL's faults into ours."""
    try:
        yield
    except psycopg.Error as fault:
        raise _in_words(fault) from fault


def _in_words(fault: psycopg.Error) -> StoreError:
    return StoreError(
        f"PostgreSQL: {' '.join(str(fault).split()) or type(fault).__name__}",
        next_step="Check the server, its disk, and the role's rights; nothing was acknowledged.",
    )
