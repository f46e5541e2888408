"""How the staff's command line speaks and asks: calm sentences, hidden passphrases, a yes before each act."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar

import typer
from rich.console import Console
from rich.table import Column, Table

from edge_agent.errors import HomewardError, KeyFileError, LocalError
from edge_agent.files import read_private
from provisioning.keyring import check_new

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

T = TypeVar("T")


def say(text: str = "", *, style: str | None = None) -> None:
    """Print a line. Names in it are printed as they are."""
    Console(highlight=False, soft_wrap=True).print(text, style=style, markup=False)


def tell(paragraphs: Sequence[str]) -> None:
    """Print paragraphs, each a line: the terminal breaks it, and what is copied out of it stays whole."""
    for paragraph in paragraphs:
        say(paragraph)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    shown = Table(*(Column(name, overflow="fold") for name in columns), box=None, pad_edge=False)
    for row in rows:
        shown.add_row(*(plain.replace("[", r"\[") for plain in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(shown)


def ask(question: str, why: str, given: str | None, read: Callable[[str], T]) -> T:
    """Ask for something, saying in one sentence what it is for, until `read` takes the answer.

    Nothing is asked that was given as an option; then a slip raises what `read` raises.
    """
    if given is not None:
        return read(given)
    say(f"\n{why}", style="dim")
    while True:
        try:
            return read(typer.prompt(question).strip())
        except HomewardError as fault:
            say(fault.explain())


def passphrase(file: Path | None, whose: str) -> str:
    """Read a passphrase from a file of mode 0600, or ask for it without showing it."""
    if file is None:
        asked: str = typer.prompt(f"Passphrase of {whose}", hide_input=True, err=True)
        return asked
    try:
        return read_private(file).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as fault:
        raise KeyFileError(f"{file} is not UTF-8 text", next_step="Write the passphrase into it as text.") from fault


def new_passphrase(file: Path | None, whose: str, check: Callable[[str], None] = check_new) -> str:
    """Read a passphrase as `passphrase` does, or ask for it, twice, until `check` raises no LocalError."""
    if file is not None:
        return passphrase(file, whose)
    while True:
        asked: str = typer.prompt(f"Passphrase of {whose}", hide_input=True, confirmation_prompt=True, err=True)
        try:
            check(asked)
        except LocalError as fault:
            say(fault.explain())
        else:
            return asked


def confirm(question: str, *, sure: bool) -> None:
    """Ask for a yes, unless it was given. Raises LocalError for a no."""
    if not sure and not typer.confirm(question):
        raise LocalError("nothing was changed", next_step="You said no.")


def confirm_name(name: str, typed: str | None) -> None:
    """Ask for the thing's name, typed out. Raises LocalError for another."""
    if typed is None:
        typed = typer.prompt(f"Type {name} to go on")
    if typed.strip() != name:
        raise LocalError(f"{typed!r} is not {name}: nothing was changed", next_step="Look again at which one you mean.")


def read_text(path: Path) -> str:
    """Read a text file. Raises LocalError."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        why = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise LocalError(f"{path} can't be read: {why}", next_step="Check its place, rights and encoding.") from fault


def system_clock() -> int:
    """Read this computer's clock, in seconds since 1970."""
    return int(datetime.now(UTC).timestamp())
