"""The commands of a kiosk's life: add, add-many, card, label, certify, list, order, revoke, replace."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_agent.errors import BrokerError, LocalError, errors_in_words
from edge_agent.wire.orders import Mode
from provisioning import kiosks_file
from provisioning.acts import cards, enrolment, orders, revocation
from provisioning.decisions.orders import AS_IT_CAME, with_orders
from provisioning.fleet import Hardware, Network
from provisioning.fleet_view import SILENT_AFTER_S, plain, rows
from provisioning.front_desk import FrontDesk
from provisioning.intentions import PARTS, kiosk_plan, ordered_notice, ordered_settings, pins
from provisioning.office_link import OfficeLink
from provisioning.particulars import particulars
from provisioning.placing import placed
from provisioning.terminal import confirm, confirm_name, passphrase, read_text, say, table, tell
from provisioning.wifi import Wifi
from provisioning.words import card_written, cards_written, enrolled, moment, orders_change, revoked, until, will_revoke

if TYPE_CHECKING:
    from provisioning.fleet_view import Row, View
    from provisioning.office import Keys, Office

Id = Annotated[str, typer.Argument(help="The kiosk's id.")]
OfficePassphrase = Annotated[
    Path | None, typer.Option("--passphrase-file", help="For scripts: a file (0600) with the office's passphrase.")
]
WifiName = Annotated[
    str | None, typer.Option("--wifi", metavar="NAME", help="Its Wi-Fi; the passphrase is asked for, and kept nowhere.")
]
WifiPassphrase = Annotated[
    Path | None,
    typer.Option("--wifi-passphrase-file", help="For scripts: a file (0600) with the Wi-Fi's passphrase."),
]
OrderedMode = Annotated[Mode | None, typer.Option("--mode", help="serve, or pause: take no reports.")]
Card = Annotated[Path, typer.Option("--out", help="New folder for the card's files, or a new file NAME.zip.")]
_OFFICE: Final = "the office"
_PATIENCE_S: Final = 20.0
_TEND_S: Final = 0.2


def join(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(add)
    app.command()(add_many)
    app.command()(card)
    app.command()(label)
    app.command()(certify)
    app.command("list")(list_kiosks)
    app.command()(order)
    app.command()(revoke)
    app.command()(replace)


def add(
    context: typer.Context,
    kiosk: Id,
    place: Annotated[
        str, typer.Option("--place", help="The place's name, as caseworkers will read it.", prompt="Place")
    ],
    area: Annotated[str, typer.Option("--area", help="The administrative area.", prompt="Area")],
    latitude: Annotated[
        float, typer.Option("--latitude", min=-90, max=90, help="WGS 84, degrees.", prompt="Latitude, such as 43.8")
    ],
    longitude: Annotated[
        float, typer.Option("--longitude", min=-180, max=180, help="WGS 84, degrees.", prompt="Longitude, such as 87.6")
    ],
    time_zone: Annotated[
        str, typer.Option("--time-zone", help="Such as Asia/Urumqi.", prompt="Time zone, such as Asia/Urumqi")
    ],
    languages: Annotated[
        str,
        typer.Option(
            "--languages", help="Offered in this order, such as ug,zh,en.", prompt="Languages, such as ug,zh,en"
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--out", help="New folder for the card's files, or a new file NAME.zip.", prompt="New folder for its card"
        ),
    ],
    site: Annotated[str | None, typer.Option("--site", help="A short id of the place; the kiosk's otherwise.")] = None,
    accuracy: Annotated[int, typer.Option("--accuracy", min=0, help="How far off it may be, metres.")] = 50,
    hardware: Annotated[Hardware, typer.Option("--hardware", help="What it is made of.")] = Hardware.RASPBERRY_PI,
    network: Annotated[
        Network | None, typer.Option("--network", help="How it reaches the broker: ethernet, or wifi with --wifi.")
    ] = None,
    wifi: WifiName = None,
    screen: Annotated[bool, typer.Option("--screen/--no-screen", help="Whether it has a screen.")] = False,
    voice: Annotated[bool, typer.Option("--voice/--no-voice", help="Whether it speaks.")] = True,
    pin: Annotated[
        list[str] | None,
        typer.Option(
            "--pin",
            metavar="PART=LINE",
            help=f"Where a part is wired to another GPIO line (BCM number) than usual, such as button=17; repeatable. "
            f"Parts: {', '.join(PARTS.values())}.",
        ),
    ] = None,
    label: Annotated[Path | None, typer.Option("--label", help="The label to print; ID-label.pdf otherwise.")] = None,
    wifi_passphrase_file: WifiPassphrase = None,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Add a kiosk: what goes onto its card, and its case's label."""
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
                "network": network or (Network.ETHERNET if wifi is None else Network.WIFI),
                "screen": screen,
                "voice": voice,
                "pins": pins(pin or []),
            }
        )
        printed = label or out.with_name(f"{kiosk}-label.pdf")
        brought = _wifi(wifi, wifi_passphrase_file)
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        claim = cards.add(office, plan, keys, out, printed, wifi=brought)
        say(f"Kiosk {kiosk} is added. Label: {printed}")
        tell(card_written(str(out), claim))


