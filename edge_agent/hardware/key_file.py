"""The signing key in a file of its own, readable by the kiosk process alone."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_agent.errors import KeyFileError, MalformedError
from edge_agent.wire.keys import SoftwareSigner

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def load_signer(path: Path) -> SoftwareSigner:
    """Load a P-256 private key (PKCS #8, PEM, unencrypted). Raises KeyFileError."""
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except OSError as fault:
        raise KeyFileError(
            f"the signing key {path} can't be read: {fault.strerror}",
            next_step="Enrol this kiosk, or check its rights.",
        ) from fault
    if mode & _OTHERS:
        raise KeyFileError(f"the signing key {path} is open to others", next_step=f"Run: chmod 600 {path}")
    try:
        return _signer(load_pem_private_key(pem, password=None))
    except (ValueError, TypeError, MalformedError) as fault:
        raise KeyFileError(
            f"the signing key {path} is no P-256 key in PEM: {fault}", next_step="Enrol again."
        ) from fault


def _signer(key: object) -> SoftwareSigner:
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise MalformedError("not an elliptic curve key")
    return SoftwareSigner(key)
