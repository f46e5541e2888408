"""The sealed record: COSE_Sign1 over COSE_Encrypt, HPKE to each recipient. The format is in docs/wire-format.md.

What an intake may read is in the claims: bound by the AEAD and by the signature, and silent about the person.
Sealing needs public keys alone; opening needs one recipient's private key, which lives at the desk.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import cbor2
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from edge_agent.errors import (
    AlteredError,
    CommitmentError,
    MalformedError,
    NotForThisKeyError,
    TooLargeError,
    UnknownVersionError,
    WrongSignerError,
    WrongTopicError,
)
from edge_agent.wire import cbor, cose, padding
from edge_agent.wire.documents import MAX_INTEGER
from edge_agent.wire.fields import HASH_BYTES, ID_BYTES, MAX_RECIPIENTS, MAX_RECORD_BYTES
from edge_agent.wire.keys import KID_BYTES, kid
from edge_agent.wire.topics import Channel, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire.keys import RecipientPrivateKey, RecipientPublicKey, Signer

TYPE: Final = cose.media_type("record")
HPKE_9_KE: Final = 57  # draft-ietf-cose-hpke-pq-pqt: assumed, not yet assigned; TYPE freezes what it means here
EK_BYTES: Final = 1120
WRAPPED_BYTES: Final = 48
CEK_BYTES: Final = 32
IV_BYTES: Final = 12

# Claims and headers of our own, in the private range below -65536 (RFC 8392, 9052)
_ISSUER, _EXPIRES_AT, _ISSUED_AT, _CWT_ID = 1, 4, 6, 7  # RFC 8392, 3.1
_SIGNER_KID, _COMMITMENT, _SEQ, _EPOCH = -65601, -65602, -65603, -65604
_PREVIOUS, _CONSENT_HASH, _TOPIC, _BUNDLE_HASH = -65605, -65606, -65607, -65608

_COMMITMENT_LABEL: Final = b"homeward/v1 cek commitment"
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.SHAKE256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class Claims:
    """What the central side may read of a record without opening it.

    `issued_at` and `expires_at` are in seconds since 1970 by the kiosk's clock. A kiosk whose clock was never set says
    0 for the first, and the second is then how long the record may be kept: see `ends_at`.
    """

    kiosk: str
    issued_at: int
    expires_at: int  # the end of what was consented to
    record_id: bytes  # 16 random bytes
    signer_kid: bytes  # 8 bytes
    seq: int  # from 1, counts the records of one epoch
    epoch: bytes  # 16 random bytes, one life of the spool
    previous: bytes  # SHA-256 of the sealed record before; zeros before the first
    consent_hash: bytes  # SHA-256 of a salt and the consent record, both inside
    topic: str
    bundle_hash: bytes  # SHA-256 of the signed recipient bundle that was sealed to

    def ends_at(self, arrived_at: int) -> int:
        """Say when the record must be erased, in seconds since 1970, given when it came in.

        A kiosk that did not know the time can't have said a day: its record is kept for as long as was consented to,
        counted from its arrival.
        """
        return self.expires_at if self.issued_at else arrived_at + self.expires_at

    def to_map(self) -> dict[int, Any]:
        """Give the claims as a CWT claims set."""
        return {
            _ISSUER: self.kiosk,
            _EXPIRES_AT: self.expires_at,
            _ISSUED_AT: self.issued_at,
            _CWT_ID: self.record_id,
            _SIGNER_KID: self.signer_kid,
            _SEQ: self.seq,
            _EPOCH: self.epoch,
            _PREVIOUS: self.previous,
            _CONSENT_HASH: self.consent_hash,
            _TOPIC: self.topic,
            _BUNDLE_HASH: self.bundle_hash,
        }

    @classmethod
    def from_map(cls, plain: Any) -> Claims:
        """Check a CWT claims set. Raises MalformedError."""
        match plain:
            case {
                1: str(kiosk),
                4: int(expires_at),
                6: int(issued_at),
                7: bytes(record_id),
                -65601: bytes(signer),
                -65603: int(seq),
                -65604: bytes(epoch),
                -65605: bytes(previous),
                -65606: bytes(consent),
                -65607: str(topic),
                -65608: bytes(bundle),
                **rest,
            } if not rest and not any(isinstance(number, bool) for number in (expires_at, issued_at, seq)):
                pass
            case _:
                raise MalformedError("another set of claims than a record's")
        lengths = [len(part) for part in (record_id, signer, epoch, previous, consent, bundle)]
        if lengths != [ID_BYTES, KID_BYTES, ID_BYTES, HASH_BYTES, HASH_BYTES, HASH_BYTES]:
            raise MalformedError("a claim of another length than it must have")
        if not 1 <= seq <= MAX_INTEGER or not 0 <= issued_at < expires_at <= MAX_INTEGER:
            raise MalformedError("a sequence number below 1, times that do not follow, or either past 2^53 - 1")
        address, channel = parse(topic)
        if address.kiosk != kiosk or channel is not Channel.RECORDS:
            raise WrongTopicError("the topic in the claims is not the kiosk's own for records")
        return cls(kiosk, issued_at, expires_at, record_id, signer, seq, epoch, previous, consent, topic, bundle)


@dataclass(frozen=True, slots=True)
class _Recipient:
    protected: bytes
    kid: bytes
    ek: bytes
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class Record(cose.InChain):
    """A record taken apart. The signer is the same inside and outside."""

    claims: Claims
    _protected: bytes
    _commitment: bytes
    _iv: bytes
    _ciphertext: bytes
    _recipients: tuple[_Recipient, ...]

    @property
    def recipient_kids(self) -> tuple[bytes, ...]:
        """Who can open it."""
        return tuple(recipient.kid for recipient in self._recipients)


def seal(plain: bytes, claims: Claims, recipients: Sequence[RecipientPublicKey], signer: Signer) -> bytes:
    """Seal one CBOR item to all recipients and sign it; return the record.

    Raises TooLargeError when the record would pass MAX_RECORD_BYTES, MalformedError for no or too many recipients.
    """
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise MalformedError(f"{len(recipients)} recipients, not 1 to {MAX_RECIPIENTS}")
    if claims.signer_kid != kid(signer.public_key):
        raise WrongSignerError("the claims name another signer")
    cek = secrets.token_bytes(CEK_BYTES)
    iv = secrets.token_bytes(IV_BYTES)
    protected = cbor.encode(
        {
            cose.ALG: cose.A256GCM,
            cose.CWT_CLAIMS: claims.to_map(),
            cose.TYP: TYPE,
            _COMMITMENT: _commit(cek),
        }
    )
    ciphertext = AESGCM(cek).encrypt(iv, padding.pad(plain), _aad(protected))
    wrapped = [_wrap(cek, recipient) for recipient in recipients]
    encrypted = cbor.encode(cbor2.CBORTag(cose.TAG_ENCRYPT, [protected, {cose.IV: iv}, ciphertext, wrapped]))
    record = cose.sign1(encrypted, signer, TYPE)
    if len(record) > MAX_RECORD_BYTES:
        raise TooLargeError(f"a record of {len(record)} bytes, more than {MAX_RECORD_BYTES}")
    return record


def parse_record(data: bytes) -> Record:
    """Take a record apart, strictly. Raises a WireError for anything but the one exact form."""
    return of_sign1(data, cose.parse_sign1(data, TYPE, max_bytes=MAX_RECORD_BYTES))


def of_sign1(data: bytes, signed: cose.Sign1) -> Record:
    """Take apart what is known to be a COSE_Sign1 of this type. Raises a WireError."""
    match cbor.decode(signed.payload, max_bytes=MAX_RECORD_BYTES, tags=(cose.TAG_ENCRYPT,)):
        case cbor2.CBORTag(tag=96, value=[bytes(protected), {5: bytes(iv), **rest}, bytes(ciphertext), [*layers]]) if (
            not rest and len(iv) == IV_BYTES and 1 <= len(layers) <= MAX_RECIPIENTS
        ):
            pass
        case _:
            raise MalformedError("not the COSE_Encrypt of a record")
    match cbor.decode(protected, max_bytes=MAX_RECORD_BYTES):
        case {1: int(alg), 15: dict(plain_claims), 16: str(typ), -65602: bytes(commitment), **rest} if not rest:
            pass
        case _:
            raise MalformedError("another set of protected headers than a record's")
    if typ != TYPE or alg != cose.A256GCM:
        raise UnknownVersionError(f"type {typ[:80]!r} with algorithm {alg} inside")
    if len(commitment) != HASH_BYTES:
        raise MalformedError(f"a commitment of {len(commitment)} bytes")
    recipients = tuple(_parse_recipient(layer) for layer in layers)
    if len({recipient.kid for recipient in recipients}) != len(recipients):
        raise MalformedError("a recipient who is there twice")
    claims = Claims.from_map(plain_claims)
    if claims.signer_kid != signed.kid:
        raise WrongSignerError("the signer inside is not the signer outside")
    return Record(data, signed, claims, protected, commitment, iv, ciphertext, recipients)


def open_record(record: Record, key: RecipientPrivateKey) -> bytes:
    """Open a record with one recipient's key; return the CBOR item inside, its padding checked and gone.

    Raises NotForThisKeyError when it was sealed for others, AlteredError when it was changed, CommitmentError when
    its key is not the one committed to, MalformedError for bad padding.
    """
    own = key.public_key.kid
    layer = next((recipient for recipient in record._recipients if recipient.kid == own), None)  # noqa: SLF001
    if layer is None:
        raise NotForThisKeyError(f"sealed for {len(record.recipient_kids)} others")
    try:
        cek = _SUITE.decrypt(layer.ek + layer.wrapped, key.hpke(), info=_info(layer.protected))
    except (InvalidTag, ValueError) as fault:
        raise AlteredError("the wrapped key does not open") from fault
    if not hmac.compare_digest(_commit(cek), record._commitment):  # noqa: SLF001
        raise CommitmentError("the wrapped key is not the one that was committed to")
    try:
        padded = AESGCM(cek).decrypt(record._iv, record._ciphertext, _aad(record._protected))  # noqa: SLF001
    except (InvalidTag, ValueError) as fault:
        raise AlteredError("the report does not open") from fault
    length = cbor.item_length(padded)
    padding.check_padding(padded, length)
    return padded[:length]


def _wrap(cek: bytes, recipient: RecipientPublicKey) -> list[Any]:
    protected = cbor.encode({cose.ALG: HPKE_9_KE, cose.KID: recipient.kid})
    sealed = _SUITE.encrypt(cek, recipient.hpke(), info=_info(protected))
    return [protected, {cose.EK: sealed[:EK_BYTES]}, sealed[EK_BYTES:]]


def _parse_recipient(layer: Any) -> _Recipient:
    match layer:
        case [bytes(protected), {-4: bytes(ek), **rest}, bytes(wrapped)] if (
            not rest and len(ek) == EK_BYTES and len(wrapped) == WRAPPED_BYTES
        ):
            pass
        case _:
            raise MalformedError("not a recipient of a record")
    match cbor.decode(protected, max_bytes=MAX_RECORD_BYTES):
        case {1: int(alg), 4: bytes(recipient), **rest} if not rest and len(recipient) == KID_BYTES:
            pass
        case _:
            raise MalformedError("another set of protected headers than a recipient's")
    if alg != HPKE_9_KE:
        raise UnknownVersionError(f"a recipient with algorithm {alg}, not {HPKE_9_KE}")
    return _Recipient(protected, recipient, ek, wrapped)


def _commit(cek: bytes) -> bytes:
    return hmac.digest(cek, _COMMITMENT_LABEL, "sha256")


def _aad(protected: bytes) -> bytes:
    """Enc_structure of RFC 9052, 5.3, for the content layer."""
    return cbor.encode(["Encrypt", protected, b""])


def _info(recipient_protected: bytes) -> bytes:
    """Recipient_structure of draft-ietf-cose-hpke, for a content layer under AES-256-GCM."""
    return cbor.encode(["HPKE Recipient", cose.A256GCM, recipient_protected, b""])