def add_many(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="A CSV file, UTF-8, its first line the columns "
            f"{', '.join(kiosks_file.NEEDED)}; if wanted {', '.join(kiosks_file.USUAL)}."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", help="New folder: in it a card's folder and a label for each kiosk.")],
    wifi: WifiName = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be added; change nothing.")] = False,
    wifi_passphrase_file: WifiPassphrase = None,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Add all kiosks of a list in one act, or none.

    Each line with a slip is named. --wifi is for those that use it.
    """
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        brought = _wifi(wifi, wifi_passphrase_file)
        plans = kiosks_file.plans(read_text(file), lambda plan: cards.check_one_of_many(state, plan, brought))
        table(
            ["kiosk", "place", "area", "latitude, longitude", "languages", "network", "screen", "voice", "pins"],
            [
                [
                    *(plan.id, plan.site.name, plan.site.area, f"{plan.site.latitude}, {plan.site.longitude}"),
                    *(", ".join(plan.languages), plan.network),
                    *("yes" if has else "no" for has in (plan.screen, plan.voice)),
                    " ".join(f"{PARTS[part]}={line}" for part, line in plan.pins.unusual.items()) or "usual",
                ]
                for plan in plans
            ],
        )
        if dry_run:
            say(f"These {len(plans)} would be added. Nothing was changed.")
            return
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        say(f"Making {len(plans)} cards.")
        claims = cards.add_many(office, plans, keys, out, wifi=brought)
        say(f"These {len(claims)} are added.")
        tell(cards_written(str(out), claims))


def card(
    context: typer.Context,
    kiosk: Id,
    out: Card,
    wifi: WifiName = None,
    wifi_passphrase_file: WifiPassphrase = None,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Make another card for a kiosk that was never in service.

    The earlier one is worth nothing from then on.
    """
    office: Office = context.obj
    with errors_in_words():
        brought = _wifi(wifi, wifi_passphrase_file)
        claim = cards.new_card(office, kiosk, office.keys(passphrase(passphrase_file, _OFFICE)), out, wifi=brought)
        tell(card_written(str(out), claim))


def label(
    context: typer.Context,
    kiosk: Id,
    out: Annotated[Path | None, typer.Option("--out", help="The label to print (PDF); ID-label.pdf otherwise.")] = None,
) -> None:
    """Print a kiosk's label again."""
    office: Office = context.obj
    with errors_in_words():
        made = cards.label(office, kiosk)
        printed = out or Path(f"{kiosk}-label.pdf")
        with placed(printed, made):
            pass
        say(f"Label: {printed}. Print it, and stick it onto the case.")


def certify(
    context: typer.Context,
    kiosk: Id,
    signing: Annotated[Path, typer.Option("--signing", help="Signing request (PEM) of the kiosk's signing key.")],
    tls: Annotated[Path, typer.Option("--tls", help="Signing request (PEM) of the kiosk's TLS key.")],
    out: Annotated[Path, typer.Option("--out", help="New folder with what goes back to the kiosk.")],
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Take a kiosk into service by hand.

    You carry two signing requests from it and its certificate back.

    The same again, before its 90 days end, renews the certificate.
    """
    office: Office = context.obj
    with errors_in_words():
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        enrolment.certify(office, kiosk, _read(signing), _read(tls), keys, out)
        say(f"Kiosk {kiosk} is in service.")
        tell(enrolled(str(out), office.directory.to_copy))


def list_kiosks(
    context: typer.Context,
    kiosk: Annotated[str | None, typer.Argument(help="A kiosk's id, for all that is known of it.")] = None,
    ask: Annotated[bool, typer.Option("--ask", help="Ask the intakes how they fare now.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, for scripts.")] = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """List the kiosks, those in need first; or tell all of one."""
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        if not state.kiosks:
            say("There is no kiosk yet. Next: `homeward-fleet add`.")
            return
        if kiosk is not None:
            state.kiosk(kiosk)  # a slip is said before anything is asked
        view = _ask(office, office.keys(passphrase(passphrase_file, _OFFICE))) if ask else office.rolls.read()
        shown = [row for row in rows(state, view, office.now) if kiosk in {None, row.kiosk.plan.id}]
        if as_json:
            for row in shown:
                typer.echo(json.dumps(plain(row)))
            return
        if kiosk is not None:
            table([kiosk, ""], particulars(state, shown[0]))
        else:
            table(
                ["kiosk", "state", "heard", "waiting", "", "place", "area"], [_line(row, office.now) for row in shown]
            )
        say(f"As of {moment(view.at)}." if view else "Nobody has asked the intakes yet: `homeward-fleet list --ask`.")


def _ask(office: Office, keys: Keys) -> View | None:
    state = office.state()
    with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
        desk = FrontDesk(office.later, keys, link)
        before = desk.view
        if not desk.ask():
            raise LocalError("no intake listens", next_step="Look at the intake: `homeward-intake check`.")
        given_up_at = time.monotonic() + _PATIENCE_S
        while desk.view is before and time.monotonic() < given_up_at:
            desk.tend(_TEND_S)
    return desk.view


def _line(row: Row, now: int) -> list[str]:
    seen = row.seen
    heard = "" if seen is None else "online" if seen.online and now - seen.at < SILENT_AFTER_S else moment(seen.at)
    waiting = "" if seen is None else str(seen.backlog)
    said = "; ".join(words for _, words in row.needs) or until(row.condition, row.kiosk)
    site = row.kiosk.plan.site
    return [row.kiosk.plan.id, row.condition, heard, waiting, said, site.name, site.area]


def revoke(
    context: typer.Context,
    kiosk: Id,
    typed: Annotated[
        str | None, typer.Option("--confirm", metavar="ID", help="For scripts: the kiosk's id once more.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Take a kiosk out of service for good.

    It was stolen, lost, or is worn out. Again, to do what was left of it.
    """
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        known = state.kiosk(kiosk)
        say(f"{kiosk}, {known.plan.site.name}: {state.condition(known, office.now)}")
        for line in will_revoke(state) if known.revoked_at is None else []:
            say(f"  {line}")
        if dry_run:
            say("Nothing was changed.")
            return
        confirm_name(kiosk, typed)
        steps = revocation.revoke(office, kiosk, office.keys(passphrase(passphrase_file, _OFFICE)))
        table(["", "step", "what is known"], [["done" if s.done else "NOT YET", s.what, s.known] for s in steps])
        tell(revoked(kiosk, office.directory.to_copy))


def replace(
    context: typer.Context,
    kiosk: Id,
    successor: Annotated[str, typer.Argument(help="The new kiosk's id.")],
    out: Card,
    label: Annotated[Path | None, typer.Option("--label", help="The label to print; ID-label.pdf otherwise.")] = None,
    wifi: WifiName = None,
    wifi_passphrase_file: WifiPassphrase = None,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Add a successor of a revoked kiosk.

    The same place, languages and hardware under a new id.
    """
    office: Office = context.obj
    with errors_in_words():
        printed = label or out.with_name(f"{successor}-label.pdf")
        brought = _wifi(wifi, wifi_passphrase_file)
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        claim = cards.add_successor(office, kiosk, successor, keys, out, printed, wifi=brought)
        say(f"Kiosk {successor} is added in the place of {kiosk}. Label: {printed}")
        tell(card_written(str(out), claim))


def order(
    context: typer.Context,
    kiosks: Annotated[list[str] | None, typer.Argument(help="The kiosks' ids; all in service otherwise.")] = None,
    mode: OrderedMode = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of kiosk.toml; repeatable.")
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", metavar="NAME", help="Back to what the card says; repeatable.")
    ] = None,
    notice: Annotated[
        Path | None, typer.Option("--notice", help="Other words for the notice, in TOML: an id, a table a language.")
    ] = None,
    own_notice: Annotated[
        bool, typer.Option("--own-notice", help="Back to the words of the notice that kiosks come with.")
    ] = False,
    sure: Annotated[bool, typer.Option("--yes", help="For scripts: don't ask.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change; change nothing.")] = False,
    passphrase_file: OfficePassphrase = None,
) -> None:
    """Order kiosks otherwise.

    Signed, with a version, and shown before it is sent. They say when they run it.
    """
    office: Office = context.obj
    with errors_in_words():
        state = office.state()
        chosen = kiosks or state.in_service
        changes = ordered_settings(settings or [], unset or [])
        if notice and own_notice:
            raise LocalError("--notice and --own-notice contradict each other", next_step="Give one of them.")
        told = ordered_notice(read_text(notice)) if notice else AS_IT_CAME if own_notice else None
        if mode is None and not changes and told is None:
            raise LocalError("there is nothing to order", next_step="Give --mode, --set, --unset or --notice.")
        after = with_orders(state, chosen, now=office.now, mode=mode, changes=changes, notice=told)
        for name in chosen:
            say(f"{name}:")
            for sign, line in orders_change(state.kiosk(name).orders, after.kiosk(name).orders):
                say(f"  {sign} {line}")
        if dry_run:
            say("Nothing was changed.")
            return
        confirm("Order this?", sure=sure)
        keys = office.keys(passphrase(passphrase_file, _OFFICE))
        letters = orders.order(office, chosen, keys, mode=mode, changes=changes, notice=told)
        try:
            with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
                heard = sum(link.send(letters))
        except BrokerError as fault:
            say(f"Ordered, and not sent yet: {fault.what}")
            return
        say(f"Ordered; {heard} of {len(letters)} hear it now. The others get it when the office hears of them:")
        say("`homeward-fleet list --ask` says which version each kiosk runs.")


def _wifi(name: str | None, passphrase_file: Path | None) -> Wifi | None:
    """Give the Wi-Fi of this name, with its passphrase from a file or asked for without showing it."""
    return None if name is None else Wifi(name, passphrase(passphrase_file, f"the Wi-Fi {name}"))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as fault:
        raise LocalError(f"{path} can't be read: {fault.strerror}", next_step="Check its place and rights.") from fault
