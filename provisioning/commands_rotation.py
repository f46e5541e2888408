"""The commands that replace a key while the fleet works: rotate receipts, orders, ca; each takes the next step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import LocalError, errors_in_words
from provisioning.acts import device_ca, rotation
from provisioning.acts.sending import send
from provisioning.decisions.device_ca import waits as ca_waits
from provisioning.decisions.rotation import Step, next_step, waits_for
from provisioning.fleet import Turn
from provisioning.terminal import confirm, passphrase, say, tell
from provisioning.words import ca_rotated, key_named, rotated, rotation_change, rotation_step, sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.fleet import State
    from provisioning.office import Office

rotate: Final = typer.Typer(
    no_args_is_help=True, help="Replace a key in three steps. The old one is believed until the last."
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
LeaveBehind = Annotated[
    list[str] | None,
    typer.Option(
        "--leave-behind", help="Kiosks, intakes or brokers that aren't ready, to go on without them: NAME,NAME."
    ),
]
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
    """Take the next step towards another receipt key.

    Intakes sign receipts with it.
    """
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        if next_step(state, Turn.RECEIPTS) is Step.SWITCH and out is None and not dry_run:
            raise LocalError("the intakes need the new receipt key", next_step="Name a new folder for it: --out.")
        _check_stick(state, Turn.RECEIPTS, root_file, dry_run=dry_run)
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
    """Take the next step towards another orders key.

    It signs orders, the registry and answers to kiosks.
    """
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        _check_stick(state, Turn.ORDERS, root_file, dry_run=dry_run)
        if _agreed(office, state, Turn.ORDERS, anyway=anyway, sure=sure, dry_run=dry_run):
            _step(office, Turn.ORDERS, root_file, root_passphrase, passphrase_file, None)


@rotate.command()
def ca(
    context: typer.Context,
    leave_behind: LeaveBehind = None,
    sure: Sure = False,
    dry_run: DryRun = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Take the next step towards another device CA.

    It certifies kiosks and servers.
    """
    office: Office = context.obj
    behind = [name.strip() for given in leave_behind or [] for name in given.split(",") if name.strip()]
    with errors_in_words():
        state = office.state()
        step = next_step(state, Turn.CA)
        _show(state, Turn.CA, [f"{w.name} {w.why}" for w in ca_waits(state, office.rolls.read(), office.now)])
        if dry_run:
            say("Brokers are asked when it is done. Nothing was changed.")
            return
        confirm("Do this?", sure=sure)
        words = passphrase(passphrase_file, "the office")
        state = device_ca.step(office, words, behind)
        tell([*ca_rotated(step, office.directory.to_copy, behind, cluster=state.cluster), *device_ca.in_force(state)])
        say(sent(send(office, state, office.keys(words))))


def _show(state: State, turn: Turn, waits: Sequence[str]) -> None:
    step = next_step(state, turn)
    say(f"{key_named(turn)}, step {step} of {len(Step)}: {rotation_step(turn, step)}")
    for sign, line in rotation_change(state, turn):
        say(f"  {sign} {line}")
    for wait in waits:
        say(f"  ! {wait}")


def _agreed(office: Office, state: State, turn: Turn, *, anyway: bool, sure: bool, dry_run: bool) -> bool:
    """Show the next step and what it waits for; ask. False for a dry run. Raises LocalError."""
    waits = waits_for(state, turn, office.rolls.read())
    _show(state, turn, waits)
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


def _check_stick(state: State, turn: Turn, root_file: Path | None, *, dry_run: bool) -> None:
    """Raise LocalError, before anything is asked, when the next step needs a root that was not named."""
    if next_step(state, turn) is not Step.SWITCH and root_file is None and not dry_run:
        raise _no_stick()


def _no_stick() -> LocalError:
    return LocalError("this step signs a bundle", next_step="Take the stick, and name its file with --root.")


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
        state = rotation.switch(office, turn, words, out)
    else:
        if root_file is None:  # somebody else took a step since this one was looked at
            raise _no_stick()
        root = office.root(root_file, passphrase(root_passphrase, "the root"))
        words = passphrase(passphrase_file, "the office")
        act = rotation.begin if step is Step.BEGIN else rotation.finish
        state = act(office, turn, words, root)
    tell(rotated(turn, step, office.directory.to_copy, out))
    say(sent(send(office, state, office.keys(words))))
