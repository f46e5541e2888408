"""A fleet's private keys as a file: scrypt over a passphrase, then AES-256-GCM. One version, no choices in it.

There are two such files. The **root** lies apart from everything else (a USB stick in a drawer) and signs recipient
bundles alone. The **office** keys lie in the fleet's directory: the device CA, the receipt key, the orders key, and the
key that claims' secrets are derived from.

The file is JSON. `sealed` holds the CBOR map of the keys' names to their 32 bytes, under a key that scrypt (RFC 7914;
N = 2^17, r = 8, p = 1) makes of the passphrase (Unicode NFC, UTF-8) and `salt`. Type, fleet and purpose are bound as
associated data, so that one fleet's file can't be taken for another's, nor the office's for the root's.
"""

from __future__ import annotations

import secrets
import unicodedata
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from edge_agent.errors import KeyFileError
from edge_agent.wire import cbor
from edge_agent.wire.keys import SoftwareSigner, kid
from edge_agent.wire.topics import Id
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Mapping

K = TypeVar("K", bound=str)

SECRET_BYTES: Final = 32
SHORTEST_PASSPHRASE: Final = 12  # characters
_TYPE: Final = "homeward fleet keys, version 1"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_MAX_SEALED: Final = 4096
_SCRYPT_N: Final = 1 << 17  # 128 MiB and some tenths of a second, once per use


class Purpose(StrEnum):
    """Which of the two files it is."""

    ROOT = "root"
    OFFICE = "office"


class OfficeKey(StrEnum):
    """The keys in the office's file."""

    AUTHORITY = "authority"  # the device CA
    RECEIPTS = "receipts"
    ORDERS = "orders"
    CLAIMS = "claims"  # no signing key: claims' secrets are derived from it
    NEXT_RECEIPTS = "next-receipts"  # these three while an old key and a new one overlap
    NEXT_ORDERS = "next-orders"
    NEXT_AUTHORITY = "next-authority"


def _hex_of(count: int) -> msgspec.Meta:
    return msgspec.Meta(pattern=rf"^[0-9a-f]{{{2 * count}}}\Z")


def held(keys: Mapping[str, bytes], point: bytes) -> SoftwareSigner:
    """Give the signer whose public key is `point`, whatever its name. Raises KeyFileError when it is not there."""
    for name, secret in keys.items():
        if name != OfficeKey.CLAIMS and (found := signer(secret)).public_key == point:
            return found
    raise KeyFileError(
        phrase("the office's file does not hold the key {key}, which the fleet names", key=kid(point).hex()),
        next_step=phrase("It is older than the fleet beside it: put both back from your newest copy of the folder."),
    )


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["homeward fleet keys, version 1"]
    fleet: Id
    purpose: Purpose
    salt: Annotated[str, _hex_of(_SALT_BYTES)]
    nonce: Annotated[str, _hex_of(_NONCE_BYTES)]
    sealed: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{2})+\Z", max_length=2 * _MAX_SEALED)]


def check_new(passphrase: str) -> None:
    """Raise KeyFileError for a passphrase that is too short to guard anything."""
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise KeyFileError(
            phrase(
                "the passphrase is shorter than {count} characters",
                count=SHORTEST_PASSPHRASE,
            ),
            next_step=phrase("Take four or more random words: it guards the whole fleet."),
        )


def protect(keys: Mapping[K, bytes], fleet: str, purpose: Purpose, passphrase: str) -> bytes:
    """Give the content of a key file; `keys` maps names to 32 bytes each.

    Raises KeyFileError for a short passphrase.
    """
    check_new(passphrase)
    salt, nonce = secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    plain = cbor.encode({str(name): secret for name, secret in keys.items()})
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, plain, _bound(fleet, purpose))
    file = _KeyFile(type=_TYPE, fleet=fleet, purpose=purpose, salt=salt.hex(), nonce=nonce.hex(), sealed=sealed.hex())
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def unprotect(content: bytes, fleet: str, purpose: Purpose, passphrase: str) -> dict[str, bytes]:
    """Take the keys out of a key file's content.

    Raises KeyFileError: it is no key file, another fleet's or of another purpose, the passphrase is wrong, or something
    of it was changed.
    """
    try:
        file = msgspec.json.decode(content, type=_KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise KeyFileError(
            phrase("it is no file with the {purpose} keys of a fleet, or it is damaged", purpose=purpose),
            next_step=phrase(
                "Name the right file; a damaged root comes back from its paper: `homeward-fleet backup restore`."
            ),
        ) from fault
    if (file.fleet, file.purpose) != (fleet, purpose):
        raise KeyFileError(
            phrase(
                "it holds the {purpose} keys of fleet {fleet}, not the {wanted} keys of {own}",
                purpose=file.purpose,
                fleet=file.fleet,
                wanted=purpose,
                own=fleet,
            ),
            next_step=phrase("Name the right file."),
        )
    try:
        cipher = AESGCM(_stretch(passphrase, bytes.fromhex(file.salt)))
        plain = cipher.decrypt(bytes.fromhex(file.nonce), bytes.fromhex(file.sealed), _bound(fleet, purpose))
    except InvalidTag as fault:
        raise KeyFileError(
            phrase("the passphrase does not open the {purpose} keys", purpose=purpose),
            next_step=phrase("Type it again; if it is right, the file was changed."),
        ) from fault
    return msgspec.convert(cbor.decode(plain, max_bytes=_MAX_SEALED), dict[str, bytes])


def signer(secret: bytes) -> SoftwareSigner:
    """Make a P-256 signer of a key's 32 bytes. Raises KeyFileError when they are no key."""
    try:
        return SoftwareSigner(ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1()))
    except ValueError as fault:
        raise KeyFileError(
            phrase("these bytes are no P-256 key"), next_step=phrase("Name the right file or paper.")
        ) from fault


def secret_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Give a P-256 key's 32 bytes."""
    return key.private_numbers().private_value.to_bytes(SECRET_BYTES, "big")


def new_secret() -> bytes:
    """Make 32 random bytes, for a key that others are derived from."""
    return secrets.token_bytes(SECRET_BYTES)


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=8, p=1).derive(
        unicodedata.normalize("NFC", passphrase).encode("utf-8")
    )


def _bound(fleet: str, purpose: Purpose) -> bytes:
    return msgspec.json.encode([_TYPE, fleet, purpose])
