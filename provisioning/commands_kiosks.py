"""The commands of a kiosk's life: add, card, certify, list, revoke."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import LocalError
from provisioning.fleet import FleetError, Hardware, Network
from provisioning.intentions import kiosk_plan
from provisioning.terminal import confirm_name, errors_in_words, passphrase, say, table, tell
from provisioning.words import card_written, enrolled, revoked, until, will_revoke

if TYPE_CHECKING:
    from provisioning.office import Office

Id = Annotated[str, typer.Argument(help="The kiosk's id.")]
OfficePassphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (0600) with the office's passphrase.")
]
Card = Annotated[Path, typer.Option("--out", help="New folder for the card's files, or a new file NAME.zip.")]
_OFFICE: Final = "the office"


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(add)
    app.command()(card)
    app.command()(certify)
    app.command("list")(list_kiosks)
    app.command()(revoke)


def add(
    context: typer.Context,
    kiosk: Id,
    place: Annotated[str, typer.Option("--place", help="The place's name, as caseworkers will read it.")],
    area: Annotated[str, typer.Option("--area", help="The administrative area.")],
    latitude: Annotated[float, typer.Option("--latitude", min=-90, max=90, help="WGS 84, degrees.")],
    longitude: Annotated[float, typer.Option("--longitude", min=-180, max=180, help="WGS 84, degrees.")],
    out: Card,
    time_zone: Annotated[str, typer.Option("--time-zone", help="Such as Asia/Urumqi.")],
    languages: Annotated[str, typer.Option("--languages", help="Offered in this order, such as ug,zh,en.")],
    site: Annotated[str | None, typer.Option("--site", help="A short id of the place; the kiosk's otherwise.")] = None,
    accuracy: Annotated[int, typer.Option("--accuracy", min=0, help="How far off it may be, metres.")] = 50,
    hardware: Annotated[Hardware, typer.Option("--hardware", help="What it is made of.")] = Hardware.RASPBERRY_PI,
    network: Annotated[Network, typer.Option("--network", help="How it reaches the broker.")] = Network.ETHERNET,
    label: Annotated[Path | None, typer.Option("--label", help="The label to print; ID-label.pdf otherwise.")] = None,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Add a kiosk: write what goes onto its card, and the label that goes onto its case."""
    office: Office = context.obj
    with errors_in_words():
        plan = kiosk_plan(
            {
                "id": kiosk,
                "site": {
                    "id": site or kiosk,
                    "name": place.strip(),
                    "latitude": latitude,
                    "longitude": longitude,
                    "accuracy_m": accuracy,
                    "area": area.strip(),
                },
                "languages": [language.strip() for language in languages.split(",")],
                "time_zone": time_zone,
                "hardware": hardware,
                "network": network,
            }
        )
        printed = label or out.with_name(f"{kiosk}-label.pdf")
        claim = office.add(plan, office.keys(passphrase(passphrase_file, _OFFICE)), out, printed)
        say(f"Kiosk {kiosk} is added. Label: {printed}")
        tell(card_written(str(out), claim))


def card(context: typer.Context, kiosk: Id, out: Card, passphrase_file: OfficePassphrase = None) -> None:
    """Make another card for a kiosk that was never in service; the earlier one is worth nothing from then on."""
    office: Office = context.obj
    with errors_in_words():
        claim = office.new_card(kiosk, office.keys(passphrase(passphrase_file, _OFFICE)), out)
        tell(card_written(str(out), claim))


def certify(
    context: typer.Context,
    kiosk: Id,
    signing: Annotated[Path, typer.Option("--signing", help="Signing request (PEM) of the kiosk's signing key.")],
    tls: Annotated[Path, typer.Option("--tls", help="Signing request (PEM) of the kiosk's TLS key.")],
    out: Annotated[Path, typer.Option("--out", help="New folder with what goes back to the kiosk.")],
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Take a kiosk into service by hand: you carry two signing requests from it and its certificate back.

    The same again, before its 90 days end, renews the certificate.
    """
    office: Office = context.obj
    with errors_in_words():
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        office.certify(kiosk, _read(signing), _read(tls), keys, out)
        say(f"Kiosk {kiosk} is in service.")
        tell(enrolled(str(out), office.directory.to_copy))


def list_kiosks(context: typer.Context) -> None:
    """List the kiosks, those first that need a person."""
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        if not state.kiosks:
            say("There is no kiosk yet. Next: `homeward-fleet add`.")
            return
        rows = [
            [kiosk.plan.id, condition, until(condition, kiosk), kiosk.plan.site.name, kiosk.plan.site.area]
            for condition, kiosk in state.by_need(office.now)
        ]
        table(["kiosk", "state", "", "place", "area"], rows)


def revoke(
    context: typer.Context,
    kiosk: Id,
    typed: Annotated[
        str | None, typer.Option("--confirm", metavar="ID", help="For scripts: the kiosk's id once more.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Take a kiosk out of service for good: stolen, lost, or worn out."""
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        known = state.kiosk(kiosk)
        if known.revoked_at is not None:
            raise FleetError(f"kiosk {kiosk} was revoked already", next_step="See `homeward-fleet audit`.")
        say(f"{kiosk}, {known.plan.site.name}: {state.condition(known, office.now)}")
        for line in will_revoke(state):
            say(f"  {line}")
        if dry_run:
            say("Nothing was changed.")
            return
        confirm_name(kiosk, typed)
        office.revoke(kiosk, office.keys(passphrase(passphrase_file, _OFFICE)))
        tell(revoked(kiosk, office.directory.to_copy))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise LocalError(f"{path} can't be read: {fault.strerror}", next_step="Check its place and rights.") from fault
