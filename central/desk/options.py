"""What several of the desk's commands take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from central import trust
from central.shared_trust import SharedTrust
from central.store import settings
from central.store.choice import Place
from edge_agent.errors import KeyFileError, SettingsError
from edge_agent.files import read_private

if TYPE_CHECKING:
    from central.store.port import Reader
    from central.trust import Trust as Trusted
    from edge_agent.errors import HomewardError

STORE_HELP: Final = (
    "The intake's store: its SQLite file or a copy of it, PostgreSQL as libpq takes it, or a file NAME.toml with the "
    "[store] table of the intake's settings, where its records are in object storage."
)

Passphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (mode 0600) that holds the passphrase.")
]
Trust = Annotated[
    Path,
    typer.Option(
        "--trust",
        help="Folder with the fleet's root.pub, bundle.cose and registry.cose. With --store, newer ones that an intake "
        "left there are verified and take their place.",
    ),
]


def place(store: str) -> Place:
    """Say where a store is that was named by `--store`. Raises LocalError."""
    return settings.load(Path(store)).place if store.endswith(".toml") else Place(store)


def trusted(folder: Path, records: Reader) -> Trusted:
    """Verify whom the fleet trusts, by what is newest: in a folder, or in the store that an intake keeps up to date.

    Raises SettingsError, StoreError and WireError.
    """
    files = trust.TrustFiles.in_folder(folder)
    SharedTrust(records, files, _not_taken_up).begin()
    for file in (files.bundle, files.registry):
        if not file.exists():
            raise SettingsError(
                f"{file} is not there, and no intake has left a newer one in the store",
                next_step=f"Copy {file.name} from the fleet's computer (to-copy); or let an intake run on that store, "
                "which leaves its own there.",
            )
    return trust.load(files)


def _not_taken_up(fault: HomewardError) -> None:
    typer.echo(f"The store has a newer bundle or registry, which was not taken up: {fault.explain()}", err=True)


def passphrase(file: Path | None, *, new: bool) -> str:
    """Get the passphrase from a file, or ask for it without showing it; twice when it is new. Raises KeyFileError."""
    if file is None:
        asked: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
        return asked
    try:
        return read_private(file).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as fault:
        raise KeyFileError(f"{file} is not UTF-8 text", next_step="Write the passphrase into it as text.") from fault
