"""What is not right is refused for what it is, through the real broker; it is kept, and the kiosk keeps its copy."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import pytest

from edge_agent.outbox import Link
from edge_agent.wire import cbor, fields, receipts, sealing
from edge_agent.wire.keys import SoftwareSigner, kid
from edge_agent.wire.topics import Address, Channel
from tests.support.peer import Files, Peer
from tests.support.waiting import PATIENCE_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.live import LiveFleet
    from tests.support.spool import Spool

FIRST = Link(epoch=bytes(16), seq=1, previous=fields.FIRST_IN_CHAIN)
FOUND_OUT = {
    *("malformed", "not-canonical", "unknown-version", "unknown-signer"),
    *("wrong-signer", "wrong-topic", "bad-signature"),
}
A_REPORT = cbor.encode("what a report would say")


class Scene:
    """Two kiosks, a broker and an intake; and somebody at the broker with the first kiosk's certificate."""

    def __init__(self, live: LiveFleet, folder: Path) -> None:
        self.live = live
        self.first, self.second = live.spool("kiosk-1"), live.spool("kiosk-2")
        live.broker()
        live.intake()
        files = Files(folder / "peer", live.fleet.authority.pem, live.fleet.client("kiosk-1"))
        self.peer = Peer.of(live.fleet.port, "kiosk-1", files)

    def send(self, payload: bytes) -> None:
        assert self.peer.publish(topic("kiosk-1", Channel.RECORDS), payload) == 0

    def receipt(self) -> receipts.Entry:
        """Wait for the next receipt, about one record."""
        _, payload = self.peer.received.get(timeout=PATIENCE_S)
        (entry,) = receipts.trust(payload, self.first.bundle).entries
        return entry

    def reasons(self, count: int) -> list[str]:
        """Wait until so many are in quarantine; name why."""
        until(lambda: len(self.live.quarantined()) == count, f"{count} in quarantine")
        return [entry.reason for entry, _ in self.live.quarantined().values()]


