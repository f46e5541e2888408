"""What staff do to a SQLite store while its intake takes records in: each does its work, and nothing is lost."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

import pytest

from central.store.port import Fate, Refusal
from central.store.sqlite_writer import open_store
from edge_agent.outbox import Link
from edge_agent.wire import cbor, fields, receipts, records, withdrawal
from edge_agent.wire.receipts import Outcome
from edge_agent.wire.topics import Channel
from tests.contracts.store.entries import AT, DAY, commit, sealed
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.live import LiveFleet
    from tests.support.spool import Spool

MANY = 300


def take_back(live: LiveFleet, spool: Spool, record_id: bytes, folder: Path) -> tuple[str, receipts.Entry]:
    """Sign a caseworker's withdrawal, run the intake's command with it, give what it said and its receipt."""
    raw = spool.sealed[record_id]
    claims = records.parse(raw).claims
    named = withdrawal.Withdrawn(
        record_id=claims.record_id, sha256=hashlib.sha256(raw).digest(), epoch=claims.epoch, seq=claims.seq
    )
    content = withdrawal.DeskWithdrawal(
        fleet=live.fleet.name, kiosk=claims.kiosk, issued_at=claims.issued_at + 60, withdraws=named
    )
    file, answer = folder / "back.cose", folder / "receipt.cose"
    file.write_bytes(withdrawal.sign_at_desk(content, live.desk))
    said = live.command("withdraw", str(file), "--receipt", str(answer))
    (entry,) = receipts.trust(answer.read_bytes(), spool.bundle).entries
    return said, entry


def in_quarantine(live: LiveFleet, spool: Spool) -> bytes:
    """Put a sound record into quarantine that its kiosk does not send again, as if the registry had been behind."""
    record_id = secrets.token_bytes(16)
    first = Link(epoch=b"another life....", seq=1, previous=fields.FIRST_IN_CHAIN)
    claims = spool.claims(record_id, first)
    raw = spool.seal(cbor.encode("a report"), claims)
    topic = spool.settings.address.topic(Channel.RECORDS)
    refused = Refusal(topic, raw, hashlib.sha256(raw).digest(), "unknown-signer", "its kiosk is in no registry")
    with open_store(live.fleet.store_file) as beside:
        assert commit(beside, refused, at=claims.issued_at) == [Fate.REFUSED]
    return record_id


@pytest.mark.red_line(11)
def test_staff_take_back_erase_and_verify_again_while_the_intake_takes_records(live, tmp_path):
    spool = live.spool()
    live.broker()
    intake = live.intake()
    live.courier()
    (wanted, *_) = spool.fill(5)
    until(lambda: spool.left == 0, "the first receipts")
    late = in_quarantine(live, spool)
    with open_store(live.fleet.store_file) as beside:
        assert commit(beside, sealed("kiosk-9", expires_at=AT + DAY)) == [Fate.STORED], "two days ago, as it were"

    spool.fill(MANY)
    said, receipt = take_back(live, spool, wanted, tmp_path)
    assert "is erased here" in said
    assert (receipt.record_id, receipt.outcome) == (wanted, Outcome.ERASED)
    assert live.command("expire") == "Erased 1 records and 0 entries of the quarantine.\n"
    assert live.command("quarantine", "retry") == "Verified 1 again: 1 stored; 0 stay in quarantine.\n"
    until(lambda: spool.left == 0, "an empty outbox")

    assert {record_id for record_id, _ in live.stored()} == spool.sealed.keys() - {wanted} | {late}
    assert live.quarantined() == {}
    assert intake.exit_status is None
