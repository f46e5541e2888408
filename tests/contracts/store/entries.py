"""What goes into a store, made up: a store never sees the inside of a record."""

from __future__ import annotations

import hashlib
import secrets

from central.store.port import Recall, Refusal, Sealed
from edge_agent.wire.fields import FIRST_IN_CHAIN
from edge_agent.wire.sealing import Claims
from edge_agent.wire.withdrawal import DeskWithdrawal, Withdrawal, Withdrawn

AT = 1_760_000_000
DAY = 86_400
END = AT + 180 * DAY  # of what was consented to
EPOCH = b"e" * 16


def sealed(
    kiosk="k1",
    seq=1,
    *,
    record_id=None,
    epoch=EPOCH,
    raw=None,
    previous=FIRST_IN_CHAIN,
    expires_at=END,
    issued_at=AT - 5,
):
    raw = raw or secrets.token_bytes(100)
    topic = f"homeward/1/coast/{kiosk}/records"
    record_id = record_id or secrets.token_bytes(16)
    signer, consent, bundle = b"s" * 8, bytes(32), bytes(32)
    claims = Claims(kiosk, issued_at, expires_at, record_id, signer, seq, epoch, previous, consent, topic, bundle)
    return Sealed(topic, raw, hashlib.sha256(raw).digest(), claims)


def withdrawal(of, seq=2, *, kiosk="k1", epoch=EPOCH, previous=FIRST_IN_CHAIN, wrong=None):
    """A kiosk's withdrawal of a record; `wrong` is what it names wrongly."""
    claims = Withdrawal(
        fleet="coast",
        kiosk=kiosk,
        record_id=secrets.token_bytes(16),
        issued_at=AT,
        epoch=epoch,
        seq=seq,
        previous=previous,
        withdraws=withdrawn(of, wrong),
    )
    raw = secrets.token_bytes(50)
    return Sealed(f"homeward/1/coast/{kiosk}/records", raw, hashlib.sha256(raw).digest(), claims)


def recall(of, *, kiosk="k1", wrong=None):
    """A caseworker's."""
    content = DeskWithdrawal(fleet="coast", kiosk=kiosk, issued_at=AT, withdraws=withdrawn(of, wrong))
    return Recall(secrets.token_bytes(50), content)


def withdrawn(of, wrong):
    right = {
        "record_id": of.claims.record_id,
        "sha256": of.sha256,
        "epoch": of.claims.epoch,
        "seq": of.claims.seq,
    }
    return Withdrawn(**(right | (wrong or {})))


def refusal(raw=b"bytes", topic="t", reason="malformed", **other):
    return Refusal(topic, raw, hashlib.sha256(raw).digest(), reason, "in words", **other)


def commit(store, *entries, at=AT):
    return store.commit(entries, at).result()
