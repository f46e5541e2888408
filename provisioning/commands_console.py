"""The command for the console: the same acts as a web page on this computer."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

import typer

from edge_agent.errors import errors_in_words
from provisioning import labels
from provisioning.console.server import serve
from provisioning.terminal import say

if TYPE_CHECKING:
    from provisioning.office import Office


def join(app: typer.Typer) -> None:
    """Give the command line this command."""
    app.command()(console)


def console(
    context: typer.Context,
    port: Annotated[
        int | None,
        typer.Option(
            "--port",
            min=0,
            max=65_535,
            help=f"Its port on this computer; {labels.PORT} otherwise, where the codes on labels lead, or any free one "
            "when that is taken.",
        ),
    ] = None,
) -> None:
    """Open the console: all of this as a web page, on this computer."""
    given: Office = context.obj

    def announce(link: str, taken: int) -> None:
        if taken != labels.PORT and port is None:
            say(f"Port {labels.PORT} is taken, maybe by another console: the codes on labels don't lead to this one.")
        say("The console is open, on this computer alone. Open this link in a browser; it works once:")
        say(f"\n  {link}\n")
        say("Ctrl-C closes it. What is being done is done to its end.")

    with errors_in_words(), contextlib.suppress(KeyboardInterrupt):
        serve(given.later, announce, port)
    say("The console is closed.")
