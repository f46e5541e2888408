"""What the courier does with receipts: gathers, believes, lets go. On a real outbox, with receipts that are signed."""

from __future__ import annotations

import hashlib
import json
import resource
from typing import TYPE_CHECKING

import pytest

from edge_agent.delivery import Delivery, Pace
from edge_agent.errors import OutboxFullError
from edge_agent.files import read_signer
from edge_agent.settling import Settling
from edge_agent.trust import TrustFile
from edge_agent.wire import receipts
from edge_agent.wire.keys import SoftwareSigner
from edge_agent.wire.receipts import Entry, Outcome
from tests.support.live import LiveFleet

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from edge_agent.wire.keys import Signer
    from tests.support.spool import Spool

NOW = 1000.0
RECORDS = 4


class Scene:
    """A kiosk with records of which the first window is on its way to the broker."""

    def __init__(self, spool: Spool, signer: Signer) -> None:
        self.spool = spool
        self.signer = signer
        self.ids = spool.fill(RECORDS)
        self.delivery = Delivery(Pace(window=RECORDS, receipt_timeout_s=60, refused_again_s=60), jitter=lambda: 0.5)
        self.delivery.connected(RECORDS)
        assert self.delivery.due(self.ids, NOW) == self.ids
        self.settling = Settling(spool.settings.kiosk, TrustFile(spool.settings.trust), spool.outbox, self.delivery)

    def entry(self, number: int, outcome: Outcome = Outcome.STORED, sealed: bytes | None = None) -> Entry:
        record_id = self.ids[number]
        sha256 = hashlib.sha256(self.spool.sealed[record_id] if sealed is None else sealed).digest()
        reason = "unknown-signer" if outcome is Outcome.QUARANTINED else None
        return Entry(record_id=record_id, sha256=sha256, outcome=outcome, reason=reason)

    def receipt(self, *entries: Entry, kiosk: str = "kiosk-1", signer: Signer | None = None) -> bytes:
        return receipts.sign(receipts.Receipt(kiosk=kiosk, at=0, entries=[*entries]), signer or self.signer)

    def acknowledge(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            self.delivery.acknowledged(self.ids[number], 0, NOW)

    def settle(self, *arrived: bytes) -> None:
        for receipt in arrived:
            self.settling.take(receipt, NOW)
        self.settling.settle(NOW)

    @property
    def left(self) -> list[int]:
        return [self.ids.index(record_id) for record_id in self.spool.outbox.waiting_ids(RECORDS)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with LiveFleet(tmp_path) as live:
        yield Scene(live.spool(), read_signer(tmp_path / "intake" / "receipt.key"))


def said(capsys: pytest.CaptureFixture[str]) -> list[tuple[str, str]]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [(line["event"], line.get("record") or line.get("code")) for line in lines]


def test_a_receipt_that_comes_alone_to_a_quiet_courier_is_settled_at_once(scene):
    scene.acknowledge(range(RECORDS))
    assert scene.settling.next_due(NOW) is None
    scene.settling.take(scene.receipt(scene.entry(0)), NOW)
    assert scene.settling.next_due(NOW) == 0


def test_while_records_are_on_their_way_receipts_are_gathered_but_not_for_long(scene):
    scene.settling.take(scene.receipt(scene.entry(0)), NOW)
    assert scene.settling.next_due(NOW) == pytest.approx(0.25)
    scene.settling.take(scene.receipt(scene.entry(1)), NOW + 0.2)
    assert scene.settling.next_due(NOW + 0.2) == pytest.approx(0.05)
    assert scene.settling.next_due(NOW + 0.3) == 0


def test_a_flood_of_receipts_is_not_gathered_without_end(scene):
    for _ in range(128):
        assert scene.settling.next_due(NOW) != 0
        scene.settling.take(b"anything", NOW)
    assert scene.settling.next_due(NOW) == 0


def test_where_the_intake_is_slower_than_we_are_the_disk_gets_its_breath(scene):
    scene.settle(scene.receipt(scene.entry(0)))
    scene.acknowledge(range(1, RECORDS))
    scene.settling.take(scene.receipt(scene.entry(1)), NOW + 0.01)
    assert scene.settling.next_due(NOW + 0.01) == pytest.approx(0.04)
    assert scene.settling.next_due(NOW + 0.05) == 0


def test_what_was_gathered_is_let_go_by_one_frame_and_forgotten(scene, capsys):
    size = scene.spool.settings.outbox_file.stat().st_size
    scene.settle(scene.receipt(scene.entry(0), scene.entry(2)), scene.receipt(scene.entry(3)))
    assert scene.spool.settings.outbox_file.stat().st_size - size == 4096
    assert scene.left == [1]
    assert said(capsys) == [("receipted", scene.ids[number].hex()) for number in (0, 2, 3)]
    assert scene.delivery.on_the_wire == 1
    assert scene.settling.next_due(NOW) is None


@pytest.mark.red_line(14)
def test_nothing_is_let_go_on_a_receipt_that_is_not_believed_and_the_others_count(scene, capsys):
    scene.settle(
        b"no receipt",
        scene.receipt(scene.entry(0), signer=SoftwareSigner.generate()),
        scene.receipt(scene.entry(1), kiosk="kiosk-2"),
        scene.receipt(scene.entry(2, sealed=b"other bytes")),
        scene.receipt(scene.entry(3)),
    )
    assert scene.left == [0, 1, 2]
    codes = ["malformed", "unknown-signer", "another-kiosk", "other-bytes"]
    assert said(capsys) == [*(("receipt_not_believed", code) for code in codes), ("receipted", scene.ids[3].hex())]


def test_what_the_intake_could_not_verify_stays_and_is_tried_again_rarely(scene, capsys):
    scene.settle(scene.receipt(scene.entry(0, Outcome.QUARANTINED)))
    assert scene.left == [0, 1, 2, 3]
    assert scene.delivery.refused == 1
    assert said(capsys) == [("quarantined", scene.ids[0].hex())]


def test_of_two_receipts_for_a_record_the_one_that_settles_it_counts(scene):
    stored, quarantined = scene.entry(0), scene.entry(0, Outcome.QUARANTINED)
    scene.settle(scene.receipt(stored), scene.receipt(quarantined))
    assert (scene.left, scene.delivery.refused) == ([1, 2, 3], 0)
    scene.settle(scene.receipt(quarantined))
    assert scene.delivery.refused == 0


def test_a_record_that_was_taken_back_is_forgotten_once_the_intake_keeps_it_no_more(scene):
    scene.spool.outbox.take_back(scene.ids[0])
    scene.settle(scene.receipt(scene.entry(0)))
    assert len(scene.spool.outbox.taken_back()) == 1
    scene.settle(scene.receipt(scene.entry(0, Outcome.ERASED)))
    assert scene.spool.outbox.taken_back() == []


@pytest.mark.red_line(14)
def test_what_receipts_have_said_is_not_forgotten_while_the_card_is_full(scene):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (scene.spool.settings.outbox_file.stat().st_size, hard))
    try:
        with pytest.raises(OutboxFullError):
            scene.settle(scene.receipt(scene.entry(0)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert scene.left == [0, 1, 2, 3]
    assert scene.settling.next_due(NOW + 1) == 0
    scene.settle()
    assert scene.left == [1, 2, 3]
