"""The stores that the contract is held against. A second store is one more entry in `STORES`.

An entry makes a place for a store that isn't there yet; the place opens it again and again, as after a restart.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from central.store import postgres, postgres_keeper, postgres_writer, sqlite, sqlite_writer
from tests.support.postgres import DESK, INTAKE, Postgres
from tests.support.s3 import Storage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from central.store.port import Keeper, Reader, Store


@dataclass
class Place:
    """Where one store lives: it can be opened again, as after a restart."""

    store: Callable[[], Store]
    reader: Callable[[], Reader]
    keeper: Callable[[], Keeper]
    nothing: Callable[[], Reader]  # reads where no store is


def in_sqlite(request) -> Place:
    path = request.getfixturevalue("tmp_path") / "store"
    return Place(
        store=lambda: sqlite_writer.open_store(path),
        reader=lambda: sqlite.open_reader(path),
        keeper=lambda: sqlite_writer.open_store(path),
        nothing=lambda: sqlite.open_reader(path),
    )


def in_postgres(request) -> Place:
    server = request.getfixturevalue("server")
    database = server.database()
    return Place(
        store=lambda: postgres_writer.open_store(server.conninfo(database, INTAKE)),
        reader=lambda: postgres.open_reader(server.conninfo(database, INTAKE)),
        keeper=lambda: postgres_keeper.open_keeper(server.conninfo(database)),
        nothing=lambda: postgres.open_reader(server.conninfo(server.empty_database(), DESK)),
    )


def in_postgres_and_objects(request) -> Place:
    server = request.getfixturevalue("server")
    objects = request.getfixturevalue("storage").objects(request.getfixturevalue("tmp_path"))
    database = server.database()
    return Place(
        store=lambda: postgres_writer.open_store(server.conninfo(database, INTAKE), objects=objects),
        reader=lambda: postgres.open_reader(server.conninfo(database, INTAKE), objects),
        keeper=lambda: postgres_keeper.open_keeper(server.conninfo(database), objects),
        nothing=lambda: postgres.open_reader(server.conninfo(server.empty_database(), DESK), objects),
    )


STORES = {"sqlite": in_sqlite, "postgres": in_postgres, "postgres-and-objects": in_postgres_and_objects}


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with Postgres(careful=False) as running:
        yield running


@pytest.fixture(scope="session")
def storage() -> Iterator[Storage]:
    with Storage() as running:
        yield running


@pytest.fixture(params=STORES)
def place(request):
    return STORES[request.param](request)


@pytest.fixture
def store(place):
    with place.store() as opened:
        yield opened
