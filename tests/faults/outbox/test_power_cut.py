"""The power goes: at every write the disk is rebuilt as it may be then, and all that was certain still stands."""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that each run is the same
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from edge_agent.outbox import Outbox
from tests.faults.outbox import life, trace
from tests.faults.outbox.disk import Call, Disk, calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAWS = (0.2, 0.5, 0.8)  # of what isn't synced, such shares may have reached the disk, torn or whole


def recorded(folder: Path, *, only_open: bool = False) -> list[Call]:
    """Record a whole life: each write with its bytes, and each line said, in their order."""
    log = folder.with_name("log")
    options = (trace.FAST, "-y", "-xx", "-s", "1000000", "-o", str(log), "-e", f"trace={trace.WRITING}")
    trace.run(folder, *options, said=folder.with_name("said"), only_open=only_open)
    return calls(log)


def cuts(disk: Disk, whole: list[Call], folder: Path) -> Iterator[tuple[Path, list[str]]]:
    """Cut the power after each call, several times with other luck; give the folder and what was certain by then."""
    certain: list[str] = []
    for number, call in enumerate(whole):
        if call.files[0].name == "said":
            certain.append(call.data.decode().rstrip())
            continue
        disk.do(call)
        luck: list[tuple[random.Random | None, float]] = [(None, 0), (None, 1)]
        luck += [(random.Random(f"{number} {share}"), share) for share in DRAWS]
        for chance, share in luck:
            cut = life.fresh(folder)
            disk.after_a_cut(cut, chance, share)
            yield cut, certain


@pytest.mark.red_line(14)
def test_at_whatever_write_the_power_goes_nothing_certain_is_gone_or_doubled(tmp_path: Path) -> None:
    whole = recorded(life.fresh(tmp_path / "whole"))
    certain: list[str] = []
    tried = 0
    for folder, certain in cuts(Disk(tmp_path / "whole"), whole, tmp_path / "cut"):
        with closing(Outbox.open(folder / "outbox.db", life.LIMITS)) as outbox:
            life.prove(outbox, certain)
            life.prove_that_life_goes_on(outbox)
        tried += 1
    assert tried > 600
    assert len(certain) == len(life.STEPS)


@pytest.mark.red_line(14)
def test_at_whatever_write_of_a_salvage_the_power_goes_it_is_done_again_and_saves_the_same(tmp_path: Path) -> None:
    damaged = tmp_path / "outbox.db"
    sealed = life.damaged_outbox(damaged)
    whole = recorded(life.fresh(tmp_path / "whole", damaged), only_open=True)
    disk = Disk(tmp_path / "whole")
    disk.preload("outbox.db", damaged.read_bytes())
    tried = 0
    for folder, _ in cuts(disk, whole, tmp_path / "cut"):
        with closing(Outbox.open(folder / "outbox.db", life.LIMITS)) as outbox:
            life.prove_salvaged(outbox, sealed)
        assert (folder / "outbox.damaged-1").read_bytes() == damaged.read_bytes()
        tried += 1
    assert tried > 300
