"""The settings that say where a store is: a table of the intake's settings, and of those that a desk reads by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec.structs import replace
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from central.store.choice import Place
from edge_agent.errors import SettingsError
from edge_agent.settings import Settings, read, setting

if TYPE_CHECKING:
    from central.store.objects import Objects


class StoredObjects(Settings, frozen=True, kw_only=True):
    """S3-compatible object storage for the sealed bytes, beside a ledger in PostgreSQL."""

    endpoint: Annotated[str, setting("Its address, https://...", pattern=r"^https?://\S+\Z")]
    bucket: Annotated[str, setting("The bucket; it has to be there, with versioning off")]
    credentials: Annotated[str, setting("File with our key in AWS's form, mode 0600")]
    region: Annotated[str, setting("The region's name, where the storage has some")] = "us-east-1"

    def open(self) -> Objects:
        """Give them. Raises LocalError when the credentials can't be read."""
        from central.store.objects import Bucket, Objects  # noqa: PLC0415  # a quarter of a second, and few stores have it

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


class _Alone(Settings, frozen=True, kw_only=True):
    """Settings that say where a store is, and nothing else."""

    store: Store


def load(path: Path) -> Store:
    """Read where a store is out of a file with that table alone. Raises SettingsError."""
    store = read(path, _Alone).store
    check(store)
    return beside(store, path.absolute().parent)


def beside(store: Store, here: Path) -> Store:
    """Make the names of files absolute: they are relative to the folder of the settings."""
    objects = store.objects and replace(store.objects, credentials=str(here / store.objects.credentials))
    return replace(store, sqlite=store.sqlite and str(here / store.sqlite), objects=objects)


def check(store: Store) -> None:
    """Raise SettingsError unless it is one store, with no password in its place."""
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
