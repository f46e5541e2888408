"""What several of the desk's commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.errors import KeyFileError
from edge_agent.files import read_private

STORE_HELP: Final = "The intake's store: its SQLite file or a copy of it, or PostgreSQL as libpq takes it."

Passphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (mode 0600) that holds the passphrase.")
]
Trust = Annotated[
    Path, typer.Option("--trust", help="Folder with the fleet's root.pub, bundle.cose and registry.cose.")
]


def passphrase(file: Path | None, *, new: bool) -> str:
    """Get the passphrase from a file, or ask for it without showing it; twice when it is new. Raises KeyFileError."""
    if file is None:
        asked: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True)
        return asked
    try:
        return read_private(file).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as fault:
        raise KeyFileError(f"{file} is not UTF-8 text", next_step="Write the passphrase into it as text.") from fault
