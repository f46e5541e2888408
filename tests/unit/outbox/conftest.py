"""An outbox that is open, and where it lies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.outbox.world import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from edge_agent.outbox import Outbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "outbox.db"


@pytest.fixture
def outbox(path: Path) -> Iterator[Outbox]:
    with opened(path) as outbox:
        yield outbox
