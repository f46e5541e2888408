from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.live import LiveFleet
from tests.support.postgres import INTAKE, Postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def database() -> Iterator[Postgres]:
    """A PostgreSQL that may be killed."""
    with Postgres() as server:
        yield server


@pytest.fixture
def live_in_postgres(tmp_path: Path, database: Postgres) -> Iterator[LiveFleet]:
    with LiveFleet(tmp_path, postgresql=database.conninfo(database.database(), INTAKE)) as fleet:
        yield fleet


@pytest.fixture
def live(tmp_path: Path) -> Iterator[LiveFleet]:
    with LiveFleet(tmp_path) as fleet:
        yield fleet
