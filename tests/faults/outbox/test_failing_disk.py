"""A disk that is full or fails, from any call on: it is told as that, and what was certain still stands."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from edge_agent.outbox import Outbox
from tests.faults.outbox import life, trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.red_line(14)
@pytest.mark.parametrize(
    ("call", "fault", "told"),
    [("pwrite64", "ENOSPC", "outbox-full"), ("fdatasync", "EIO", "outbox"), ("ftruncate", "EIO", "outbox")],
)
def test_a_failing_disk_is_told_and_costs_nothing_certain(tmp_path: Path, call: str, fault: str, told: str) -> None:
    numbers = [number for name, number in trace.cuts(life.fresh(tmp_path / "whole")) if name == call]
    assert numbers
    for number in numbers:
        folder = life.fresh(tmp_path / "failing")
        *certain, last = trace.failing(folder, call, fault, number)
        assert last == told
        with closing(Outbox.open(folder / "outbox.db", life.LIMITS)) as outbox:
            life.prove(outbox, certain)
            life.prove_that_life_goes_on(outbox)
