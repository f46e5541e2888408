"""`homeward-fleet`: begin a fleet, bring kiosks to life, take them out of service, account for all of it."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_agent.errors import LocalError, errors_in_words
from provisioning import (
    commands_beginning,
    commands_console,
    commands_enrolment,
    commands_kiosks,
    commands_rotation,
    commands_servers,
)
from provisioning.audit import AuditError
from provisioning.fleet_directory import FleetDirectory
from provisioning.office import Office
from provisioning.terminal import say, system_clock
from provisioning.words import moment, recorded

app: Final = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False, help=__doc__, rich_markup_mode=None
)
for commands in (
    commands_beginning,
    commands_kiosks,
    commands_enrolment,
    commands_servers,
    commands_rotation,
    commands_console,
):
    commands.join(app)


def main() -> None:
    """Run the command line."""
    app()


@app.callback()
def begin(
    context: typer.Context,
    directory: Annotated[Path, typer.Option("--fleet", help="The fleet's folder on this computer.")] = Path("fleet"),
    who: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Who you are, for the audit log; your login otherwise.")
    ] = None,
    clock_is_right: Annotated[
        bool, typer.Option("--clock-is-right", help="Date and time are right, though much time has passed.")
    ] = False,
) -> None:
    """Take up what every command needs: the folder, the person, the time."""
    clock = context.obj or system_clock
    with errors_in_words():
        name = (who or getpass.getuser()).strip()
        if not name.isprintable() or not 0 < len(name) <= 100:  # noqa: PLR2004 - a name, not a text
            raise LocalError("--as needs a name that can be printed", next_step="Give your own.")
        context.obj = Office(FleetDirectory(directory), name, clock(), clock_is_right, clock)


@app.command()
def audit(
    context: typer.Context,
    contains: Annotated[
        str | None,
        typer.Option("--contains", metavar="HASH", help="Check that the act with this hash, noted earlier, is there."),
    ] = None,
) -> None:
    """Verify the audit log and show every act: when, who, what."""
    office: Office = context.obj
    with errors_in_words():
        log = office.directory.log(office.state())
        for entry in log.entries:
            facts = ", ".join(f"{name}: {recorded(fact)}" for name, fact in entry.facts.items())
            say(f"{entry.number:>5}  {moment(entry.at)}  {entry.who}  {entry.act}  {facts}".rstrip())
        say(f"\nWhole and unbroken: {len(log.entries)} acts. Its hash now: {log.entries[-1].head[:32]}")
        say("Note the hash outside this computer: `audit --contains HASH` then shows a folder that was put back.")
        if contains is not None:
            found = log.holds(contains)
            if found is None:
                raise AuditError(
                    f"no act has a hash that begins with {contains}",
                    next_step="If you noted it from this fleet, the folder was put back to an older day.",
                )
            say(f"The act that you noted is number {found.number}, of {moment(found.at)}.")
