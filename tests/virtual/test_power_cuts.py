"""The power goes, at twenty random moments of sessions and their uploads.

The card loses a random choice of the sectors that no flush has covered. What it would hold after a cut at some moment
is written down while the kiosk goes on, so that one session gives as many cuts as one likes; each is then recovered as
at a boot, and read with the outbox's own code.
"""

from __future__ import annotations

import subprocess
import threading
from random import Random  # noqa: TID251 - a seeded one: the same moments each time
from typing import TYPE_CHECKING

import pytest

from edge_agent.outbox import Limits, Outbox
from tests.virtual.visitor import SESSION_S, Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.virtual.device import VirtualKiosk

CUTS = 20
EVERY = 2  # writes between two cuts, on the average
SEED = 20_111_125
ROOMY = Limits(max_bytes=2**31, max_records=20_000, keep_free_bytes=0)


class Cuts:
    """Writes down, at random writes of the machine, what its card would hold if the power went there."""

    def __init__(self, kiosk: VirtualKiosk, folder: Path) -> None:
        self._kiosk = kiosk
        self._folder = folder
        self._chance = Random(SEED)
        self._lock = threading.Lock()
        self.made: list[tuple[Path, list[str], list[str]]] = []

    def maybe(self) -> None:
        with self._lock:
            if len(self.made) < CUTS and self._chance.randrange(EVERY) == 0:
                image = self._folder / f"cut-{len(self.made)}.img"
                before = ids(self._kiosk, "sealed"), ids(self._kiosk, "receipted")
                self._kiosk.card.after_a_cut(self._chance, image)
                self.made.append((image, *before))


def ids(kiosk: VirtualKiosk, event: str) -> list[str]:
    """The records of which the kiosk has said this so far."""
    return [said["record"] for said in kiosk.said() if said["event"] == event]


def recover(image: Path, folder: Path) -> Path:
    """Do with a card what a boot does; then its file system is clean. Give its shared folder."""
    subprocess.run(["e2fsck", "-p", str(image)], check=False, capture_output=True)  # plays the journal back
    checked = subprocess.run(["e2fsck", "-fn", str(image)], check=False, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout
    folder.mkdir()
    subprocess.run(["debugfs", "-R", f"rdump /shared {folder}", str(image)], check=True, capture_output=True)
    return folder / "shared"


def waiting(shared: Path) -> list[str]:
    """The records that wait in an outbox, which must be whole."""
    outbox = Outbox.open(shared / "outbox.db", ROOMY)
    try:
        assert outbox.salvages() == ()
        found = [entry.record_id for entry in outbox.waiting(1000)]
        for record_id in found:
            outbox.read(record_id)
    finally:
        outbox.close()
    return [record_id.hex() for record_id in found]


@pytest.mark.red_line(14)
def test_at_twenty_moments_of_sessions_and_uploads_no_report_is_gone_or_doubled(live, kiosk, tmp_path):
    cuts = Cuts(kiosk, tmp_path)
    kiosk.card.at_write = cuts.maybe
    try:
        while len(cuts.made) < CUTS:
            visitor = Visitor(kiosk)
            visitor.agree()
            record = visitor.send()
            kiosk.wait_for("receipted", record=record, timeout=SESSION_S)
            visitor.leave()
    finally:
        kiosk.card.at_write = None
    stored = [record_id.hex() for record_id, _ in live.stored()]
    assert len(stored) == len(set(stored))
    for number, (image, sealed, receipted) in enumerate(cuts.made):
        left = waiting(recover(image, tmp_path / f"card-{number}"))
        assert len(left) == len(set(left))
        assert set(sealed) <= set(left) | set(stored)
        assert set(receipted) <= set(stored)
