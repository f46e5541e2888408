"""A salvage that is killed at any system call that writes is done again, and saves the same."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.faults.outbox import life, trace

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.red_line(14)
def test_killed_at_any_writing_call_of_a_salvage_it_is_done_again_and_saves_the_same(tmp_path: Path) -> None:
    damaged = tmp_path / "outbox.db"
    sealed = life.damaged_outbox(damaged)
    cuts = trace.cuts(life.fresh(tmp_path / "whole", damaged), only_open=True)
    counts = Counter(name for name, _ in cuts)
    assert (counts["link"] + counts["linkat"], counts["rename"], counts["fsync"] > 1) == (1, 1, True)
    for name, number in cuts:
        folder = life.fresh(tmp_path / "cut", damaged)
        trace.killed(folder, name, number, only_open=True)
        with closing(life.opened(folder / "outbox.db")) as outbox:
            life.prove_salvaged(outbox, sealed)
        assert (folder / "outbox.damaged-1").read_bytes() == damaged.read_bytes()
