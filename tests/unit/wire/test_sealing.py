from __future__ import annotations

import hashlib
from dataclasses import replace

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.errors import (
    CommitmentError,
    MalformedError,
    NotForThisKeyError,
    TooLargeError,
    WireError,
    WrongSignerError,
    WrongTopicError,
)
from edge_agent.wire import cbor, cose, documents, fields, keys, report, sealing
from edge_agent.wire.documents import MAX_INTEGER
from edge_agent.wire.topics import Address, Channel
from tests.unit.wire import strategies
from tests.vectors import fleet
from tests.vectors.forge import Forge, wrap

PLAIN = documents.to_cbor(fleet.REPORT)
SIGNER = fleet.SIGNERS["station-1"]
RECORD = fleet.sealed()


@pytest.mark.parametrize("name", fleet.HOLDERS)
def test_every_recipient_opens_the_same_report(name: str) -> None:
    record = sealing.parse_record(RECORD)
    fleet.trusted_registry().verify(record, arrived_on=fleet.CLAIMS.topic)
    assert report.read(sealing.open_record(record, fleet.RECIPIENTS[name]), record.claims) == fleet.REPORT


def test_nobody_else_opens_it_and_nothing_is_wrong_with_it() -> None:
    record = sealing.parse_record(RECORD)
    with pytest.raises(NotForThisKeyError, match="sealed for 3 others"):
        sealing.open_record(record, fleet.RECIPIENTS["outsider"])


def test_a_record_says_who_can_open_it_and_what_its_hash_is() -> None:
    record = sealing.parse_record(RECORD)
    assert record.recipient_kids == tuple(key.kid for key in fleet.public_keys())
    assert record.sha256 == hashlib.sha256(RECORD).digest()


@settings(deadline=None, max_examples=50)
@given(
    plain=strategies.plain_values.map(cbor.encode),
    times=st.lists(st.integers(0, MAX_INTEGER), min_size=2, max_size=2, unique=True).map(sorted),
    seq=st.integers(1, MAX_INTEGER),
    parts=st.lists(st.binary(min_size=32, max_size=32), min_size=4, max_size=4),
    to=st.lists(st.sampled_from(sorted(fleet.RECIPIENTS)), min_size=1, unique=True),
)
def test_whatever_is_sealed_comes_back(
    plain: bytes, times: list[int], seq: int, parts: list[bytes], to: list[str]
) -> None:
    claims = replace(
        fleet.CLAIMS,
        issued_at=times[0],
        expires_at=times[1],
        seq=seq,
        record_id=parts[0][:16],
        epoch=parts[0][16:],
        previous=parts[1],
        consent_hash=parts[2],
        bundle_hash=parts[3],
    )
    record = sealing.parse_record(sealing.seal(plain, claims, fleet.public_keys(tuple(to)), SIGNER))
    assert record.claims == claims
    fleet.trusted_registry().verify(record)
    for name in to:
        assert sealing.open_record(record, fleet.RECIPIENTS[name]) == plain


@settings(deadline=None, max_examples=200)
@given(data=strategies.changed(RECORD) | st.binary(max_size=100))
def test_changed_bytes_never_verify(data: bytes) -> None:
    if data == RECORD:
        return
    with pytest.raises(WireError):
        fleet.trusted_registry().verify(sealing.parse_record(data))


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_changed_layers_never_open_as_something_else_even_if_the_kiosk_signs_them(data: st.DataObject) -> None:
    """A kiosk's key in the wrong hands signs what it likes; what opens is still what was sealed, or nothing."""
    forged = Forge()
    layers = forged.encrypt()
    whole = cbor.encode(cbor2.CBORTag(cose.TAG_ENCRYPT, layers))
    changed = data.draw(strategies.changed(whole))
    if changed == whole:
        return
    try:
        record = sealing.parse_record(cose.sign1(changed, SIGNER, sealing.TYPE))
        opened = sealing.open_record(record, fleet.RECIPIENTS["mei"])
    except WireError:
        return
    assert opened == documents.to_cbor(fleet.WITHDRAWAL)


def test_two_records_of_one_report_have_nothing_in_common_but_the_claims() -> None:
    one, other = (sealing.parse_record(fleet.sealed()) for _ in range(2))
    assert one.claims == other.claims
    assert one._ciphertext != other._ciphertext
    assert one._iv != other._iv
    assert one._commitment != other._commitment


def test_two_reports_of_nearly_one_length_look_the_same_from_outside() -> None:
    lengths = set()
    for size in range(1000, 1009):
        sealed = sealing.seal(cbor.encode(bytes(size)), fleet.CLAIMS, fleet.public_keys(), SIGNER)
        lengths.add(len(sealed))
    assert len(lengths) == 1


def test_one_record_cannot_show_two_recipients_two_pictures() -> None:
    def second_key(layers: list[object]) -> None:
        assert isinstance(layers[3], list)
        layers[3][1] = wrap(fleet.seed("another content key"), "amadou")

    record = sealing.parse_record(Forge(to=("mei", "amadou"), in_encrypt=second_key).record())
    assert sealing.open_record(record, fleet.RECIPIENTS["mei"])
    with pytest.raises(CommitmentError):
        sealing.open_record(record, fleet.RECIPIENTS["amadou"])


def test_sixteen_recipients_are_the_most() -> None:
    many = [keys.RecipientPrivateKey(fleet.seed(f"recipient {n}")).public_key for n in range(17)]
    assert len(sealing.parse_record(sealing.seal(PLAIN, fleet.CLAIMS, many[:16], SIGNER)).recipient_kids) == 16
    for wrong in (many, []):
        with pytest.raises(MalformedError, match="not 1 to 16"):
            sealing.seal(PLAIN, fleet.CLAIMS, wrong, SIGNER)


def test_the_largest_picture_to_sixteen_recipients_still_fits() -> None:
    many = [keys.RecipientPrivateKey(fleet.seed(f"recipient {n}")).public_key for n in range(16)]
    face = documents.to_map(fleet.REPORT)
    face["faces"][0]["image"] = bytes(100 * 1024)
    record = sealing.seal(cbor.encode(face), fleet.CLAIMS, many, SIGNER)
    assert len(record) <= fields.MAX_RECORD_BYTES


def test_a_report_too_large_for_a_record_is_refused_before_it_leaves() -> None:
    with pytest.raises(TooLargeError, match="more than 131072"):
        sealing.seal(cbor.encode(bytes(fields.MAX_RECORD_BYTES)), fleet.CLAIMS, fleet.public_keys(), SIGNER)


def test_a_record_too_large_is_refused_unread() -> None:
    with pytest.raises(TooLargeError):
        sealing.parse_record(bytes(fields.MAX_RECORD_BYTES + 1))


def test_a_kiosk_seals_in_its_own_name_alone() -> None:
    with pytest.raises(WrongSignerError):
        sealing.seal(PLAIN, fleet.CLAIMS, fleet.public_keys(), fleet.SIGNERS["station-2"])


def test_a_record_need_not_have_come_by_any_topic() -> None:
    fleet.trusted_registry().verify(sealing.parse_record(RECORD))


def test_a_record_that_came_by_another_kiosks_topic_is_refused() -> None:
    other = Address(fleet.FLEET, "station-2").topic(Channel.RECORDS)
    with pytest.raises(WrongTopicError, match="arrived by another topic"):
        fleet.trusted_registry().verify(sealing.parse_record(RECORD), arrived_on=other)
