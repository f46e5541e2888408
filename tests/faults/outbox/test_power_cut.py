"""The power goes: at every write the disk is rebuilt as it may be then, and all that was certain still stands."""

from __future__ import annotations

import random  # noqa: TID251  # seeded, so that each run is the same
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.faults.outbox import life, trace
from tests.faults.outbox.disk import Call, Disk, calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DRAWS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)  # such shares of what isn't synced may be there, torn or whole
RECORD_EXTENT = 2 * 4096  # bytes that a record of this life takes in the file


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
        life.prove_erased(folder / "outbox.db", certain)
        with closing(life.opened(folder / "outbox.db")) as outbox:
            life.prove(outbox, folder / "outbox.db", certain)
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
    for name in ("outbox.db", "outbox.lock"):
        disk.preload(name, damaged.with_name(name).read_bytes())
    tried = 0
    for folder, _ in cuts(disk, whole, tmp_path / "cut"):
        with closing(life.opened(folder / "outbox.db")) as outbox:
            life.prove_salvaged(outbox, sealed)
        assert (folder / "outbox.damaged-1").read_bytes() == damaged.read_bytes()
        tried += 1
    assert tried > 270


@pytest.mark.red_line(14)
def test_what_a_killed_process_has_left_is_on_the_disk_before_anybody_counts_on_it(tmp_path: Path) -> None:
    folder = life.fresh(tmp_path / "whole")
    trace.killed(folder, "fdatasync", 3)  # of the second record: all of it is written, none of it is sure
    disk = Disk(folder)
    disk.preload("outbox.lock", (folder / "outbox.lock").read_bytes())
    data = (folder / "outbox.db").read_bytes()
    disk.preload("outbox.db", data[:-RECORD_EXTENT])
    disk.files[-1].unsure.append((len(data) - RECORD_EXTENT, data[-RECORD_EXTENT:]))
    for cut in (life.fresh(tmp_path / "before"), life.fresh(tmp_path / "after")):
        disk.after_a_cut(cut, None, 0)
        for call in recorded(folder, only_open=True):
            disk.do(call)
    highest = []
    for name in ("before", "after"):
        with closing(life.opened(tmp_path / name / "outbox.db")) as outbox:
            highest.append(outbox.highest()[1])
    assert highest == [1, 2]
