"""What a record keeps to itself, what it has no place for, and who can't open it."""

from __future__ import annotations

import dataclasses
import inspect

import msgspec
import pytest

from edge_agent.errors import NotForThisKeyError, WireError
from edge_agent.wire import keys, report, sealing
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


@pytest.mark.red_line(4)
def test_neither_a_report_nor_its_claims_have_a_place_for_who_somebody_is_thought_to_be() -> None:
    """A new field has to be named here: it must not be an identity, an embedding, an age, a sex or an origin."""
    places = {
        kind.__name__: " ".join(field.name for field in msgspec.structs.fields(kind))
        for kind in (report.Report, report.Site, report.Captured, report.Face, report.Measures)
    }
    assert places == {
        "Report": "site captured consent consent_salt faces receipt_code",
        "Site": "id name latitude longitude accuracy_m area",
        "Captured": "utc quality error_ms boot_id uptime_ms",
        "Face": "image media_type width height box landmarks measures detector models",
        "Measures": "sharpness exposure eye_distance yaw",
    }
    assert [field.name for field in dataclasses.fields(sealing.Claims)] == [
        *("kiosk", "issued_at", "expires_at", "record_id", "signer_kid", "seq", "epoch", "previous", "consent_hash"),
        *("topic", "bundle_hash"),
    ]
