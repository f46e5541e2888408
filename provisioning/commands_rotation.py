"""The commands that replace a key while the fleet works: rotate receipts, rotate orders; each takes the next step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import BrokerError, LocalError
from provisioning.fleet import Turn
from provisioning.office_link import OfficeLink
from provisioning.rotation import Step, next_step, waits_for
from provisioning.terminal import confirm, errors_in_words, passphrase, say, tell
from provisioning.words import rotated, rotation_change

if TYPE_CHECKING:
    from provisioning.fleet import State
    from provisioning.office import Office

rotate: Final = typer.Typer(
    no_args_is_help=True, help="Replace a key in three steps, with the old one believed until the last."
)

RootFile = Annotated[
    Path | None, typer.Option("--root", help="The root's key file; the first and the last step sign a bundle with it.")
]
RootPassphrase = Annotated[
    Path | None, typer.Option("--root-passphrase-file", help="For scripts: a file (0600) with the root's passphrase.")
]
OfficePassphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (0600) with the office's passphrase.")
]
Anyway = Annotated[bool, typer.Option("--anyway", help="Don't wait for those who have not taken up the last step.")]
Sure = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]
Out = Annotated[
    Path | None, typer.Option("--out", help="In the second step: new folder with the new receipt key, for the intakes.")
]


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.add_typer(rotate, name="rotate")


@rotate.command()
def receipts(
    context: typer.Context,
    root_file: RootFile = None,
    out: Out = None,
    anyway: Anyway = False,
    sure: Sure = False,
    dry_run: DryRun = False,
    passphrase_file: OfficePassphrase = None,
    root_passphrase: RootPassphrase = None,
) -> None:
    """Take the next step towards another receipt key, which intakes sign receipts with."""
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        if next_step(state, Turn.RECEIPTS) is Step.SWITCH and out is None and not dry_run:
            raise LocalError("the intakes need the new receipt key", next_step="Name a new folder for it: --out.")
        if _agreed(office, state, Turn.RECEIPTS, anyway=anyway, sure=sure, dry_run=dry_run):
            _step(office, Turn.RECEIPTS, root_file, root_passphrase, passphrase_file, out)


@rotate.command()
def orders(
    context: typer.Context,
    root_file: RootFile = None,
    anyway: Anyway = False,
    sure: Sure = False,
    dry_run: DryRun = False,
    passphrase_file: OfficePassphrase = None,
    root_passphrase: RootPassphrase = None,
) -> None:
    """Take the next step towards another orders key, which signs orders, the registry and answers to kiosks."""
    office: Office = context.obj
    with errors_in_words():
        if _agreed(office, office.state(), Turn.ORDERS, anyway=anyway, sure=sure, dry_run=dry_run):
            _step(office, Turn.ORDERS, root_file, root_passphrase, passphrase_file, None)


def _agreed(office: Office, state: State, turn: Turn, *, anyway: bool, sure: bool, dry_run: bool) -> bool:
    """Show the next step and what it waits for; ask. False for a dry run. Raises LocalError."""
    say(f"The {turn} key, step {next_step(state, turn)} of {len(Step)}:")
    for sign, line in rotation_change(state, turn):
        say(f"  {sign} {line}")
    waits = waits_for(state, turn, office.rolls.read())
    for wait in waits:
        say(f"  ! {wait}")
    if dry_run:
        say("Nothing was changed.")
        return False
    if waits and not anyway:
        raise LocalError(
            "the step before has not reached everybody; nothing was changed",
            next_step="`homeward-fleet list --ask` asks, and brings it to them. With --anyway they are left behind.",
        )
    confirm("Do this?", sure=sure)
    return True


def _step(
    office: Office,
    turn: Turn,
    root_file: Path | None,
    root_passphrase: Path | None,
    passphrase_file: Path | None,
    out: Path | None,
) -> None:
    step = next_step(office.state(), turn)
    if step is Step.SWITCH:
        words = passphrase(passphrase_file, "the office")
        state = office.switch_rotation(turn, words, out)
    else:
        if root_file is None:
            raise LocalError("this step signs a bundle", next_step="Take the stick, and name its file with --root.")
        root = office.root(root_file, passphrase(root_passphrase, "the root"))
        words = passphrase(passphrase_file, "the office")
        act = office.begin_rotation if step is Step.BEGIN else office.finish_rotation
        state = act(turn, words, root)
    tell(rotated(turn, step, office.directory.to_copy, out))
    _send(office, state, words)


def _send(office: Office, state: State, words: str) -> None:
    """Bring what was signed to those who listen now; the others get it when the office hears of them."""
    keys = office.keys(words)
    try:
        with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
            told = all(link.send(office.trust_letters(state)))
            letters = office.orders(state, state.in_service, keys)
            heard = sum(link.send(letters))
    except BrokerError as fault:
        say(f"Done, and not sent yet: {fault.what}")
        return
    say(f"An intake {'was told' if told else 'does not listen now'}; {heard} of {len(letters)} kiosks hear it now.")
