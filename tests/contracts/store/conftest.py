"""The stores that the contract is held against. A second store is one more entry in `STORES`.

An entry is a function that opens the same store again for every path it is given: for writing, and for reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from central.store import sqlite

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from central.store.port import Reader, Store


@dataclass
class Place:
    """Where one store lives: it can be opened again, as after a restart."""

    path: Path
    open: Callable[[Path], Store]
    read: Callable[[Path], Reader]

    def store(self) -> Store:
        return self.open(self.path)

    def reader(self) -> Reader:
        return self.read(self.path)


STORES = {"sqlite": (sqlite.open_store, sqlite.open_reader)}


@pytest.fixture(params=STORES)
def place(request, tmp_path):
    return Place(tmp_path / "store", *STORES[request.param])


@pytest.fixture
def store(place):
    with place.store() as opened:
        yield opened
