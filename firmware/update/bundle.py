"""Makes RAUC bundles and the key that signs them."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from edge_agent.errors import LocalError
from edge_agent.files import PUBLIC, write_whole

_LIFETIME: Final = dt.timedelta(days=3650)  # it ends with the image that holds it: another image, another certificate
_MANIFEST: Final = """[update]
compatible={compatible}
version={version}

[bundle]
format=verity

[image.system]
filename=system.ext4
"""
_COMPRESSED: Final = "--mksquashfs-args=-comp zstd -Xcompression-level 3"  # quick to unpack on a small processor
# What of a kiosk's system.conf decides whether a bundle is believed.
_KIOSK: Final = """[system]
compatible=any
bootloader=noop
bundle-formats=-plain

[keyring]
path={certificate}
check-purpose=codesign
use-bundle-signing-time=true
"""


class UpdateError(LocalError):
    """A bundle or its key can't be made."""

    code = "update"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Where the fleet's update key and its certificate are. Images hold the certificate; the key stays on its stick."""

    folder: Path

    @property
    def key(self) -> Path:
        """The private key, in PEM, under a passphrase."""
        return self.folder / "update.key"

    @property
    def certificate(self) -> Path:
        """What an image trusts bundles by."""
        return self.folder / "update.pem"


def make_key(folder: Path, fleet: str, now: dt.datetime, passphrase: bytes | None) -> SigningKey:
    """Make a P-256 key and its own certificate, good for signing code alone. Raises LocalError, also if one is there.

    Without a passphrase the key is for throwaway fleets.
    """
    made = SigningKey(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"{fleet} updates")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_only_signatures(), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    lock: KeySerializationEncryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    write_whole(made.key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock))
    write_whole(made.certificate, certificate.public_bytes(Encoding.PEM), mode=PUBLIC)
    return made


def _only_signatures() -> x509.KeyUsage:
    no = dict.fromkeys(
        (
            *("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    return x509.KeyUsage(digital_signature=True, **no)


def make_bundle(system: Path, compatible: str, version: str, signer: SigningKey, out: Path) -> None:
    """Sign a system's image, ext4, as an update. rauc asks for the key's passphrase itself. Raises UpdateError."""
    if out.exists():
        raise UpdateError(f"{out} is there already", next_step="Name another file: a bundle is never written over.")
    with tempfile.TemporaryDirectory(dir=out.parent) as scratch:
        content = Path(scratch, "content")
        content.mkdir()
        (content / "manifest.raucm").write_text(
            _MANIFEST.format(compatible=compatible, version=version), encoding="ascii"
        )
        try:
            shutil.copyfile(system, content / "system.ext4")
        except OSError as fault:
            raise UpdateError(
                f"{system} can't be read: {fault.strerror}", next_step="Name an image that was built."
            ) from fault
        _rauc("bundle", _COMPRESSED, f"--cert={signer.certificate}", f"--key={signer.key}", str(content), str(out))


def check_bundle(bundle: Path, certificate: Path) -> str:
    """Say what a bundle is, once its signature holds under a certificate as a kiosk asks for it. Raises UpdateError."""
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(_KIOSK.format(certificate=certificate.absolute()))
        settings.flush()
        return _rauc(f"--conf={settings.name}", "info", "--output-format=shell", str(bundle))


def _rauc(*arguments: str) -> str:
    plain = os.environ | {"LC_ALL": "C.UTF-8"}
    done = subprocess.run(["rauc", *arguments], capture_output=True, text=True, check=False, env=plain)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise UpdateError(f"rauc says: {last[0]}", next_step="See what it names: the bundle, or the key.")
    return done.stdout
