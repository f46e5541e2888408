"""The command that takes kiosks into service: it hears who asks, shows six words, answers as staff decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import LocalError, errors_in_words
from provisioning.front_desk import FrontDesk
from provisioning.office_link import OfficeLink
from provisioning.terminal import passphrase, say
from provisioning.words import moment

if TYPE_CHECKING:
    from provisioning.decisions.enrolment import Applicant
    from provisioning.front_desk import Turned
    from provisioning.office import Office

OfficePassphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (0600) with the office's passphrase.")
]
_LISTEN_S: Final = 0.5


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(enrol)


def enrol(
    context: typer.Context,
    words: Annotated[
        list[str] | None,
        typer.Option(
            "--words", metavar="SIX WORDS", help="For scripts: approve the kiosk that shows these; repeatable."
        ),
    ] = None,
    minutes: Annotated[float, typer.Option("--minutes", min=0, help="How long to listen; 0 is until Ctrl-C.")] = 0,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Take kiosks into service.

    Each that asks shows six words; approve it when its own screen shows the same.

    While it runs, kiosks in service get their certificates renewed, too.
    """
    office: Office = context.obj
    with errors_in_words():
        keys = office.keys(passphrase(passphrase_file, "the office"))
        state = office.state()
        with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
            desk = FrontDesk(office.later, keys, link)
            say("Listening. Switch the kiosk on: its six words appear here and there. Ctrl-C ends this.")
            _listen(desk, office, [" ".join(six.split()) for six in words or []], minutes)
        say(f"Registry {office.state().registered.version} is in {office.directory.to_copy}.")


def _listen(desk: FrontDesk, office: Office, expected: list[str], minutes: float) -> None:
    """Listen until the time is over, or until all expected words were approved."""
    told, put_off = 0, set[bytes]()
    waiting = set(expected)
    rounds = minutes * 60 / _LISTEN_S
    try:
        while True:
            desk.tend(_LISTEN_S)
            told = _say_refused(list(desk.refused), told)
            for applicant in desk.pending:
                if applicant.sha256 in put_off:
                    continue
                put_off.add(applicant.sha256)
                if applicant.words in waiting:
                    waiting.discard(applicant.words)
                    _approve(desk, applicant)
                elif not expected:
                    _ask(desk, office, applicant)
            rounds -= 1
            if (expected and not waiting) or (minutes and rounds <= 0):
                break
    except KeyboardInterrupt:
        say("")
    if waiting:
        raise LocalError(
            "no kiosk asked with these six words: " + "; ".join(sorted(waiting)),
            next_step="Look at the kiosk again, and whether it reaches the broker.",
        )


def _ask(desk: FrontDesk, office: Office, applicant: Applicant) -> None:
    site = office.state().kiosk(applicant.kiosk).plan.site
    say(f"\n{applicant.kiosk}, {site.name}, asks to enrol with the words")
    say(f"    {applicant.words}", style="bold")
    if any(other.kiosk == applicant.kiosk and other.sha256 != applicant.sha256 for other in desk.pending):
        say("Another request for the same kiosk is waiting: somebody may have a copy of its card.", style="bold")
    answer = typer.prompt("Does the kiosk show exactly these? (yes, no, later)", default="later")
    match answer.strip().lower():
        case "yes":
            _approve(desk, applicant)
        case "no":
            desk.refuse(applicant)
            say(f"Refused. If {applicant.kiosk} shows other words, somebody has a copy of its card: make another.")
        case _:
            say("It asks again when you run this again.")


def _approve(desk: FrontDesk, applicant: Applicant) -> None:
    (reached,) = desk.approve([applicant])
    say(f"Kiosk {applicant.kiosk} is in service; its card's claim is used up.")
    if not reached:
        say("Its answer has not reached it yet: leave this running until it asks again.")


def _say_refused(refused: list[Turned], told: int) -> int:
    for turned in refused[told:]:
        say(f"{moment(turned.at)}  refused {turned.name}: {turned.fault.explain()}")
    return len(refused)
