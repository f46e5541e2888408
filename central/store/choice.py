"""Which store: a SQLite file, or PostgreSQL, there with the bytes beside the rows or in object storage."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from central.store import postgres, postgres_keeper, postgres_writer, sqlite, sqlite_writer, turns
from edge_agent.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from central.store.blobs import Blobs
    from central.store.port import Keeper, Reader, Store
    from edge_agent.errors import StoreError


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is.

    `database` is the path of a SQLite file, or what PostgreSQL's libpq takes (`host=... dbname=...`, a URL). With
    PostgreSQL, `objects` is where the bytes are, if not beside the rows, and `owner` the database as its owner.
    """

    database: str
    objects: Blobs | None = None
    owner: str | None = None

    @property
    def in_postgres(self) -> bool:
        """Whether it is PostgreSQL."""
        place = self.database
        return place.startswith(("postgresql://", "postgres://")) or ("=" in place and not Path(place).exists())


def open_store(place: Place, try_again: Callable[[StoreError], bool] = lambda _: False) -> Store:
    """Open a store for writing.

    `try_again` is asked while a server is away; it may wait, and says whether to go on. Raises StoreError.
    """
    if place.in_postgres:
        return postgres_writer.open_store(place.database, try_again, place.objects)
    return sqlite_writer.open_store(Path(place.database))


def alone(place: Place) -> AbstractContextManager[None]:
    """Be the one intake that runs on a SQLite file meanwhile; any number run on PostgreSQL. Raises StoreError."""
    return nullcontext() if place.in_postgres else turns.alone(Path(place.database))


def open_reader(place: Place) -> Reader:
    """Open a store for reading. Raises StoreError."""
    if place.in_postgres:
        return postgres.open_reader(place.database, place.objects)
    return sqlite.open_reader(Path(place.database))


def open_keeper(place: Place) -> Keeper:
    """Open a store to erase what has ended. Raises StoreError."""
    if not place.in_postgres:
        return sqlite_writer.open_store(Path(place.database))
    if place.owner is None:
        raise SettingsError(
            "nothing says who owns the store's schema",
            next_step="Set `store.owner`: the same database, as its owner. An intake's own role drops nothing.",
        )
    return postgres_keeper.open_keeper(place.owner, place.objects)
