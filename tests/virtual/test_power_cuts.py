"""The power goes, at twenty random moments of sessions and their uploads; after one more the kiosk boots anew.

The card loses a random choice of the sectors that no flush has covered. What it would hold after a cut at some moment
is written down while the kiosk goes on, so that one session gives as many cuts as one likes; each is then recovered as
at a boot, and read with the outbox's own code.
"""

from __future__ import annotations

import threading
from random import Random  # noqa: TID251 - a seeded one: the same moments each time
from typing import TYPE_CHECKING

import pytest

from firmware.virtual.device import BOOT_S
from tests.virtual.card import recover, waiting
from tests.virtual.guest import do
from tests.virtual.visitor import AT_REST, SESSION_S, Visitor

if TYPE_CHECKING:
    from pathlib import Path

    from firmware.virtual.device import VirtualKiosk

CUTS = 20
EVERY = 2  # writes between two cuts, on the average
SEED = 20_111_125


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


def start_with(kiosk: VirtualKiosk, image: Path) -> None:
    """Give it a card as a cut has left it: the kernel plays the journal back, and both programs come to rest again."""
    do(kiosk, "/usr/bin/systemctl", "stop", "var-lib-homeward.mount")  # and what needs it
    kiosk.card.put_back(image)
    do(kiosk, "/usr/sbin/blockdev", "--flushbufs", "/dev/disk/by-label/homeward")
    heard = len(kiosk.said())
    do(kiosk, "/usr/bin/systemctl", "start", "--no-block", "homeward-kiosk.service", "homeward-courier.service")
    for program in ("kiosk", "courier"):
        kiosk.wait_for("ready", program=program, timeout=BOOT_S, after=heard)
    kiosk.until(lambda: kiosk.lights() == AT_REST, "the lights of a kiosk at rest", SESSION_S)


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
    for image, _, _ in cuts.made:
        start_with(kiosk, image)
    for number, (image, sealed, receipted) in enumerate(cuts.made):
        left = waiting(recover(image, tmp_path / f"card-{number}"))
        assert len(left) == len(set(left))
        assert set(sealed) <= set(left) | set(stored)
        assert set(receipted) <= set(stored)


@pytest.mark.red_line(14)
def test_a_kiosk_that_loses_its_power_in_mid_session_boots_to_rest_and_what_waited_arrives_once(
    live, waiting_kiosk, record
):
    Visitor(waiting_kiosk).agree()
    waiting_kiosk.cut_power(Random(SEED))
    waiting_kiosk.boot_to_rest()
    waiting_kiosk.wait_for("receipted", record=record, timeout=BOOT_S)
    assert [record_id.hex() for record_id, _ in live.stored()] == [record]
