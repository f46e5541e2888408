"""The command for the console: the same acts as a web page on this computer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer reads the annotations

from edge_agent.errors import errors_in_words
from provisioning.console.server import serve
from provisioning.terminal import say

if TYPE_CHECKING:
    from provisioning.office import Office


def join(app: typer.Typer) -> None:
    """Give the command line this command."""
    app.command()(console)


def console(context: typer.Context) -> None:
    """Open the console: all of this as a web page, on this computer."""
    given: Office = context.obj

    def announce(link: str) -> None:
        say("The console is open, on this computer alone. Open this link in a browser; it works once:")
        say(f"\n  {link}\n")
        say("Ctrl-C closes it. What is being done is done to its end.")

    with errors_in_words(), contextlib.suppress(KeyboardInterrupt):
        serve(given.later, announce)
    say("The console is closed.")
