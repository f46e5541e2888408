"""What goes into a store, made up: a store never sees the inside of a record."""

from __future__ import annotations

import hashlib
import secrets

from central.store.port import Refusal, Sealed
from edge_agent.wire.sealing import FIRST_IN_CHAIN, Claims

AT = 1_760_000_000
EPOCH = b"e" * 16


def sealed(kiosk="k1", seq=1, *, record_id=None, epoch=EPOCH, raw=None, previous=FIRST_IN_CHAIN):
    raw = raw or secrets.token_bytes(100)
    topic = f"homeward/1/coast/{kiosk}/records"
    record_id = record_id or secrets.token_bytes(16)
    signer, consent, bundle = b"s" * 8, bytes(32), bytes(32)
    claims = Claims(kiosk, AT - 5, AT + 5, record_id, signer, seq, epoch, previous, consent, topic, bundle)
    return Sealed(topic, raw, hashlib.sha256(raw).digest(), claims)


def refusal(raw=b"bytes", topic="t", reason="malformed", **other):
    return Refusal(topic, raw, hashlib.sha256(raw).digest(), reason, "in words", **other)


def commit(store, *entries, at=AT):
    return store.commit(entries, at).result()
