"""A staff computer with a USB stick in one folder, worked by the command line alone."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from typer.testing import CliRunner

from edge_agent.wire.keys import RecipientPrivateKey
from provisioning import keyring
from provisioning.certificates import private_pem
from provisioning.cli import app
from provisioning.fleet_directory import FleetDirectory

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_795_000_000  # November 2026
DAY = 86_400
OFFICE = "lantern window river leaf"
ROOT = "station shelter harbour bridge"
SITE = ["--place", "火车站, east hall", "--area", "ئۈرۈمچى", "--latitude", "43.8", "--longitude", "87"]
LIVES = ["--time-zone", "Asia/Urumqi", "--languages", "ug,zh,en"]


class Staff:
    """One person at the fleet's computer. Commands run as written; `ok` fails with what was said."""

    def __init__(self, folder: Path, *, now: int = NOW, broker: str = "broker.example.org:8883") -> None:
        self.folder, self.now, self.broker = folder, now, broker
        self.fleet, self.root, self.sheets = folder / "fleet", folder / "stick" / "root.key", folder / "sheets"
        self.root.parent.mkdir(exist_ok=True)
        self.office_file = self.secret("office.passphrase", OFFICE)
        self.root_file = self.secret("root.passphrase", ROOT)

    def secret(self, name, text):
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text + "\n", encoding="utf-8")
        return path

    def public(self, name):
        """Have somebody make a recipient's key, as `homeward-desk key` does."""
        path = self.folder / f"{name}.pub"
        path.write_text(f"{RecipientPrivateKey.generate().public_key.raw.hex()} {name}\n", encoding="utf-8")
        return path

    def run(self, *words, entered=None, who="Amina", before=()):
        given = ["--fleet", str(self.fleet), "--as", who, *before]
        return CliRunner().invoke(app, [*given, *map(str, words)], input=entered, obj=lambda: self.now)

    def ok(self, *words, **other):
        result = self.run(*words, **other)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    def fails(self, *words, **other):
        result = self.run(*words, **other)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), result.exception
        return result.output

    @property
    def office(self):
        return ["--passphrase-file", self.office_file]

    @property
    def apart(self):
        return ["--root", self.root, "--root-passphrase-file", self.root_file]

    def init_words(self, *more):
        return [
            *("init", "--name", "coast", "--organisation", "The NGO", "--contact", "+86 991 000 0000"),
            *("--jurisdiction", "CN", "--broker", self.broker, "--sheets", self.sheets),
            *("--recipient", self.public("Amina"), "--escrow", self.public("Escrow")),
            *(*self.apart, *self.office, *more),
        ]

    def begin(self, *more):
        self.ok(*self.init_words(*more))
        return self.sheet_files()

    def sheet_files(self):
        return sorted(self.sheets.glob("*.txt"))

    def prove(self):
        self.ok("backup", "prove", *(word for path in self.sheet_files() for word in ("--read", path)))
        shutil.rmtree(self.sheets)

    def add(self, kiosk, out, *more):
        return ["add", kiosk, *SITE, *LIVES, "--out", out, *self.office, *more]

    def state(self):
        return FleetDirectory(self.fleet).read()

    def everything(self):
        """Give every file on this computer with its content."""
        return {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


def open_at_little_cost(staff, monkeypatch):
    """Protect a fleet's key files anew, so that a test may open them often."""
    files = [
        (staff.fleet / "office.keys", keyring.Purpose.OFFICE, OFFICE),
        (staff.root, keyring.Purpose.ROOT, ROOT),
    ]
    opened = [keyring.unprotect(path.read_bytes(), "coast", purpose, words) for path, purpose, words in files]
    monkeypatch.setattr("provisioning.keyring._SCRYPT_N", 1 << 4)
    for held, (path, purpose, words) in zip(opened, files, strict=True):
        path.write_bytes(keyring.protect(held, "coast", purpose, words))


class KioskKeys:
    """The two keys that a kiosk makes at its first boot, with their signing requests."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.requests = {}
        for name in ("signing", "tls"):
            key = ec.generate_private_key(ec.SECP256R1())
            (folder / f"{name}.key").touch(mode=0o600)
            (folder / f"{name}.key").write_bytes(private_pem(key))
            self.requests[name] = folder / f"{name}.csr"
            self.requests[name].write_bytes(request(key))

    @property
    def words(self):
        return ["--signing", self.requests["signing"], "--tls", self.requests["tls"]]


def request(key):
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "whatever it says")])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)
