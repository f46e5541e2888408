"""A recipient's private key as a file: scrypt over a passphrase, then AES-256-GCM. One version, no choices in it.

The file is JSON. `sealed` holds the key's 32 bytes under a key that scrypt (RFC 7914; N = 2^17, r = 8, p = 1) makes of
the passphrase (Unicode NFC, UTF-8) and `salt`. The type, the name and the key's kid are bound as associated data, so
that nobody can hang another name on it. The file beside it, `.pub`, holds the public key in hexadecimal and the name;
it goes to the fleet, for its recipient bundle. Beside it, after a colon, stands the public key of withdrawals, which
follows from the same 32 bytes: who can open a report can take it back for somebody who telephones.
"""

from __future__ import annotations

import secrets
import unicodedata
from typing import TYPE_CHECKING, Annotated, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from edge_agent.errors import KeyFileError, LocalError, MalformedError
from edge_agent.files import read_private, write_whole
from edge_agent.wire.keys import KID_BYTES, P256_ORDER, RECIPIENT_PRIVATE_BYTES, RecipientPrivateKey, SoftwareSigner

if TYPE_CHECKING:
    from pathlib import Path

_TYPE: Final = "homeward recipient key, version 1"
_SALT_BYTES: Final = 16
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_SCRYPT_N: Final = 1 << 17  # 128 MiB and some tenths of a second, once per use
_PUBLIC: Final = 0o644


def _hex_of(count: int) -> msgspec.Meta:
    return msgspec.Meta(pattern=rf"^[0-9a-f]{{{2 * count}}}\Z")


class _KeyFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: Literal["homeward recipient key, version 1"]
    name: str
    kid: Annotated[str, _hex_of(KID_BYTES)]
    salt: Annotated[str, _hex_of(_SALT_BYTES)]
    nonce: Annotated[str, _hex_of(_NONCE_BYTES)]
    sealed: Annotated[str, _hex_of(RECIPIENT_PRIVATE_BYTES + _TAG_BYTES)]


def protect(key: RecipientPrivateKey, name: str, passphrase: str) -> bytes:
    """Give the content of a key file."""
    kid, salt, nonce = key.public_key.kid.hex(), secrets.token_bytes(_SALT_BYTES), secrets.token_bytes(_NONCE_BYTES)
    sealed = AESGCM(_stretch(passphrase, salt)).encrypt(nonce, key.raw, _bound(name, kid))
    file = _KeyFile(type=_TYPE, name=name, kid=kid, salt=salt.hex(), nonce=nonce.hex(), sealed=sealed.hex())
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


def unprotect(content: bytes, passphrase: str) -> RecipientPrivateKey:
    """Take the key out of a key file's content.

    Raises KeyFileError: it is no key file, the passphrase is wrong, or something of it was changed.
    """
    try:
        file = msgspec.json.decode(content, type=_KeyFile)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise KeyFileError(
            "it is no recipient's key file", next_step="Name the file that `homeward-desk key` made, not its .pub."
        ) from fault
    try:
        cipher = AESGCM(_stretch(passphrase, bytes.fromhex(file.salt)))
        key = RecipientPrivateKey(
            cipher.decrypt(bytes.fromhex(file.nonce), bytes.fromhex(file.sealed), _bound(file.name, file.kid))
        )
    except (InvalidTag, MalformedError) as fault:
        raise KeyFileError(
            "the passphrase does not open the key", next_step="Type it again; if it is right, the file was changed."
        ) from fault
    return key


def write(path: Path, key: RecipientPrivateKey, name: str, passphrase: str) -> None:
    """Write a key file and its `.pub`. Raises LocalError when one can't be written or is there already."""
    check_free(path)
    write_whole(path, protect(key, name, passphrase))
    try:
        keys = f"{key.public_key.raw.hex()}:{withdrawal_signer(key).public_key.hex()}"
        write_whole(public_path(path), f"{keys} {name}\n".encode(), mode=_PUBLIC)
    except LocalError:
        path.unlink()
        raise


def withdrawal_signer(key: RecipientPrivateKey) -> SoftwareSigner:
    """Make the key that signs this person's withdrawals: by HKDF (RFC 5869) of the 32 bytes, onto P-256.

    48 bytes and one division give a number so even that nobody could tell it from a random one (FIPS 186-5, A.2.1).
    """
    wide = HKDF(algorithm=SHA256(), length=48, salt=None, info=b"homeward/v1 withdrawals").derive(key.raw)
    return SoftwareSigner(ec.derive_private_key(int.from_bytes(wide, "big") % (P256_ORDER - 1) + 1, ec.SECP256R1()))


def check_free(path: Path) -> None:
    """Raise LocalError when a key file, or its `.pub`, would overwrite something."""
    for taken in (path, public_path(path)):
        if taken.exists():
            raise LocalError(f"{taken} is there already", next_step="A key is never overwritten: name another file.")


def public_path(path: Path) -> Path:
    """Name the file that holds the public half."""
    return path.with_name(f"{path.name}.pub")


def read(path: Path, passphrase: str) -> RecipientPrivateKey:
    """Read a key file. Raises KeyFileError, naming the file."""
    try:
        return unprotect(read_private(path), passphrase)
    except KeyFileError as fault:
        if str(path) in fault.what:
            raise
        raise KeyFileError(f"{path}: {fault.what}", next_step=fault.next_step) from fault


def _stretch(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=32, n=_SCRYPT_N, r=8, p=1).derive(
        unicodedata.normalize("NFC", passphrase).encode("utf-8")
    )


def _bound(name: str, kid: str) -> bytes:
    return msgspec.json.encode([_TYPE, name, kid])
