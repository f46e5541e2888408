"""A store in PostgreSQL: how to reach it, and how to read it. `postgres_writer` writes, `postgres_keeper` erases."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

import psycopg

from central.store.blobs import Name
from central.store.port import Kept, LatestStatus, Link, Quarantined, Tombstone
from edge_agent.errors import StoreError
from edge_agent.wire.receipts import WITHDRAWN

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from datetime import date
    from types import TracebackType

    from central.store.blobs import Blobs

REVISION: Final = "r0001"  # the step of `migrations` that these modules are written for

_ROWS_AT_ONCE: Final = 1000
_CONNECT_S: Final = 10

Row = tuple[Any, ...]

_KEPT: Final = "SELECT record_id, kiosk, issued_at, arrived_at, sha256, size, ends_at, withdraws FROM records"
_TOMBSTONE: Final = (
    "SELECT record_id, kiosk, issued_at, arrived_at, ends_at, erased_at, because, withdrawal FROM records"
)
_NEVER_CAME: Final = """
FROM recalled r WHERE NOT EXISTS (SELECT FROM records s WHERE s.record_id = r.record_id AND s.kiosk = r.kiosk)
"""


def connect(conninfo: str) -> psycopg.Connection:
    """Connect to a database with our schema. Raises StoreError, also when the schema is of another version."""
    with explained():
        return connect_plainly(conninfo)


def connect_plainly(conninfo: str) -> psycopg.Connection:
    """Connect as `connect` does, and let psycopg's faults be: for those who tell them apart."""
    with ExitStack() as resources:
        connection = psycopg.connect(conninfo, autocommit=True, connect_timeout=_CONNECT_S)
        resources.callback(connection.close)
        connection.execute("SET search_path = homeward")
        _check(connection)
        resources.pop_all()
        return connection


def open_reader(conninfo: str, objects: Blobs | None = None) -> PostgresReader:
    """Open a store for reading; any role that may select will do. Raises StoreError."""
    return PostgresReader(connect(conninfo), objects)


class PostgresReader:
    """Reads a store that intakes may be writing at the same time."""

    def __init__(self, connection: psycopg.Connection, objects: Blobs | None = None) -> None:
        self._connection = connection
        self._objects = objects
        self._resources = ExitStack()
        self._resources.callback(self._disconnect)

    def records(self) -> Iterator[Kept]:
        """Go through all records that are not erased, in the order of their arrival."""
        yield from (Kept(*row) for row in self._many(f"{_KEPT} WHERE erased_at IS NULL ORDER BY number"))

    def tombstones(self) -> Iterator[Tombstone]:
        """Go through what stays of erased records, in the order of the records' arrival."""
        never_came = f"SELECT record_id, kiosk, NULL, NULL, NULL, at, %s, withdrawal {_NEVER_CAME}"
        yield from (Tombstone(*row) for row in self._many(f"{_TOMBSTONE} WHERE erased_at IS NOT NULL ORDER BY number"))
        yield from (Tombstone(*row) for row in self._many(never_came, WITHDRAWN))

    def ended(self, at: int) -> Iterator[Kept]:
        """Go through the records whose last day is over at `at`: they go together, by their partition."""
        query = f"{_KEPT} WHERE day < %s AND erased_at IS NULL ORDER BY number"
        yield from (Kept(*row) for row in self._many(query, day_of(at)))

    def find(self, record_id: bytes) -> Kept | Tombstone | None:
        """Find a record, or what stays of it; None when it was never here."""
        for row in self._rows(f"{_KEPT} WHERE record_id = %s AND erased_at IS NULL", record_id):
            return Kept(*row)
        for row in self._rows(f"{_TOMBSTONE} WHERE record_id = %s AND erased_at IS NOT NULL", record_id):
            return Tombstone(*row)
        return None

    def sealed(self, record_id: bytes) -> bytes | None:
        """Give a record's bytes, None when there are none."""
        query = """SELECT coalesce(bytes, withdrawal), day, sha256 FROM records LEFT JOIN sealed USING (day, record_id)
                   WHERE record_id = %s AND erased_at IS NULL"""
        for beside, day, sha256 in self._rows(query, record_id):
            found: bytes | None = beside
            if found is None and self._objects is None:
                raise StoreError(
                    f"the bytes of record {record_id.hex()} are in object storage",
                    next_step="Name it in the settings (`store.objects`), or take the record from an export.",
                )
            return self._objects.get(Name(day, sha256)) if found is None and self._objects else found
        return None

    def kiosks(self) -> list[str]:
        """Name every kiosk of which there is a record or a verified health, in order."""
        query = "SELECT kiosk FROM records UNION SELECT kiosk FROM reaches ORDER BY kiosk"
        return [kiosk for (kiosk,) in self._rows(query)]

    def chain(self, kiosk: str) -> list[Link]:
        """Give the places of a kiosk's records, in the order of their arrival."""
        came = "SELECT epoch, seq, previous, sha256, arrived_at FROM records WHERE kiosk = %s ORDER BY number"
        never_came = f"SELECT epoch, seq, NULL, sha256, NULL {_NEVER_CAME} AND kiosk = %s"
        return [Link(*row) for query in (came, never_came) for row in self._rows(query, kiosk)]

    def reach(self, kiosk: str) -> Mapping[bytes, int]:
        """Give the highest sequence number that the kiosk has vouched for, by epoch."""
        return dict(self._rows("SELECT epoch, highest_seq FROM reaches WHERE kiosk = %s ORDER BY number", kiosk))

    def quarantined(self) -> Iterator[Quarantined]:
        """Go through the quarantine, in the order of first arrival."""
        query = """SELECT number, topic, sha256, reason, explanation, first_at, last_at, arrivals, octet_length(bytes),
                          ends_at FROM quarantine ORDER BY number"""
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

    def _many(self, query: str, *values: Any) -> Iterator[Row]:
        """Give rows as they come, never all at once: there may be millions."""
        with (
            explained(),
            self._connection.transaction(),
            self._connection.cursor("many", binary=True) as cursor,
        ):
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(query, values)

    def _bytes(self, query: str, key: bytes | int) -> bytes | None:
        rows = self._rows(query, key)
        found: bytes | None = rows[0][0] if rows else None
        return found


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
        raise in_words(fault) from fault


def in_words(fault: psycopg.Error) -> StoreError:
    """Turn one of PostgreSQL's faults into ours."""
    return StoreError(
        f"PostgreSQL: {' '.join(str(fault).split()) or type(fault).__name__}",
        next_step="Check the server, its disk, and the role's rights; nothing was acknowledged.",
    )
