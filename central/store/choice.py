"""Which store: a place is a path of a SQLite file, or what PostgreSQL's libpq takes (`host=... dbname=...`, a URL)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from central.store import postgres, sqlite
from edge_agent.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from central.store.port import Keeper, Reader, Store
    from edge_agent.errors import StoreError


def is_postgres(place: str) -> bool:
    """Tell a PostgreSQL's place from a file's."""
    return place.startswith(("postgresql://", "postgres://")) or ("=" in place and not Path(place).exists())


def open_store(place: str, try_again: Callable[[StoreError], bool]) -> Store:
    """Open a store for writing.

    `try_again` is asked while a server is away; it may wait, and says whether to go on. Raises StoreError.
    """
    return postgres.open_store(place, try_again) if is_postgres(place) else sqlite.open_store(Path(place))


def open_reader(place: str) -> Reader:
    """Open a store for reading. Raises StoreError."""
    return postgres.open_reader(place) if is_postgres(place) else sqlite.open_reader(Path(place))


def open_keeper(place: str, owner: str | None) -> Keeper:
    """Open a store to erase what has ended; `owner` is PostgreSQL's place as its owner. Raises StoreError."""
    if not is_postgres(place):
        return sqlite.open_store(Path(place))
    if owner is None:
        raise SettingsError(
            "nothing says who owns the store's schema",
            next_step="Set `store.owner`: the same database, as its owner. An intake's own role drops nothing.",
        )
    return postgres.open_keeper(owner)
