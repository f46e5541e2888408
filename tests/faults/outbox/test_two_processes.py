"""The kiosk's process appends while the courier's lets go: each record once, in order, whoever waits for whom."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from edge_agent.outbox import Backlog, Link, Outbox
from tests.faults.outbox import life

if TYPE_CHECKING:
    from pathlib import Path

RECORDS = 80
KIOSK = """
import sys
from contextlib import closing
from pathlib import Path
from edge_agent.outbox import Outbox
from tests.faults.outbox import life
with closing(Outbox.open(Path(sys.argv[1]), life.LIMITS)) as outbox:
    for number in range(1, int(sys.argv[2]) + 1):
        outbox.append(life.record_id(number), lambda link: life.seal(link, number))
"""


def let_go_of_all_that_comes(outbox: Outbox, kiosk: subprocess.Popen[bytes], got: list[tuple[int, bytes]]) -> None:
    while kiosk.poll() is None or outbox.backlog().records:
        entries = outbox.waiting(5)
        got += [(entry.seq, outbox.read(entry.record_id)) for entry in entries]
        outbox.mark_sent([entry.record_id for entry in entries])
        outbox.mark_receipted({entry.record_id: entry.sha256 for entry in entries})


@pytest.mark.red_line(14)
def test_two_processes_at_once_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    got: list[tuple[int, bytes]] = []
    with (
        closing(Outbox.open(path, life.LIMITS)) as outbox,
        subprocess.Popen([sys.executable, "-c", KIOSK, str(path), str(RECORDS)]) as kiosk,
    ):
        let_go_of_all_that_comes(outbox, kiosk, got)
        assert (kiosk.wait(), outbox.backlog(), outbox.salvages()) == (0, Backlog(0, 0), ())
        assert outbox.highest()[1] == RECORDS
    assert [seq for seq, _ in got] == list(range(1, RECORDS + 1))
    previous = bytes(32)
    for seq, sealed in got:
        assert sealed == life.seal(Link(sealed[:16], seq, previous), seq)
        previous = hashlib.sha256(sealed).digest()


@pytest.mark.red_line(14)
def test_damage_under_two_processes_loses_nothing_that_can_be_saved(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    sealed = life.damaged_outbox(path)
    got: list[tuple[int, bytes]] = []
    with (
        subprocess.Popen([sys.executable, "-c", KIOSK, str(path), str(RECORDS)]) as kiosk,
        closing(Outbox.open(path, life.LIMITS)) as outbox,  # both meet the damage, one salvages
    ):
        let_go_of_all_that_comes(outbox, kiosk, got)
        new = RECORDS - len(sealed)  # the others are here already, and are not queued twice
        assert (kiosk.wait(), len(outbox.salvages()), outbox.highest()[1]) == (0, 1, new)
    assert {data for _, data in got} >= set(sealed.values())
    assert len(got) == len({data for _, data in got}) == RECORDS
