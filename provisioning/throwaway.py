"""A fleet that lives for an hour in one directory: for the demonstration, the tests and the benchmarks.

It is made of the same parts as a real one (CA, root, bundle, registry, broker settings), but its private keys lie
unprotected beside each other, which a real fleet's never do.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import getpass
import hashlib
import json
import secrets
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from edge_agent.files import OWNER_ONLY, PUBLIC, write_whole
from edge_agent.wire import bundle, registry
from edge_agent.wire.fields import Controller
from edge_agent.wire.keys import SoftwareSigner
from provisioning import mosquitto
from provisioning.card import WORD
from provisioning.certificates import Authority, Identity, private_pem

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.wire.bundle import Recipient
    from edge_agent.wire.registry import Registry

INTAKE: Final = "intake-1"
_SITE: Final = """[site]
id = "demo-station"
name = "The demonstration station"
latitude = 43.8
longitude = 87.6
accuracy_m = 50
area = "Nowhere in particular\""""
_PRINTED_NOTICE: Final = (
    "Nobody stands before this kiosk. A program plays the person, shows the camera a photograph, and opens the report "
    "itself. It neither speaks nor shows anything, so this notice stands for what would be said.\n"
)
_TLS_FILES: Final = 'ca = "ca.pem"\ncertificate = "tls.pem"\nkey = "tls.key"'
_TLS_FILES_OF_A_CARD: Final = 'ca = "ca.pem"\ncertificate = "courier/tls.pem"\nkey = "courier/tls.key"'
_LIFETIME: Final = dt.timedelta(days=1)
_YEAR_S: Final = 365 * 86_400


def place(path: Path, content: bytes | str, *, mode: int = PUBLIC) -> None:
    """Write a file of the fleet, over the one before; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.encode() if isinstance(content, str) else content, mode=mode, replace=True)


def _printed_notice_sha256() -> str:
    return hashlib.sha256(_PRINTED_NOTICE.encode()).hexdigest()


def free_port() -> int:
    """Find a TCP port on loopback that nobody listens on now.

    It lies below those that the system lends to outgoing connections: nobody is given it while a broker that was ended
    is not there yet again.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = 10_000 + secrets.randbelow(20_000)
            probe.bind(("127.0.0.1", port))
            return port