@pytest.fixture
def scene(live: LiveFleet, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(live, tmp_path)
    with made.peer:
        assert made.peer.subscribe(topic("kiosk-1", Channel.RECEIPTS)) == 1
        yield made


def topic(kiosk: str, channel: Channel) -> str:
    return Address("demo", kiosk).topic(channel)


def record(spool: Spool, link: Link = FIRST, record_id: bytes | None = None, **claims: object) -> bytes:
    """Seal a record as this kiosk would, but for `claims`."""
    made = spool.claims(record_id or secrets.token_bytes(16), link)
    for name, value in claims.items():
        object.__setattr__(made, name, value)
    return spool.seal(A_REPORT, made)


def flipped(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def test_a_right_record_is_stored_and_receipted(scene):
    sealed = record(scene.first)
    scene.send(sealed)
    receipt = scene.receipt()
    assert (receipt.outcome, receipt.sha256) == (receipts.Outcome.STORED, hashlib.sha256(sealed).digest())
    assert [sha256 for _, sha256 in scene.live.stored()] == [receipt.sha256]


def test_a_record_altered_in_any_byte_is_never_stored_and_never_lost(scene):
    sealed = record(scene.first)
    places = sorted({*range(0, len(sealed), 37), 0, len(sealed) - 1})
    for at in places:
        scene.send(flipped(sealed, at))
    reasons = scene.reasons(len(places))
    assert set(reasons) <= FOUND_OUT
    assert "bad-signature" in reasons
    assert scene.live.stored() == []
    kept = {content for _, content in scene.live.quarantined().values()}
    assert kept == {flipped(sealed, at) for at in places}


def test_the_same_bytes_again_are_a_duplicate_and_stored_once(scene):
    sealed = record(scene.first)
    scene.send(sealed)
    assert scene.receipt().outcome is receipts.Outcome.STORED
    scene.send(sealed)
    assert scene.receipt().outcome is receipts.Outcome.DUPLICATE
    assert len(scene.live.stored()) == 1
    assert scene.live.quarantined() == {}


def test_other_bytes_under_a_taken_id_or_place_in_the_chain_are_a_replay(scene):
    record_id = secrets.token_bytes(16)
    scene.send(record(scene.first, record_id=record_id))
    assert scene.receipt().outcome is receipts.Outcome.STORED
    scene.send(record(scene.first, Link(FIRST.epoch, 2, bytes(32)), record_id=record_id))
    scene.send(record(scene.first, FIRST))
    assert scene.reasons(2) == ["replay", "replay"]
    assert len(scene.live.stored()) == 1


def test_another_kiosks_record_under_our_topic_is_refused(scene):
    scene.send(record(scene.second))
    assert scene.reasons(1) == ["wrong-topic"]
    assert scene.live.stored() == []


def test_a_record_of_another_kiosk_that_we_sign_is_refused(scene):
    claims = scene.second.claims(secrets.token_bytes(16), FIRST)
    object.__setattr__(claims, "signer_kid", kid(scene.first.signer.public_key))
    scene.send(scene.first.seal(A_REPORT, claims))
    assert scene.reasons(1) == ["wrong-signer"]


def test_a_record_signed_by_nobody_we_know_is_refused(scene):
    stranger = SoftwareSigner.generate()
    claims = scene.first.claims(secrets.token_bytes(16), FIRST)
    object.__setattr__(claims, "signer_kid", kid(stranger.public_key))
    scene.send(sealing.seal(A_REPORT, claims, scene.first.bundle.recipients, stranger))
    assert scene.reasons(1) == ["unknown-signer"]


def test_a_record_of_an_unknown_version_is_refused_as_such(scene):
    scene.send(record(scene.first).replace(b"record.v1+cose", b"record.v2+cose"))
    assert scene.reasons(1) == ["unknown-version"]


def test_what_is_no_record_at_all_is_kept_too(scene):
    for payload in (b"", b"hello", bytes(1000)):
        scene.send(payload)
    assert set(scene.reasons(3)) == {"malformed"} or "not-canonical" in scene.reasons(3)


def test_a_kiosk_that_was_revoked_meanwhile_is_refused_and_told(scene):
    scene.send(record(scene.first))
    assert scene.receipt().outcome is receipts.Outcome.STORED
    scene.live.fleet.revoke("kiosk-1")
    late = record(scene.first, Link(FIRST.epoch, 2, bytes(32)))
    scene.send(late)
    receipt = scene.receipt()
    assert (receipt.outcome, receipt.reason) == (receipts.Outcome.QUARANTINED, "revoked")
    assert scene.reasons(1) == ["revoked"]
    assert len(scene.live.stored()) == 1


def test_a_kiosk_keeps_what_is_quarantined_and_delivers_it_once_the_registry_knows_its_key(live):
    spool = live.spool("kiosk-1")
    signer = live.fleet.kiosks.pop("kiosk-1")
    live.fleet.write_registry()
    live.broker()
    live.intake()
    queued = spool.fill(3)
    courier = live.courier()
    for record_id in queued:
        courier.wait_for("quarantined", record=record_id.hex(), reason="unknown-signer", timeout=PATIENCE_S)
    assert spool.left == 3
    assert live.stored() == []
    live.fleet.kiosks["kiosk-1"] = signer
    live.fleet.write_registry()
    live.assert_all_arrived_once(spool)


def forged(spool: Spool, record_id: bytes, signer: SoftwareSigner, **changes: object) -> bytes:
    facts = {
        "record_id": record_id,
        "sha256": hashlib.sha256(spool.sealed[record_id]).digest(),
        "outcome": receipts.Outcome.STORED,
    }
    kiosk = changes.pop("kiosk", spool.settings.kiosk)
    entry = receipts.Entry(**(facts | changes))
    return receipts.sign(receipts.Receipt(kiosk=kiosk, at=1, entries=[entry]), signer)


@pytest.mark.red_line(14)
def test_no_forged_receipt_makes_a_courier_let_go(live, tmp_path):
    spool = live.spool("kiosk-1")
    live.broker()
    (record_id,) = spool.fill(1)
    courier = live.courier()
    courier.wait_for("connected", timeout=PATIENCE_S)
    real = live.fleet.receipt_signer
    files = Files(tmp_path / "intake", live.fleet.authority.pem, live.fleet.client("intake-1"))
    with Peer.of(live.fleet.port, "intake-1", files) as intake:
        down = topic("kiosk-1", Channel.RECEIPTS)
        forgeries = [
            forged(spool, record_id, SoftwareSigner.generate()),
            forged(spool, record_id, real, kiosk="kiosk-2"),
            forged(spool, record_id, real, sha256=bytes(32)),
            forged(spool, record_id, real)[:-1],
            b"thank you",
        ]
        for payload in forgeries:
            assert intake.publish(down, payload) == 0
        until(
            lambda: len([said for said in courier.said if said["event"] == "receipt_not_believed"]) == len(forgeries),
            "each to be refused",
        )
        assert spool.left == 1
        assert intake.publish(down, forged(spool, record_id, real)) == 0
        until(lambda: spool.left == 0, "the real one to be believed")
