"""Signing requests of our own keys, and whether a certificate is the one that we asked for."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

from edge_agent import authorities
from edge_agent.errors import KeyFileError, LocalError, MalformedError, UnknownSignerError
from edge_agent.files import OWNER_ONLY, PUBLIC, read_private, write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_NEXT: Final = ".next"
_RENEW_AHEAD: Final = 3  # a third of its lifetime before a certificate's end


def next_to(path: Path) -> Path:
    """Name the place of a key or certificate that is not in use yet."""
    return path.with_name(path.name + _NEXT)


def new_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Give the key of this file, which is made if it is not there. Raises KeyFileError, LocalError."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # there already on a real kiosk
        made = ec.generate_private_key(ec.SECP256R1())
        pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_whole(path, pem, mode=OWNER_ONLY, replace=True)
    return read_key(path)


def read_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """Read a P-256 key. Raises KeyFileError."""
    try:
        key = load_pem_private_key(read_private(path), password=None)
    except (ValueError, TypeError) as fault:
        raise KeyFileError(f"{path} holds no private key", next_step="Remove it: the kiosk makes another.") from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(f"{path} holds a key of another kind than P-256", next_step="Remove it.")
    return key


def make_request(key: ec.EllipticCurvePrivateKey, kiosk: str) -> bytes:
    """Make the signing request (PKCS #10, DER) of a key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, kiosk)])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.DER)


def is_request(request: bytes) -> bool:
    """Say whether this is a signing request (DER), whole, of whichever key."""
    try:
        return x509.load_der_x509_csr(request).is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        return False


def is_request_of(request: bytes, key: ec.EllipticCurvePrivateKey) -> bool:
    """Say whether a signing request (DER) is of this very key."""
    try:
        return x509.load_der_x509_csr(request).public_key() == key.public_key()
    except ValueError:
        return False


def check(der: bytes, key: ec.EllipticCurvePrivateKey, kiosk: str, pinned: Sequence[x509.Certificate]) -> bytes:
    """Make sure that a certificate is of our key, for our id, from a CA that we trust; return it as PEM.

    Raises MalformedError, UnknownSignerError.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        names = [str(name.value) for name in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        ours = certificate.public_key() == key.public_key() and names == [kiosk]
    except ValueError as fault:
        raise MalformedError("the office sent no certificate") from fault
    if not ours:
        raise UnknownSignerError("the office sent another's certificate")
    if authorities.issuer(certificate, pinned) is None:
        raise UnknownSignerError("the certificate is not from a CA that this kiosk trusts")
    return certificate.public_bytes(Encoding.PEM)


def renewal_due(certificate: Path, now: int) -> bool:
    """Say whether a certificate is in the last third of its life. Raises LocalError when it can't be read."""
    held = read_certificate(certificate)
    begin, end = held.not_valid_before_utc.timestamp(), held.not_valid_after_utc.timestamp()
    return now > end - (end - begin) / _RENEW_AHEAD


def valid_from(certificate: Path) -> float:
    """Give a certificate's begin, in seconds since 1970. Raises LocalError when it can't be read."""
    return read_certificate(certificate).not_valid_before_utc.timestamp()


def read_certificate(path: Path) -> x509.Certificate:
    """Read a certificate. Raises LocalError."""
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise LocalError(f"{path} can't be read: {fault}", next_step="Enrol this kiosk again.") from fault


def install(key: Path, certificate: Path, pem: bytes) -> None:
    """Put the next key and its certificate into use. Stopped anywhere, `settle` completes it."""
    write_whole(next_to(certificate), pem, mode=PUBLIC, replace=True)
    next_to(key).replace(key)
    next_to(certificate).replace(certificate)


def settle(key: Path, certificate: Path) -> None:
    """Complete what a power cut left in between: the key in its place, its certificate not yet."""
    if next_to(certificate).exists() and not next_to(key).exists() and key.exists():
        next_to(certificate).replace(certificate)


def erase(path: Path) -> bool:
    """Overwrite and remove a file; say whether it is gone."""
    try:
        overwrite_and_remove(path)
    except OSError:
        return False
    return True


def overwrite_and_remove(path: Path) -> bool:
    """Overwrite and remove a file; say whether there was one. Raises OSError.

    On flash what was there may survive underneath.
    """
    try:
        with path.open("r+b") as file:
            file.write(bytes(os.fstat(file.fileno()).st_size))
            file.flush()
            os.fsync(file.fileno())  # else the zeros of a file that is removed at once never leave memory
        path.unlink()
    except FileNotFoundError:
        return False
    return True
