"""The CAs by which brokers are known and clients certified: read strictly, named, and which of them certified what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.errors import LocalError, MalformedError
from edge_agent.wire.keys import kid

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def parse(ders: Iterable[bytes]) -> list[x509.Certificate]:
    """Take CAs from DER. Raises MalformedError unless each is a CA's certificate over a key of P-256."""
    found = []
    for der in ders:
        try:
            one = x509.load_der_x509_certificate(der)
            certifies = one.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
            key = one.public_key()
        except (ValueError, x509.ExtensionNotFound) as fault:
            raise MalformedError("it is no certificate of a CA") from fault
        if not certifies or not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP256R1):
            raise MalformedError("it is no certificate of a CA over P-256")
        found.append(one)
    return found


def read(path: Path) -> list[x509.Certificate]:
    """Read CAs from a PEM file, in its order. Raises LocalError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except (OSError, ValueError) as fault:
        raise LocalError(
            f"the CA's certificate {path} can't be read: {fault}", next_step="Copy ca.pem from the card again."
        ) from fault


def pem(authorities: Iterable[x509.Certificate]) -> bytes:
    """Give CAs as one PEM file."""
    return b"".join(one.public_bytes(Encoding.PEM) for one in authorities)


def point(authority: x509.Certificate) -> bytes:
    """Give a CA's key, a point of 65 bytes."""
    return authority.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def name(authority: x509.Certificate) -> bytes:
    """Name a CA: the kid of its key, 8 bytes."""
    return kid(point(authority))


def issuer(certificate: x509.Certificate, among: Sequence[x509.Certificate]) -> x509.Certificate | None:
    """Give the CA that certified this; None when it is none of them."""
    for one in among:
        try:
            certificate.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return one
    return None
