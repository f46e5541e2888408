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
    claims = Claims(
        kiosk, AT - 5, record_id or secrets.token_bytes(16), b"s" * 8, seq, epoch, previous, bytes(32), topic, bytes(32)
    )
    return Sealed(topic, raw, hashlib.sha256(raw).digest(), claims)


def refusal(raw=b"bytes", topic="t", reason="malformed", **other):
    return Refusal(topic, raw, hashlib.sha256(raw).digest(), reason, "in words", **other)


def commit(store, *entries, at=AT):
    return store.commit(entries, at).result()
