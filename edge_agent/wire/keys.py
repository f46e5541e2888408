"""The two kinds of keys: P-256 that signs, X-Wing that opens. Bytes in, bytes out.

A signing key's public half is the uncompressed point of 65 bytes (SEC 1, 2.3.3). A recipient's public half is X-Wing's:
the ML-KEM-768 encapsulation key of 1,184 bytes, then the X25519 key of 32. Its private half is X-Wing's seed of 32
bytes; SHAKE256 makes of it the 64 bytes of ML-KEM (FIPS 203, d then z) and the 32 of X25519
(draft-connolly-cfrg-xwing-kem, 5.2), so that any HPKE library takes it as it is.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Final, Protocol

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.errors import MalformedError, SignatureError

KID_BYTES: Final = 8
Kid = Annotated[bytes, msgspec.Meta(min_length=KID_BYTES, max_length=KID_BYTES)]
SIGNATURE_BYTES: Final = 64
POINT_BYTES: Final = 65
RECIPIENT_PUBLIC_BYTES: Final = 1184 + 32
RECIPIENT_PRIVATE_BYTES: Final = 32
_COORDINATE: Final = 32
P256_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256: SEC 2, 2.4.2
_HASHED: Final = ec.ECDSA(Prehashed(hashes.SHA256()))
_MLKEM_PUBLIC: Final = 1184
_MLKEM_SEED: Final = 64
_CURVE_SEED: Final = 32


def kid(public_key: bytes) -> bytes:
    """Name a public key: the first 8 bytes of its SHA-256."""
    return hashlib.sha256(public_key).digest()[:KID_BYTES]


class Signer(Protocol):
    """Signs; hides where the private key lives (a file, a TPM)."""

    @property
    def public_key(self) -> bytes:
        """The P-256 public key, an uncompressed point of 65 bytes."""
        ...

    def sign(self, data: bytes) -> bytes:
        """Sign with ECDSA and SHA-256: 64 bytes as `signature_bytes` gives them."""
        ...


class SoftwareSigner:
    """A signing key held in memory."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        if not isinstance(key.curve, ec.SECP256R1):
            raise MalformedError(f"a signing key on {key.curve.name}, not on P-256")
        self._key = key
        self._public = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @classmethod
    def generate(cls) -> SoftwareSigner:
        """Make a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey:
        """The key itself, for whoever writes it into a file."""
        return self._key

    @property
    def public_key(self) -> bytes:
        """The P-256 public key, an uncompressed point of 65 bytes."""
        return self._public

    def sign(self, data: bytes) -> bytes:
        """Sign with ECDSA and SHA-256: 64 bytes, r then s."""
        return signature_bytes(self._key.sign(data, ec.ECDSA(hashes.SHA256())))


def signature_bytes(der: bytes) -> bytes:
    """Give an ECDSA signature as COSE carries it: r then s (RFC 9053, 2.1), s the smaller of its two values.

    ECDSA takes s and its negative alike. We take the smaller alone, so that nobody on the way can make other bytes,
    with another hash than the receipt will name, out of a record that verifies.
    """
    r, s = decode_dss_signature(der)
    return r.to_bytes(_COORDINATE, "big") + min(s, P256_ORDER - s).to_bytes(_COORDINATE, "big")


def verify(public_key: bytes, data: bytes, signature: bytes) -> None:
    """Verify an ECDSA signature of 64 bytes, as `signature_bytes` gives it, under a point of 65 bytes.

    Raises SignatureError when it does not hold, MalformedError when `public_key` is no point of the curve.
    """
    verify_digest(public_key, hashlib.sha256(data).digest(), signature)


def verify_digest(public_key: bytes, sha256: bytes, signature: bytes) -> None:
    """Verify as `verify` does, given the SHA-256 of the data: whoever has it in pieces need not join them."""
    point = _point(public_key)
    r, s = int.from_bytes(signature[:_COORDINATE], "big"), int.from_bytes(signature[_COORDINATE:], "big")
    if s > P256_ORDER // 2:
        raise SignatureError("the signature is not in its one form, with the smaller s")
    try:
        point.verify(encode_dss_signature(r, s), sha256, _HASHED)
    except InvalidSignature as fault:
        raise SignatureError("the signature does not hold") from fault


@lru_cache(maxsize=1024)  # an intake verifies the records of the same kiosks again and again
def _point(public_key: bytes) -> ec.EllipticCurvePublicKey:
    try:
        return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public_key)
    except ValueError as fault:
        raise MalformedError("a public key that is no point of P-256") from fault


@dataclass(frozen=True, slots=True)
class RecipientPublicKey:
    """Seals to one recipient."""

    raw: bytes  # 1,216 bytes

    def __post_init__(self) -> None:
        if len(self.raw) != RECIPIENT_PUBLIC_BYTES:
            raise MalformedError(f"a recipient's key of {len(self.raw)} bytes, not {RECIPIENT_PUBLIC_BYTES}")

    @property
    def kid(self) -> bytes:
        """The key's name, 8 bytes."""
        return kid(self.raw)

    def hpke(self) -> MLKEM768X25519PublicKey:
        """Give the key as HPKE takes it."""
        try:
            return MLKEM768X25519PublicKey(
                mlkem.MLKEM768PublicKey.from_public_bytes(self.raw[:_MLKEM_PUBLIC]),
                x25519.X25519PublicKey.from_public_bytes(self.raw[_MLKEM_PUBLIC:]),
            )
        except ValueError as fault:
            raise MalformedError("a recipient's key that is no ML-KEM-768 key") from fault


@dataclass(frozen=True, slots=True, repr=False)
class RecipientPrivateKey:
    """Opens what was sealed to one recipient. Lives on a caseworker's computer alone."""

    raw: bytes  # 32 bytes
    public_key: RecipientPublicKey = field(init=False, compare=False)
    _private: MLKEM768X25519PrivateKey = field(init=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.raw) != RECIPIENT_PRIVATE_BYTES:
            raise MalformedError(f"a recipient's private key of {len(self.raw)} bytes, not {RECIPIENT_PRIVATE_BYTES}")
        seeds = hashlib.shake_256(self.raw).digest(_MLKEM_SEED + _CURVE_SEED)
        lattice = mlkem.MLKEM768PrivateKey.from_seed_bytes(seeds[:_MLKEM_SEED])
        curve = x25519.X25519PrivateKey.from_private_bytes(seeds[_MLKEM_SEED:])
        public = RecipientPublicKey(lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw())
        object.__setattr__(self, "public_key", public)  # made once: it costs more than the opening
        object.__setattr__(self, "_private", MLKEM768X25519PrivateKey(lattice, curve))

    @classmethod
    def generate(cls) -> RecipientPrivateKey:
        """Make a new key."""
        return cls(secrets.token_bytes(RECIPIENT_PRIVATE_BYTES))

    def hpke(self) -> MLKEM768X25519PrivateKey:
        """Give the key as HPKE takes it."""
        return self._private
