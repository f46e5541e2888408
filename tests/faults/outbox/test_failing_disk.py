"""A disk that is full or fails, from any call on: it is told as that, and what was certain still stands."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.faults.outbox import life, trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.red_line(14)
@pytest.mark.parametrize(
    ("call", "fault", "told"),
    [
        ("pwrite64", "ENOSPC", "outbox-full"),
        ("write", "ENOSPC", "outbox-full"),
        ("fdatasync", "EIO", "outbox"),
        ("fsync", "EIO", "outbox"),
    ],
)
def test_a_failing_disk_is_told_and_costs_nothing_certain(tmp_path: Path, call: str, fault: str, told: str) -> None:
    numbers = [number for name, number in trace.cuts(life.fresh(tmp_path / "whole")) if name == call]
    assert numbers
    for number in numbers:
        folder = life.fresh(tmp_path / "failing")
        *certain, last = trace.failing(folder, call, fault, number)
        if last == life.STEPS[-1]:  # what failed was the very last mark, which may be missing
            certain.append(last)
        else:
            assert last == told
        with closing(life.opened(folder / "outbox.db")) as outbox:
            life.prove(outbox, folder / "outbox.db", certain)
            life.prove_that_life_goes_on(outbox)


def test_where_the_file_system_makes_no_holes_zeros_are_written_instead(tmp_path: Path) -> None:
    folder = life.fresh(tmp_path / "flat")
    certain = trace.failing(folder, "fallocate", "EOPNOTSUPP", 1)
    assert len(certain) == len(life.STEPS)
    with closing(life.opened(folder / "outbox.db")) as outbox:
        life.prove(outbox, folder / "outbox.db", certain)
        life.prove_that_life_goes_on(outbox)