@dataclass
class ThrowawayFleet:
    """A fleet's keys, with methods that write what each program needs."""

    directory: Path
    recipients: Sequence[Recipient]
    name: str = "demo"
    postgresql: str | None = None  # where the intake keeps records instead of a SQLite file of its own
    port: int = field(default_factory=free_port)
    broker_names: Sequence[str] = ("127.0.0.1", "localhost")
    now: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC))

    def __post_init__(self) -> None:
        """Make the keys; write the broker's files and those of the intake."""
        self.authority = Authority.create(self.name, self.now)
        self.root, self.order_signer, self.receipt_signer = (SoftwareSigner.generate() for _ in range(3))
        self.kiosks: dict[str, SoftwareSigner] = {}
        self.revoked: dict[str, int] = {}
        self._registry_version = 0
        self.bundle = self._sign_bundle()
        self._write_broker()
        self._write_trust(self.directory / "intake")
        self._write_identity(self.directory / "intake", INTAKE)
        place(
            self.directory / "intake" / "receipt.key",
            private_pem(self.receipt_signer.private_key),
            mode=OWNER_ONLY,
        )
        self.write_registry()
        place(self.intake_settings, self._intake_settings())

    @property
    def broker_settings(self) -> Path:
        """mosquitto.conf."""
        return self.directory / "broker" / "mosquitto.conf"

    @property
    def registry_file(self) -> Path:
        """The signed registry that intake and desk read."""
        return self.directory / "intake" / "registry.cose"

    @property
    def store_file(self) -> Path:
        """The intake's SQLite store."""
        return self.directory / "intake" / "store.sqlite"

    @property
    def intake_settings(self) -> Path:
        """The intake's TOML."""
        return self.directory / "intake" / "intake.toml"

    def kiosk_directory(self, kiosk: str) -> Path:
        """Where a kiosk's files are."""
        return self.directory / "kiosks" / kiosk

    def add_kiosk(self, kiosk: str, photographs: Sequence[Path] = (), **tables: str) -> Path:
        """Make a kiosk's keys, files and settings, register it, and return its directory.

        Its camera shows `photographs`, its button follows script.toml there; `tables` adds TOML tables by name.
        """
        shown = json.dumps([str(path.absolute()) for path in photographs] or ["none.jpg"])
        here = self.kiosk_directory(kiosk)
        self._write_identity(here, kiosk)
        self._register(kiosk, here / "signing.key")
        parts = [
            self._head(kiosk, "signing.key"),
            '[hardware]\nkind = "simulated"',
            f'[hardware.simulated]\nphotographs = {shown}\nscript = "script.toml"',
            f'[broker]\naddresses = ["127.0.0.1:{self.port}"]\n{_TLS_FILES}',
        ]
        return self._write_kiosk(here, parts, tables)

    def add_card(self, kiosk: str, broker: str, **tables: str) -> Path:
        """Make what a kiosk in service has on its card's own mount, register it, and return that directory.

        Its parts are a Pi's; it finds the broker at `broker`; `tables` adds TOML tables by name.
        """
        here = self.kiosk_directory(kiosk)
        self._write_identity(here / "courier", kiosk)
        self._register(kiosk, here / "kiosk" / "signing.key")
        parts = [
            f'{self._head(kiosk, "kiosk/signing.key")}\nword = "{WORD}"',
            '[hardware]\nkind = "raspberry-pi"',
            f'[broker]\naddresses = ["{broker}"]\n{_TLS_FILES_OF_A_CARD}',
        ]
        return self._write_kiosk(here, parts, tables)

    def revoke(self, kiosk: str) -> None:
        """Take a kiosk out of the registry's trust."""
        self.revoked[kiosk] = int(self.now.timestamp())
        self.write_registry()

    def write_registry(self) -> None:
        """Sign the registry anew, one version on."""
        self._registry_version += 1
        keys = [
            registry.RegisteredKey(kiosk=kiosk, key=signer.public_key, revoked_at=self.revoked.get(kiosk))
            for kiosk, signer in self.kiosks.items()
        ]
        content = registry.RegistryContent(
            fleet=self.name, version=self._registry_version, issued_at=int(self.now.timestamp()), keys=keys
        )
        place(self.registry_file, registry.sign(content, self.order_signer))

    def registry(self) -> Registry:
        """Verify and give the registry in force."""
        return registry.trust(self.registry_file.read_bytes(), bundle.trust(self.bundle, self.root.public_key))

    def client(self, client_id: str) -> Identity:
        """Make a TLS identity of the fleet's CA."""
        return self.authority.client(client_id, self.now, _LIFETIME)

    def _intake_settings(self) -> str:
        here = self.directory / "intake"
        store = f'sqlite = "{self.store_file}"' if self.postgresql is None else f'postgresql = "{self.postgresql}"'
        return (
            f'fleet = "{self.name}"\nreceipt_key = "{here / "receipt.key"}"\n\n'
            f'[broker]\naddresses = ["127.0.0.1:{self.port}"]\nca = "{here / "ca.pem"}"\n'
            f'certificate = "{here / "tls.pem"}"\nkey = "{here / "tls.key"}"\n\n'
            f"[store]\n{store}\n\n"
            f'[trust]\nroot = "{here / "root.pub"}"\nbundle = "{here / "bundle.cose"}"\n'
            f'registry = "{self.registry_file}"\n'
        )

    def _head(self, kiosk: str, signing_key: str) -> str:
        return f'fleet = "{self.name}"\nkiosk = "{kiosk}"\nshared = "shared"\nsigning_key = "{signing_key}"'

    def _register(self, kiosk: str, signing_key: Path) -> None:
        """Make a kiosk's signing key, and put it into the registry."""
        self.kiosks[kiosk] = SoftwareSigner.generate()
        place(signing_key, private_pem(self.kiosks[kiosk].private_key), mode=OWNER_ONLY)
        self.write_registry()

    def _write_kiosk(self, here: Path, parts: list[str], tables: dict[str, str]) -> Path:
        """Write the settings and what is trusted; `parts` are the tables in which kinds of kiosks differ."""
        (here / "shared").mkdir(exist_ok=True)
        self._write_trust(here)
        head, *others = parts
        common = [
            _SITE,
            '[trust]\nroot = "root.pub"\nbundle = "bundle.cose"',
            '[consent]\nlanguages = ["zh", "ug", "en"]',
            f'[printed_notice]\nid = "demonstration-1"\nsha256 = "{_printed_notice_sha256()}"',
        ]
        added = [f"[{name}]\n{text}" for name, text in tables.items()]
        place(here / "kiosk.toml", "\n\n".join([head, *common, *others, *added]) + "\n")
        return here

    def _write_broker(self) -> None:
        here = self.directory / "broker"
        server = self.authority.server(list(self.broker_names), self.now, _LIFETIME)
        place(here / "ca.pem", self.authority.pem)
        place(here / "server.pem", server.certificate)
        place(here / "server.key", server.key, mode=OWNER_ONLY)
        place(here / "acl", mosquitto.acl(self.name, [INTAKE]), mode=OWNER_ONLY)
        (here / "data").mkdir(exist_ok=True)
        listener = mosquitto.Broker("127.0.0.1", self.port, here, run_as=getpass.getuser())
        place(here / "mosquitto.conf", mosquitto.settings(listener))

    def _write_identity(self, here: Path, client_id: str) -> None:
        identity = self.client(client_id)
        place(here / "tls.pem", identity.certificate)
        place(here / "tls.key", identity.key, mode=OWNER_ONLY)

    def _write_trust(self, here: Path) -> None:
        place(here / "ca.pem", self.authority.pem)
        place(here / "root.pub", self.root.public_key.hex() + "\n")
        place(here / "bundle.cose", self.bundle)

    def _sign_bundle(self) -> bytes:
        now = int(self.now.timestamp())
        content = bundle.Bundle(
            fleet=self.name,
            version=1,
            issued_at=now,
            expires_at=now + _YEAR_S,
            controller=Controller(name="A demonstration NGO", contact="+00 000 0000"),
            jurisdiction="demonstration",
            recipients=list(self.recipients),
            receipt_keys=[self.receipt_signer.public_key],
            order_keys=[self.order_signer.public_key],
        )
        return bundle.sign(content, self.root)
