"""A process killed at any system call that writes leaves an outbox in which all that was certain still stands."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.faults.outbox import life, trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.red_line(14)
def test_killed_at_any_writing_call_nothing_certain_is_gone_or_doubled(tmp_path: Path) -> None:
    cuts = trace.cuts(life.fresh(tmp_path / "whole"))
    counts = Counter(name for name, _ in cuts)
    assert (counts["pwrite64"] > 15, counts["fdatasync"] > 8, counts["fallocate"], counts["rename"]) == (
        True,
        True,
        4,  # two files' blocks set aside, two holes
        2,
    )
    lived_on = 0
    for name, number in cuts:
        folder = life.fresh(tmp_path / "cut")
        certain = trace.killed(folder, name, number)
        lived_on += len(certain) == len(life.STEPS)
        with closing(life.opened(folder / "outbox.db")) as outbox:
            life.prove(outbox, folder / "outbox.db", certain)
            life.prove_that_life_goes_on(outbox)
    assert lived_on == 0  # every kill has cut the life short
