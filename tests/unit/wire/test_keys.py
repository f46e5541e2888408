from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from edge_agent.errors import MalformedError, SignatureError
from edge_agent.wire import keys
from tests.vectors import fleet

SIGNER = fleet.SIGNERS["station-1"]


def test_a_signature_holds_for_what_was_signed_alone() -> None:
    signature = SIGNER.sign(b"this")
    keys.verify(SIGNER.public_key, b"this", signature)
    with pytest.raises(SignatureError):
        keys.verify(SIGNER.public_key, b"that", signature)
    with pytest.raises(SignatureError):
        keys.verify(fleet.SIGNERS["station-2"].public_key, b"this", signature)


def test_each_signature_has_the_smaller_s_and_the_larger_is_refused() -> None:
    for _ in range(20):  # about half of all signatures come with the larger s
        signature = SIGNER.sign(b"this")
        s = int.from_bytes(signature[32:], "big")
        assert s <= keys.P256_ORDER // 2
        larger = signature[:32] + (keys.P256_ORDER - s).to_bytes(32, "big")
        with pytest.raises(SignatureError, match="smaller s"):
            keys.verify(SIGNER.public_key, b"this", larger)


@pytest.mark.parametrize("signature", [bytes(64), b"\0" * 32 + b"\1" * 32, b"\xff" * 64])
def test_numbers_that_no_signature_has_are_refused(signature: bytes) -> None:
    with pytest.raises(SignatureError):
        keys.verify(SIGNER.public_key, b"this", signature)


@pytest.mark.parametrize("point", [b"", bytes(65), b"\4" + bytes(64), b"\4" + b"\xff" * 64])
def test_a_key_that_is_no_point_of_the_curve_is_refused(point: bytes) -> None:
    with pytest.raises(MalformedError, match="no point"):
        keys.verify(point, b"this", SIGNER.sign(b"this"))


def test_a_signing_key_on_another_curve_is_refused() -> None:
    with pytest.raises(MalformedError, match="secp384r1"):
        keys.SoftwareSigner(ec.generate_private_key(ec.SECP384R1()))


def test_new_signing_keys_differ_and_can_be_written_down() -> None:
    one, other = keys.SoftwareSigner.generate(), keys.SoftwareSigner.generate()
    assert one.public_key != other.public_key
    assert len(one.public_key) == keys.POINT_BYTES
    assert keys.SoftwareSigner(one.private_key).public_key == one.public_key


def test_a_kid_is_the_beginning_of_the_keys_hash() -> None:
    assert keys.kid(SIGNER.public_key) == hashlib.sha256(SIGNER.public_key).digest()[:8]
    recipient = fleet.RECIPIENTS["mei"].public_key
    assert recipient.kid == keys.kid(recipient.raw)


def test_a_recipients_key_comes_back_from_its_seed() -> None:
    key = keys.RecipientPrivateKey.generate()
    assert len(key.raw) == keys.RECIPIENT_PRIVATE_BYTES
    assert keys.RecipientPrivateKey(key.raw).public_key == key.public_key
    assert len(key.public_key.raw) == keys.RECIPIENT_PUBLIC_BYTES
    assert key.public_key != keys.RecipientPrivateKey.generate().public_key


def test_a_private_key_does_not_show_itself() -> None:
    key = fleet.RECIPIENTS["mei"]
    assert key.raw.hex() not in repr(key)
    assert str(key.raw) not in repr(key)


def test_a_recipients_key_of_another_length_is_refused() -> None:
    with pytest.raises(MalformedError, match="1215 bytes, not 1216"):
        keys.RecipientPublicKey(bytes(1215))
    with pytest.raises(MalformedError, match="33 bytes, not 32"):
        keys.RecipientPrivateKey(bytes(33))


def test_a_recipients_key_that_is_no_lattice_key_is_refused_when_it_is_used() -> None:
    with pytest.raises(MalformedError, match="no ML-KEM-768 key"):
        keys.RecipientPublicKey(b"\xff" * keys.RECIPIENT_PUBLIC_BYTES).hpke()
