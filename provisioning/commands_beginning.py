"""The commands of a fleet's first hour: init, the root's paper, the recipients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import LocalError, errors_in_words
from edge_agent.wire.bundle import Holder
from edge_agent.wire.fields import Controller
from edge_agent.wire.topics import check_id
from provisioning.acts import beginning
from provisioning.acts.beginning import Beginning, Passphrases, remove_sheets
from provisioning.acts.recipients import set_recipients
from provisioning.backup import PROVEN_WORDS, Split
from provisioning.decisions.trust import check_recipients
from provisioning.fleet import FleetError
from provisioning.intentions import addresses, first_recipients, one_line, recipient_of
from provisioning.keyring import check_new
from provisioning.recipients import named
from provisioning.terminal import ask, confirm, new_passphrase, passphrase, read_text, say, table, tell
from provisioning.words import bundle_signed, moment, recipients_change

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_agent.wire.bundle import Recipient
    from provisioning.office import Office

backup: Final = typer.Typer(no_args_is_help=True, help="The root on paper: prove that it reads back, restore from it.")
recipients: Final = typer.Typer(no_args_is_help=True, help="Who can open reports. Each change is a new signed bundle.")
_TRIES: Final = 3

RootFile = Annotated[Path, typer.Option("--root", help="The root's key file, for example on a USB stick.")]
RootPassphrase = Annotated[
    Path | None, typer.Option("--root-passphrase-file", help="For scripts: a file (0600) with the root's passphrase.")
]
Days = Annotated[int, typer.Option("--days", min=30, max=3650, help="How long the bundle holds, days.")]
Read = Annotated[
    list[Path] | None, typer.Option("--read", help="A sheet's words as text, typed or scanned; once for each sheet.")
]
Sure = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")]


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(init)
    app.add_typer(backup, name="backup")
    app.add_typer(recipients, name="recipients")


def init(
    context: typer.Context,
    root_file: Annotated[
        Path | None, typer.Option("--root", help="The new file for the root's key, for example on a USB stick.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The fleet's id: a-z, 0-9 and '-'.")] = None,
    organisation: Annotated[str | None, typer.Option("--organisation", help="Who answers for the data.")] = None,
    contact: Annotated[str | None, typer.Option("--contact", help="A telephone number for people at a kiosk.")] = None,
    jurisdiction: Annotated[str | None, typer.Option("--jurisdiction", help="Whose law holds.")] = None,
    brokers: Annotated[list[str] | None, typer.Option("--broker", help="host:port; once for each address.")] = None,
    caseworkers: Annotated[
        list[Path] | None, typer.Option("--recipient", help="A caseworker's .pub file; once for each.")
    ] = None,
    escrows: Annotated[list[Path] | None, typer.Option("--escrow", help="The escrow's .pub file.")] = None,
    split: Annotated[str, typer.Option("--split", help="2of3: three sheets of which two suffice.")] = "1of1",
    sheets: Annotated[
        Path | None, typer.Option("--sheets", help="New folder for the sheets to print; beside the root otherwise.")
    ] = None,
    days: Days = 730,
    office_passphrase: Annotated[
        Path | None, typer.Option("--passphrase-file", help="For scripts: a file (0600) with the office's passphrase.")
    ] = None,
    root_passphrase: RootPassphrase = None,
) -> None:
    """Begin a fleet.

    The root and its paper, the office's keys, the first recipient bundle.
    """
    office: Office = context.obj
    with errors_in_words():
        office.directory.check_free()
        say(f"Today is {moment(office.now)} by this computer's clock. If that is wrong, stop here (Ctrl-C).")
        plan = _plan(name, organisation, contact, jurisdiction, brokers, caseworkers, escrows, split, days)
        root_file = ask(
            "New file for the root's key",
            "The root's key signs who can open reports: give it a USB stick of its own, such as /media/STICK/root.key.",
            None if root_file is None else str(root_file),
            _free,
        )
        say("\nTwo passphrases: the office's, for every day, and the root's, for the day when recipients change.")
        everyday = new_passphrase(office_passphrase, "the office")
        apart = new_passphrase(root_passphrase, "the root", lambda words: _another(everyday, words))
        folder = sheets or root_file.with_name(f"{root_file.name}-sheets")
        words = beginning.begin(office, plan, root_file, folder, Passphrases(everyday, apart))
        say(f"\nFleet {plan.fleet} is in {office.directory.path}. Its root is {root_file}: keep that apart, offline.")
        say(f"The root's paper is in {folder}. Print it now: {len(words)} sheet(s), {plan.split.needed} needed.")
        if office_passphrase is not None:
            say("Then show that it reads back (`homeward-fleet backup prove`) and remove the folder. Until then the")
            say("fleet does nothing.")
            return
        _prove_printed(office, words)
        remove_sheets(folder, plan.split)
        say(f"The paper reads back. {folder} was overwritten and removed; the sheets are now on paper alone.")
        say("Next: `homeward-fleet broker`, `homeward-fleet intake`, `homeward-fleet add`.")


def _plan(
    name: str | None,
    organisation: str | None,
    contact: str | None,
    jurisdiction: str | None,
    brokers: Sequence[str] | None,
    caseworkers: Sequence[Path] | None,
    escrows: Sequence[Path] | None,
    split: str,
    days: int,
) -> Beginning:
    return Beginning(
        fleet=ask("Fleet's id", "A short name for the fleet, part of every topic; it never changes.", name, check_id),
        controller=Controller(
            name=ask("Organisation", "Kiosks name this organisation in asking for consent.", organisation, one_line),
            contact=ask("Telephone", "People at a kiosk call this number, to ask or to take back.", contact, one_line),
        ),
        jurisdiction=ask("Jurisdiction", "The country whose data protection law holds.", jurisdiction, one_line),
        brokers=addresses(brokers)
        if brokers
        else ask("Broker", "Kiosks deliver to this address, as host:port.", None, lambda text: addresses(text.split())),
        recipients=first_recipients(
            _public_files(
                caseworkers,
                Holder.CASEWORKER,
                "Caseworkers open reports; each made a .pub file with `homeward-desk key`.",
            ),
            _public_files(
                escrows,
                Holder.ESCROW,
                "An escrow's key opens reports on the day when the others are lost: it is a must.",
            ),
        ),
        split=Split.parse(split),
        days=days,
    )


def _public_files(given: Sequence[Path] | None, holder: Holder, why: str) -> list[tuple[str, str]]:
    """Read .pub files, or ask for them one by one: where each came from, and its line."""
    if given:
        return [(str(path), read_text(path)) for path in given]

    def read(answer: str) -> tuple[str, str]:
        line = read_text(Path(answer).expanduser())
        recipient_of(answer, line, holder)
        return answer, line

    found = [ask(f"The .pub file of the {holder}", why, None, read)]
    while typer.confirm(f"Another {holder}?"):
        found.append(ask(f"The .pub file of the {holder}", why, None, read))
    return found


def _another(office: str, words: str) -> None:
    check_new(words)
    Passphrases(office, words)


def _free(answer: str) -> Path:
    path = Path(answer).expanduser()
    beginning.check_root_free(path)
    return path


def _prove_printed(office: Office, words: Sequence[str]) -> None:
    """Let the person type the last words of each printed sheet. Raises FleetError after three slips."""
    for tries_left in reversed(range(_TRIES)):
        typed = [
            typer.prompt(f"From the paper, the last {PROVEN_WORDS} words of sheet {number}")
            for number in range(1, len(words) + 1)
        ]
        try:
            return beginning.prove_printed(office, words, typed)
        except FleetError as fault:
            if not tries_left:
                raise LocalError(
                    f"{fault.what}; the fleet waits",
                    next_step="Look at the print, then: `homeward-fleet backup prove`.",
                ) from fault
            say(fault.explain())
    return None


# -- The paper ---------------------------------------------------------------------------------------------------------


@backup.command()
def prove(context: typer.Context, read: Read = None) -> None:
    """Show that the printed sheets give the root.

    Type all words, or give them as text files.
    """
    office: Office = context.obj
    with errors_in_words():
        beginning.prove_backup(office, _sheets(read))
        say("The paper reads back: these words are this fleet's root. Now remove the files with the sheets.")


@backup.command()
def restore(
    context: typer.Context, root_file: RootFile, read: Read = None, root_passphrase: RootPassphrase = None
) -> None:
    """Write the root's key file anew from its sheets.

    Under a new passphrase.
    """
    office: Office = context.obj
    with errors_in_words():
        beginning.check_root_free(root_file)
        sheets = _sheets(read)
        beginning.check_sheets(office, sheets)
        beginning.restore_root(office, sheets, root_file, new_passphrase(root_passphrase, "the new root file"))
        say(f"The root is back, in {root_file}. Who may open reports is signed with it: keep it apart, offline.")


def _sheets(read: Sequence[Path] | None) -> list[str]:
    if read:
        return [read_text(path) for path in read]
    count = typer.prompt("How many sheets have you got", type=int, default=1)
    return [typer.prompt(f"All words of sheet {number}") for number in range(1, count + 1)]


# -- Recipients --------------------------------------------------------------------------------------------------------


@recipients.command("list")
def list_recipients(context: typer.Context) -> None:
    """List who can open reports."""
    office: Office = context.obj
    with errors_in_words():
        content = office.state().trusted.content
        table(
            ["name", "holder", "key"],
            [[r.name, r.holder, named(r).rpartition(", ")[2].rstrip(")")] for r in content.recipients],
        )
        say(
            f"\nBundle {content.version}, signed {moment(content.issued_at)}, holds until {moment(content.expires_at)}."
        )
        if office.now > content.expires_at:
            say("It has expired: kiosks take no reports. Sign a new one with `recipients renew`.", style="bold red")


@recipients.command("add")
def add_recipient(
    context: typer.Context,
    public: Annotated[Path, typer.Argument(help="The .pub file that `homeward-desk key` made.")],
    root_file: RootFile,
    escrow: Annotated[bool, typer.Option("--escrow", help="It is kept offline, for the worst day.")] = False,
    days: Days = 730,
    sure: Sure = False,
    dry_run: DryRun = False,
    root_passphrase: RootPassphrase = None,
) -> None:
    """Let one more person open reports, from the next report on."""
    office: Office = context.obj
    with errors_in_words():
        found = recipient_of(str(public), read_text(public), Holder.ESCROW if escrow else Holder.CASEWORKER)
        _change(
            office, [*office.state().trusted.content.recipients, found], root_file, root_passphrase, days, sure, dry_run
        )


@recipients.command("remove")
def remove_recipient(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The name, as `recipients list` gives it.")],
    root_file: RootFile,
    days: Days = 730,
    sure: Sure = False,
    dry_run: DryRun = False,
    root_passphrase: RootPassphrase = None,
) -> None:
    """Seal no more reports to a person. What was sealed to them before, they can still open."""
    office: Office = context.obj
    with errors_in_words():
        before = office.state().trusted.content.recipients
        left = [known for known in before if known.name != name]
        if left == before:
            raise LocalError(f"there is no recipient {name!r}", next_step="See `homeward-fleet recipients list`.")
        _change(office, left, root_file, root_passphrase, days, sure, dry_run)


@recipients.command("renew")
def renew(
    context: typer.Context,
    root_file: RootFile,
    days: Days = 730,
    sure: Sure = False,
    dry_run: DryRun = False,
    root_passphrase: RootPassphrase = None,
) -> None:
    """Sign the same recipients again, for a longer time."""
    office: Office = context.obj
    with errors_in_words():
        _change(office, office.state().trusted.content.recipients, root_file, root_passphrase, days, sure, dry_run)


def _change(
    office: Office,
    after: Sequence[Recipient],
    root_file: Path,
    root_passphrase: Path | None,
    days: int,
    sure: bool,
    dry_run: bool,
) -> None:
    """Show what a new bundle would change, ask, sign."""
    check_recipients(after)
    content = office.state().trusted.content
    say(f"Bundle {content.version} -> {content.version + 1}")
    for sign, who in recipients_change(content.recipients, after):
        say(f"  {sign} {who}")
    if dry_run:
        say("Nothing was changed.")
        return
    confirm("Sign it?", sure=sure)
    version = set_recipients(office, after, office.root(root_file, passphrase(root_passphrase, "the root")), days)
    tell(bundle_signed(version, office.directory.to_copy))
