"""Red line 8: no kiosk and no intake server holds a key that opens a report."""

from __future__ import annotations

import inspect

import pytest

from edge_agent.errors import NotForThisKeyError, WireError
from edge_agent.wire import keys, sealing
from tests.vectors import fleet

RECORD = sealing.parse_record(fleet.sealed())
# All the secrets there are on a kiosk, at an intake and at the fleet's desk of orders: signing keys, each of 32 bytes
SECRETS = {
    name: signer.private_key.private_numbers().private_value.to_bytes(32, "big")
    for name, signer in fleet.SIGNERS.items()
}


@pytest.mark.red_line(8)
@pytest.mark.parametrize("name", SECRETS)
def test_no_signing_key_opens_a_report_even_if_it_is_taken_for_a_recipients(name: str) -> None:
    with pytest.raises(NotForThisKeyError):
        sealing.open_record(RECORD, keys.RecipientPrivateKey(SECRETS[name]))


@pytest.mark.red_line(8)
def test_sealing_needs_public_keys_alone() -> None:
    takes = inspect.signature(sealing.seal).parameters
    assert takes["recipients"].annotation == "Sequence[RecipientPublicKey]"
    assert not hasattr(keys.RecipientPublicKey, "private_key")


@pytest.mark.red_line(8)
def test_what_verifies_a_record_has_no_key_to_open_it() -> None:
    """The intake's whole trust is the bundle and the registry: public keys, every one of them."""
    fleet.trusted_registry().verify(RECORD, arrived_on=fleet.CLAIMS.topic)
    for recipient in fleet.BUNDLE.recipients:
        with pytest.raises(WireError):
            keys.RecipientPrivateKey(recipient.key)


@pytest.mark.red_line(7)
def test_the_face_and_the_words_of_a_report_are_nowhere_in_a_sealed_record() -> None:
    sealed = RECORD.raw
    for telltale in (fleet.jpeg()[:24], b"JFIF", b"Central station", b"RIVER-4821", b"dpv:", b"faces", b"image/jpeg"):
        assert telltale not in sealed
