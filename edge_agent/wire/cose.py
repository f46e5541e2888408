"""COSE_Sign1 (RFC 9052, 4.2) in the one shape we use: ES256, one kid, one type, nothing unprotected.

Records, receipts, orders, status, the recipient bundle and the registry are all signed like this; the type in the
protected header keeps a signature made for one from being taken for another.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import cbor2

from edge_agent.errors import MalformedError, UnknownVersionError
from edge_agent.wire import cbor
from edge_agent.wire.keys import KID_BYTES, SIGNATURE_BYTES, kid, verify_digest

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_agent.wire.keys import Signer

# IANA's registry of COSE header parameters and algorithms (RFC 9052, 9053, 9596, 9597)
ALG: Final = 1
KID: Final = 4
IV: Final = 5
CWT_CLAIMS: Final = 15
TYP: Final = 16
EK: Final = -4  # draft-ietf-cose-hpke
ES256: Final = -7
A256GCM: Final = 3
TAG_SIGN1: Final = 18
TAG_ENCRYPT: Final = 96


def media_type(name: str) -> str:
    """Give the COSE type of one of our documents, version 1."""
    return f"application/vnd.homeward.{name}.v1+cose"


@dataclass(frozen=True, slots=True)
class Sign1:
    """A COSE_Sign1 taken apart, its signature not yet verified."""

    typ: str
    kid: bytes
    protected: bytes
    payload: bytes
    signature: bytes

    def verify(self, public_key: bytes) -> bytes:
        """Return the payload when the signature holds under this P-256 point of 65 bytes; else SignatureError."""
        hashed = hashlib.sha256(_before_payload(self.protected, len(self.payload)))
        hashed.update(self.payload)
        verify_digest(public_key, hashed.digest(), self.signature)
        return self.payload


@dataclass(frozen=True, slots=True)
class InChain:
    """What comes down a kiosk's chain, taken apart. Nothing of it is believed until a registry has verified it."""

    raw: bytes
    _signed: Sign1

    @property
    def sha256(self) -> bytes:
        """The hash of all its bytes: what receipts name and what the next of its chain points to."""
        return hashlib.sha256(self.raw).digest()

    @property
    def signer_kid(self) -> bytes:
        """The kid of the key that signed it."""
        return self._signed.kid

    def verify_signature(self, public_key: bytes) -> None:
        """Check the signature under a P-256 point of 65 bytes. Raises SignatureError."""
        self._signed.verify(public_key)


def sign1(payload: bytes, signer: Signer, typ: str) -> bytes:
    """Sign `payload` as `typ`; return the tagged COSE_Sign1."""
    protected = cbor.encode({ALG: ES256, KID: kid(signer.public_key), TYP: typ})
    signature = signer.sign(_before_payload(protected, len(payload)) + payload)
    return cbor.encode(cbor2.CBORTag(TAG_SIGN1, [protected, {}, payload, signature]))


def parse_sign1(data: bytes, *types: str, max_bytes: int) -> Sign1:
    """Take a COSE_Sign1 of one of these types apart.

    Raises UnknownVersionError for another type or algorithm, MalformedError for any other shape, and what
    `cbor.decode` raises.
    """
    tagged = cbor.decode(data, max_bytes=max_bytes, tags=(TAG_SIGN1,))
    match tagged:
        case cbor2.CBORTag(tag=18, value=[bytes(protected), dict(unprotected), bytes(payload), bytes(signature)]):
            pass
        case _:
            raise MalformedError("not a COSE_Sign1")
    if unprotected:
        raise MalformedError("unprotected headers have no place here")
    if len(signature) != SIGNATURE_BYTES:
        raise MalformedError(f"a signature of {len(signature)} bytes")
    match cbor.decode(protected, max_bytes=max_bytes):
        case {1: int(alg), 4: bytes(signer), 16: str(found), **rest} if not rest and len(signer) == KID_BYTES:
            pass
        case _:
            raise MalformedError("another set of protected headers than algorithm, kid and type")
    if found not in types or alg != ES256:
        raise UnknownVersionError(f"type {found[:80]!r} with algorithm {alg}, not {' or '.join(types)} with ES256")
    return Sign1(found, signer, protected, payload, signature)


def verify1(data: bytes, typ: str, key_for: Callable[[bytes], bytes], *, max_bytes: int) -> bytes:
    """Verify a COSE_Sign1 and return its payload.

    `key_for` gives the trusted public key of a kid, or raises UnknownSignerError. Raises that, SignatureError, and
    what `parse_sign1` raises.
    """
    parsed = parse_sign1(data, typ, max_bytes=max_bytes)
    return parsed.verify(key_for(parsed.kid))


def _before_payload(protected: bytes, payload_bytes: int) -> bytes:
    """Give what is signed (Sig_structure of RFC 9052, 4.4) up to the payload, which ends it and is large."""
    of_an_empty_one = cbor.encode(["Signature1", protected, b"", b""])
    return of_an_empty_one[:-1] + cbor.head_of_bytes(payload_bytes)
