from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import MalformedError, SignatureError, UnknownSignerError, UnknownVersionError, WireError
from edge_agent.wire import cbor, cose, keys
from tests.unit.wire import strategies
from tests.vectors import fleet

SIGNER = fleet.SIGNERS["orders"]
TYPE = cose.media_type("note")
SIGNED = cose.sign1(b"the payload", SIGNER, TYPE)
LIMIT = 1000


def key_for(key_id: bytes) -> bytes:
    if key_id != keys.kid(SIGNER.public_key):
        raise UnknownSignerError("not this one")
    return SIGNER.public_key


def test_the_payload_comes_back_when_the_signature_holds() -> None:
    assert cose.verify1(SIGNED, TYPE, key_for, max_bytes=LIMIT) == b"the payload"


def test_it_says_who_signed_before_anything_is_verified() -> None:
    assert cose.parse_sign1(SIGNED, TYPE, max_bytes=LIMIT).kid == keys.kid(SIGNER.public_key)


def test_a_signature_for_one_type_is_none_for_another() -> None:
    with pytest.raises(UnknownVersionError, match=r"vnd\.homeward\.note\.v1"):
        cose.parse_sign1(SIGNED, cose.media_type("letter"), max_bytes=LIMIT)


def test_the_type_is_signed_too() -> None:
    other = cbor.encode({1: -7, 4: keys.kid(SIGNER.public_key), 16: cose.media_type("nota")})
    tagged = cbor.decode(SIGNED, max_bytes=LIMIT, tags=(18,))
    tagged.value[0] = other
    with pytest.raises(SignatureError):
        cose.verify1(cbor.encode(tagged), cose.media_type("nota"), key_for, max_bytes=LIMIT)


def test_another_signer_is_refused_by_name() -> None:
    foreign = cose.sign1(b"the payload", fleet.SIGNERS["stranger"], TYPE)
    with pytest.raises(UnknownSignerError):
        cose.verify1(foreign, TYPE, key_for, max_bytes=LIMIT)


def test_what_is_no_array_of_four_is_refused() -> None:
    for other in (cbor.encode(5), cbor.encode([b"", {}, b"", b""])):
        with pytest.raises(MalformedError, match="not a COSE_Sign1"):
            cose.parse_sign1(other, TYPE, max_bytes=LIMIT)


@settings(deadline=None, max_examples=200)
@given(data=strategies.changed(SIGNED) | st.binary(max_size=60))
def test_changed_bytes_never_verify(data: bytes) -> None:
    if data == SIGNED:
        return
    with pytest.raises(WireError):
        cose.verify1(data, TYPE, key_for, max_bytes=LIMIT)
