"""The intake's settings. There is no place in them for a key that opens a report (red line 8)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec.structs import replace
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from central.store.choice import Place
from central.store.objects import Bucket, Objects
from central.trust import TrustFiles
from edge_agent.errors import SettingsError
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


class StoredObjects(Settings, frozen=True, kw_only=True):
    """S3-compatible object storage for the sealed bytes, beside a ledger in PostgreSQL."""

    endpoint: Annotated[str, setting("Its address, https://...", pattern=r"^https?://\S+\Z")]
    bucket: Annotated[str, setting("The bucket; it has to be there, with versioning off")]
    credentials: Annotated[str, setting("File with our key in AWS's form, mode 0600")]
    region: Annotated[str, setting("The region's name, where the storage has some")] = "us-east-1"

    def open(self) -> Objects:
        """Give them. Raises LocalError when the credentials can't be read."""
        return Objects(Bucket(self.endpoint, self.bucket, self.region, Path(self.credentials)))


class Store(Settings, frozen=True, kw_only=True):
    """Where records are kept: in a SQLite file, or in PostgreSQL. Exactly one of the two."""

    sqlite: Annotated[str | None, setting("The SQLite file; made when it isn't there")] = None
    postgresql: Annotated[
        str | None,
        setting(
            "PostgreSQL instead, as libpq takes it: host=... dbname=... user=...; a password stays in its passfile"
        ),
    ] = None
    owner: Annotated[
        str | None,
        setting("The same database as its owner, for `migrate` and `expire` alone; best on another computer"),
    ] = None

    objects: StoredObjects | None = None

    @property
    def place(self) -> Place:
        """Give the one that is set. Raises LocalError when the object storage's credentials can't be read."""
        database = self.sqlite or self.postgresql
        assert database is not None  # `load` has checked
        return Place(database, None if self.objects is None else self.objects.open(), self.owner)


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
    _check_store(plain.store)
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
        store=replace(
            plain.store,
            sqlite=plain.store.sqlite and beside(plain.store.sqlite),
            objects=plain.store.objects
            and replace(plain.store.objects, credentials=beside(plain.store.objects.credentials)),
        ),
        trust=Trust(
            root=beside(plain.trust.root), bundle=beside(plain.trust.bundle), registry=beside(plain.trust.registry)
        ),
    )


def _check_store(store: Store) -> None:
    if (store.sqlite is None) == (store.postgresql is None):
        raise SettingsError(
            "the store is to be one thing: a SQLite file or PostgreSQL",
            next_step="Set either `store.sqlite` or `store.postgresql`.",
        )
    if store.objects is not None and store.postgresql is None:
        raise SettingsError(
            "object storage goes with PostgreSQL alone", next_step="Set `store.postgresql`, or take the table out."
        )
    for place in filter(None, (store.postgresql, store.owner)):
        try:
            told = conninfo_to_dict(place)
        except ProgrammingError as fault:
            raise SettingsError(
                f"{place!r} is no place of a PostgreSQL: {str(fault).strip()}",
                next_step='Write it as libpq takes it: "host=db.example dbname=homeward user=intake_1".',
            ) from None
        if "password" in told:
            raise SettingsError(
                "a password stands in the settings, where whoever reads them reads it",
                next_step="Put it into a file of its own (mode 0600) and name that: passfile=/etc/homeward/pgpass.",
            )
