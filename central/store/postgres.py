"""A store in PostgreSQL: how to reach it, and how to read it.

`postgres_writer` writes by way of `postgres_rows`, `postgres_keeper` erases.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg

from central.store.blobs import Name
from central.store.reading import Row, SqlReader
from edge_agent.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import date

    from central.store.blobs import Blobs
    from central.store.port import Kept

REVISION: Final = "r0004"  # the step of `migrations` that these modules are written for

_ROWS_AT_ONCE: Final = 1000
_CONNECT_S: Final = 10


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


class PostgresReader(SqlReader):
    """Reads a store that intakes may be writing at the same time."""

    _size = "size"
    _heard_first = "number"

    def __init__(self, connection: psycopg.Connection, objects: Blobs | None = None) -> None:
        super().__init__(ExitStack(), self._fetch, self._stream)
        self._connection = connection
        self._objects = objects
        self._resources.callback(self._disconnect)

    def ended(self, at: int) -> Iterator[Kept]:
        """Go through the records whose last day is over at `at`: they go together, by their partition."""
        yield from self._kept("day < ? AND erased_at IS NULL", day_of(at))

    def sealed(self, record_id: bytes) -> bytes | None:
        """Give a record's bytes, None when there are none."""
        query = """SELECT coalesce(bytes, withdrawal), day, sha256 FROM records LEFT JOIN sealed USING (day, record_id)
                   WHERE record_id = ? AND erased_at IS NULL"""
        for beside, day, sha256 in self._rows(query, record_id):
            found: bytes | None = beside
            if found is None and self._objects is None:
                raise StoreError(
                    f"the bytes of record {record_id.hex()} are in object storage",
                    next_step="Name it in the settings (`[store.objects]`); at a desk, in `--store NAME.toml`.",
                )
            return self._objects.get(Name(day, sha256)) if found is None and self._objects else found
        return None

    def _disconnect(self) -> None:
        self._connection.close()  # a lost one was replaced meanwhile

    def _fetch(self, query: str, *values: Any) -> list[Row]:
        with explained():
            return self._connection.execute(marked(query), values, binary=True).fetchall()

    def _stream(self, query: str, *values: Any) -> Iterator[Row]:
        with (
            explained(),
            self._connection.transaction(),
            self._connection.cursor("many", binary=True) as cursor,
        ):
            cursor.itersize = _ROWS_AT_ONCE
            yield from cursor.execute(marked(query), values)


def marked(query: str) -> str:
    """Mark a statement's values as psycopg wants them."""
    return query.replace("?", "%s")


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
