"""Erasing what has ended from PostgreSQL, connected as the owner of the schema: an intake's own role drops nothing."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final, Self

from psycopg import sql

from central.store.blobs import Name
from central.store.port import Erasure
from central.store.postgres import connect, day_of, explained
from edge_agent.wire.receipts import EXPIRED

if TYPE_CHECKING:
    from types import TracebackType

    import psycopg

    from central.store.blobs import Blobs

_ASKED_AT_ONCE: Final = 1000
_LOCK_S: Final = 30  # dropping waits for readers, and holds up writers meanwhile

_ERASE_ENDED: Final = "UPDATE records SET erased_at = %s, because = %s WHERE day < %s AND erased_at IS NULL"
_PARTITIONS: Final = """
SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'homeward.sealed'::regclass AND c.relname < %s ORDER BY c.relname
"""  # named after their days
_KNOWN: Final = """
SELECT day, sha256 FROM records JOIN unnest(%b::date[], %b::bytea[]) AS asked (day, sha256) USING (day, sha256)
WHERE erased_at IS NULL
"""


def open_keeper(owner: str, objects: Blobs | None = None) -> PostgresKeeper:
    """Open a store to erase what has ended, as its owner. Raises StoreError."""
    return PostgresKeeper(connect(owner), objects)


class PostgresKeeper:
    """Erases what has ended, a day's partition after the other; connected as the owner of the schema."""

    def __init__(self, connection: psycopg.Connection, objects: Blobs | None) -> None:
        self._connection = connection
        self._objects = objects

    def erase_ended(self, at: int) -> Erasure:
        """Erase what ended on days that are over at `at`, and the entries of the quarantine whose end has come."""
        today = day_of(at)
        with explained(), self._connection.transaction():
            self._connection.execute(f"SET LOCAL lock_timeout = '{_LOCK_S}s'")
            records = self._connection.execute(_ERASE_ENDED, (at, EXPIRED, today)).rowcount
            for (partition,) in self._connection.execute(_PARTITIONS, (f"sealed_{today:%Y%m%d}",)).fetchall():
                self._connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(partition)))
            quarantined = self._connection.execute("DELETE FROM quarantine WHERE ends_at <= %s", (at,)).rowcount
        if self._objects is not None:  # also those that an interrupted run has left
            self._objects.delete_before(today)
        return Erasure(records, quarantined)

    def sweep(self, before: int) -> int:
        """Delete the objects that were written before a time, and of which no row speaks; return how many that were."""
        if self._objects is None:
            return 0
        orphans = 0
        old = (name for name, written in self._objects.names() if written.timestamp() < before)
        while names := list(itertools.islice(old, _ASKED_AT_ONCE)):
            asked = ([name.day for name in names], [name.sha256 for name in names])
            with explained():
                known = {Name(*row) for row in self._connection.execute(_KNOWN, asked, binary=True).fetchall()}
            unknown = [name for name in names if name not in known]
            self._objects.delete(unknown)
            orphans += len(unknown)
        return orphans

    def __enter__(self) -> Self:
        """Use it in a `with` statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._connection.close()
