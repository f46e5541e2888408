"""The intake's settings. There is no place in them for a key that opens a report (red line 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec.structs import replace

from central.store import settings as stores
from central.store.settings import Store
from central.trust import TrustFiles
from edge_agent.mqtt import split_address
from edge_agent.settings import Settings, read, setting


class Amqp(Settings, frozen=True, kw_only=True):
    """The queues of a RabbitMQ cluster. Any number of intakes may share them."""

    queue: Annotated[str, setting("Where kiosks' messages wait")]
    undelivered: Annotated[str, setting("Where those wait that no intake acknowledged")]


class Broker(Settings, frozen=True, kw_only=True):
    """The broker, and who we are to it: MQTT, or AMQP where its queues are named."""

    addresses: Annotated[list[str], setting("host:port of the broker, of each node in a cluster", min_length=1)]
    ca: Annotated[str, setting("File with the CA of the broker's certificate, PEM")]
    certificate: Annotated[str, setting("File with our TLS certificate, PEM; its common name is our MQTT client id")]
    key: Annotated[str, setting("File with our TLS key, PEM, mode 0600")]
    keepalive_s: Annotated[int, setting("Longest silence on the connection, seconds", ge=5, le=3600)] = 60
    amqp: Amqp | None = None
    session_expiry_s: Annotated[
        int, setting("How long the broker keeps messages while we are away, seconds", ge=60, le=30 * 86_400)
    ] = 86_400

    def targets(self) -> list[tuple[str, int]]:
        """Give the addresses as host and port. Raises SettingsError."""
        return [split_address(address) for address in self.addresses]


class Trust(Settings, frozen=True, kw_only=True):
    """Whom we trust. All three come from the fleet's computer, and are taken up again whenever they are replaced."""

    root: Annotated[str, setting("File with the fleet root's public key, in hexadecimal")]
    bundle: Annotated[str, setting("File with the signed recipient bundle")]
    registry: Annotated[str, setting("File with the signed registry of kiosks")]

    def files(self) -> TrustFiles:
        """Give them as paths."""
        return TrustFiles(Path(self.root), Path(self.bundle), Path(self.registry))


class Metrics(Settings, frozen=True, kw_only=True):
    """Where Prometheus and whoever asks for our health find us; on loopback alone."""

    port: Annotated[int, setting("The TCP port on 127.0.0.1 of /metrics and /health", ge=1, le=65_535)]


class IntakeSettings(Settings, frozen=True, kw_only=True):
    """Everything that an intake needs."""

    fleet: Annotated[str, setting("The fleet's id", pattern=r"^[a-z0-9-]{1,32}\Z")]
    receipt_key: Annotated[str, setting("File with the key that signs receipts, PEM (PKCS #8), mode 0600")]
    broker: Broker
    store: Store
    trust: Trust
    metrics: Metrics | None = None


def load(path: Path) -> IntakeSettings:
    """Read an intake's settings; file names in them are relative to the settings file. Raises SettingsError."""
    plain = read(path, IntakeSettings)
    plain.broker.targets()
    stores.check(plain.store)
    here = path.absolute().parent

    def beside(name: str) -> str:
        return str(here / name)

    return replace(
        plain,
        receipt_key=beside(plain.receipt_key),
        broker=replace(
            plain.broker,
            ca=beside(plain.broker.ca),
            certificate=beside(plain.broker.certificate),
            key=beside(plain.broker.key),
        ),
        store=stores.beside(plain.store, here),
        trust=Trust(
            root=beside(plain.trust.root), bundle=beside(plain.trust.bundle), registry=beside(plain.trust.registry)
        ),
    )
