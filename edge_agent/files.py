"""Files that are written whole or not at all, and secrets that are for their owner alone. For every program."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from edge_agent.errors import KeyFileError, LocalError
from edge_agent.wire.keys import SoftwareSigner

if TYPE_CHECKING:
    from pathlib import Path

OWNER_ONLY: Final = 0o600
PUBLIC: Final = 0o644
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO
_MAX_BYTES: Final = 64 * 1024


Stamp = tuple[int, int, int]


def stamp(path: Path) -> Stamp:
    """Tell one version of a file that is always replaced whole from the next. Raises OSError."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_private(path: Path) -> bytes:
    """Read a small secret file. Raises KeyFileError when it is missing, or when others than its owner may use it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_MAX_BYTES + 1)
    except OSError as fault:
        raise KeyFileError(
            f"{path} can't be read: {fault.strerror}", next_step="Check that it is there and that it is yours."
        ) from fault
    if mode & _OTHERS:
        raise KeyFileError(f"{path} is open to others (mode {mode:04o})", next_step=f"Close it: chmod 600 {path}")
    if len(content) > _MAX_BYTES:
        raise KeyFileError(f"{path} is larger than any key", next_step="Name the right file.")
    return content


def read_signer(path: Path) -> SoftwareSigner:
    """Read a P-256 signing key out of unencrypted PKCS #8 in PEM. Raises KeyFileError."""
    content = read_private(path)
    try:
        key = load_pem_private_key(content, password=None)
    except (ValueError, TypeError) as fault:  # TypeError: it asks for a passphrase
        raise KeyFileError(
            f"{path} holds no unencrypted private key in PEM", next_step="Copy it again from where it was made."
        ) from fault
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise KeyFileError(f"{path} holds a key of another kind than P-256", next_step="Name the right file.")
    return SoftwareSigner(key)


def write_whole(
    path: Path, content: bytes, *, mode: int = OWNER_ONLY, replace: bool = False, lasting: bool = True
) -> None:
    """Write a file whole or not at all, with its mode from its first byte on.

    Without `lasting` the disk may take it when it likes, and a power cut may take it away.
    Raises LocalError when it can't be written, or when it is there already and `replace` is false.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                if lasting:
                    os.fsync(file.fileno())
            if replace:
                beside.replace(path)
            else:
                path.hardlink_to(beside)  # unlike a rename, it fails when the name is taken
        finally:
            beside.unlink(missing_ok=True)
    except FileExistsError as fault:
        raise LocalError(f"{path} is there already", next_step="Move it away, or name another place.") from fault
    except OSError as fault:
        raise LocalError(
            f"{path} can't be written: {fault.strerror}", next_step="Check the folder, its rights and its space."
        ) from fault
