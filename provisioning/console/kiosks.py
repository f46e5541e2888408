"""The pages of the fleet and of one kiosk: see it, add it, give it a card and a label, take it out of service."""

from __future__ import annotations

import zoneinfo
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec.structs import replace
from starlette.responses import Response

from edge_agent.errors import LocalError
from edge_agent.pins import Pins
from provisioning import labels
from provisioning.acts import cards, enrolment, revocation
from provisioning.console.call import Done, acting, go, looking
from provisioning.console.pages import ago
from provisioning.decisions.names import check_name
from provisioning.fleet import Condition, FleetError, Network
from provisioning.fleet_view import SILENT_AFTER_S, rows
from provisioning.intentions import PARTS, kiosk_plan, pins
from provisioning.languages import phrase
from provisioning.wifi import Wifi
from provisioning.words import card_written, enrolled, part_named, revoked, until, will_revoke

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from provisioning.acts.revocation import Step
    from provisioning.console.call import Call, Form
    from provisioning.fleet import Claim
    from provisioning.fleet_view import Row

PAGE_SIZE: Final = 50
_NEEDING: Final = "needs a person"
_ZONES: Final = sorted(zoneinfo.available_timezones())


def routes() -> list[BaseRoute]:
    """Give the pages."""
    return [
        looking("/", _fleet),
        acting("/add", _show_add, _add),
        looking("/kiosks/{kiosk}", _one),
        looking("/kiosks/{kiosk}/label", _label),
        acting("/kiosks/{kiosk}/card", _show_card, _card),
        acting("/kiosks/{kiosk}/certify", _show_certify, _certify),
        acting("/kiosks/{kiosk}/revoke", _show_revoke, _revoke),
        acting("/kiosks/{kiosk}/replace", _show_replace, _replace),
    ]


# -- The fleet ---------------------------------------------------------------------------------------------------------


def _fleet(call: Call) -> Response:
    if call.office.directory.is_free():
        return go("/begin")
    state = call.office.state()
    if not state.backup_proven:
        return go("/paper")
    typed, wanted = call.typed.get("q", "").strip(), call.typed.get("state", "")
    searched = labels.kiosk_scanned(typed) or typed
    seen = call.console.lookout.look(call.office)
    letters = searched.casefold()
    found = [
        row
        for row, its in zip(seen.rows, seen.letters, strict=True)
        if letters in its and (wanted in {"", row.condition} or (wanted == _NEEDING and row.needs))
    ]
    last = max(1, -(-len(found) // PAGE_SIZE))
    number = min(max(1, _whole(call.typed.get("page", "1"))), last)
    return call.page(
        "fleet.html",
        state=state,
        rows=found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE],
        view=seen.view,
        heard=_heard,
        until=until,
        counts={_NEEDING: seen.needing} | {str(condition): seen.tally[condition] for condition in Condition},
        wanted=wanted,
        searched=searched,
        found=len(found),
        every=len(seen.rows),
        number=number,
        last=last,
    )


def _heard(row: Row, now: int) -> str:
    """Say when a kiosk was last heard."""
    if row.seen is None:
        return ""
    return phrase("online") if row.seen.online and now - row.seen.at < SILENT_AFTER_S else ago(row.seen.at, now)


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 1  # noqa: PLR2004 - a page's number


def _one(call: Call) -> Response:
    state = call.office.state()
    kiosk = state.kiosk(call.path["kiosk"])
    now = call.office.now
    (row,) = rows(replace(state, kiosks=[kiosk]), call.office.rolls.read(), now)
    return call.page("kiosk.html", state=state, kiosk=kiosk, row=row, heard=_heard(row, now), Condition=Condition)


# -- A new kiosk -------------------------------------------------------------------------------------------------------


def _show_add(call: Call) -> Response:
    usual = msgspec.structs.asdict(Pins())
    lines = [(f"pin-{PARTS[part]}", part_named(part), line) for part, line in usual.items()]
    moved = any(call.typed.get(name, str(line)) != str(line) for name, _, line in lines)
    return call.page("kiosk_add.html", state=call.office.state(), zones=_ZONES, lines=lines, moved=moved)


def _add(call: Call, form: Form) -> Response:
    name = form.text("id")
    plan = kiosk_plan(
        {
            "id": name,
            "site": {
                "id": form.text("site") or name,
                "name": form.text("place"),
                "latitude": form.number("latitude"),
                "longitude": form.number("longitude"),
                "accuracy_m": round(form.number("accuracy")),
                "area": form.text("area"),
            },
            "languages": form.text("languages").replace(",", " ").split(),
            "time_zone": form.text("time-zone"),
            "hardware": form.text("hardware"),
            "network": form.text("network"),
            **{part: part in form.text("tells").split() for part in ("screen", "voice")},
            "pins": pins([f"{part}={line}" for part in PARTS.values() if (line := form.text(f"pin-{part}"))]),
        }
    )
    out, label = _card_place(call, form, plan.id), call.console.downloads.place(f"{plan.id}-label.pdf")
    claim = cards.add(call.office, plan, call.office.keys(form.secret()), out, label, wifi=_wifi(form, plan.network))
    return call.tell(_card_done(call, phrase("Kiosk {kiosk} is added", kiosk=plan.id), plan.id, out, claim))


def _show_card(call: Call) -> Response:
    state = call.office.state()
    return call.page("kiosk_card.html", state=state, kiosk=state.kiosk(call.path["kiosk"]))


def _card(call: Call, form: Form) -> Response:
    plan = call.office.state().kiosk(call.path["kiosk"]).plan
    kiosk = plan.id
    out = _card_place(call, form, kiosk)
    wifi = _wifi(form, plan.network)
    claim = cards.new_card(call.office, kiosk, call.office.keys(form.secret()), out, wifi=wifi)
    return call.tell(_card_done(call, phrase("Kiosk {kiosk} has a new card", kiosk=kiosk), kiosk, out, claim))


def _wifi(form: Form, network: Network) -> Wifi | None:
    """Give the Wi-Fi that was typed, for a kiosk that is to use one. Raises LocalError."""
    return Wifi(form.text("wifi"), form.secret("passphrase-wifi")) if network is Network.WIFI else None


def _card_place(call: Call, form: Form, kiosk: str) -> Path:
    """Give the place that was chosen for a card: to be fetched by the browser, or a folder of this computer."""
    if form.text("where") != "folder":
        return call.console.downloads.place(f"{kiosk}-card.zip")
    path = Path(form.text("folder")).expanduser()
    if not form.text("folder") or not path.is_absolute():
        raise LocalError(
            phrase("the folder for the card is no full path"), next_step=phrase("Write it from the first / on.")
        )
    return path


def _card_done(call: Call, title: str, kiosk: str, out: Path, claim: Claim) -> Done:
    fetched = out.name.endswith("-card.zip") and out.parent.parent == call.console.downloads.folder
    words = phrase("the file below, unpacked") if fetched else str(out)
    return Done(
        title,
        [*card_written(words, claim), phrase("Print the label and stick it onto the case.")],
        downloads={phrase("Fetch the card's files ({file})", file=out.name): call.console.downloads.offer(out)}
        if fetched
        else {},
        next_pages={
            phrase("Print the label"): f"/kiosks/{kiosk}/label",
            phrase("To {kiosk}", kiosk=kiosk): f"/kiosks/{kiosk}",
        },
    )


def _label(call: Call) -> Response:
    return Response(cards.label(call.office, call.path["kiosk"]), media_type="application/pdf")


# -- Into service and out of it ----------------------------------------------------------------------------------------


def _show_certify(call: Call) -> Response:
    state = call.office.state()
    return call.page("kiosk_certify.html", state=state, kiosk=state.kiosk(call.path["kiosk"]))


def _certify(call: Call, form: Form) -> Response:
    kiosk = call.path["kiosk"]
    signing, tls = (form.file(name) for name in ("signing", "tls"))
    out = call.console.downloads.place(f"{kiosk}-back.zip")
    enrolment.certify(call.office, kiosk, signing, tls, call.office.keys(form.secret()), out)
    return call.tell(
        Done(
            phrase("Kiosk {kiosk} is in service", kiosk=kiosk),
            enrolled(phrase("what is in the file below"), call.office.directory.to_copy),
            downloads={
                phrase("Fetch what goes back to the kiosk ({file})", file=out.name): call.console.downloads.offer(out)
            },
            next_pages={phrase("To {kiosk}", kiosk=kiosk): f"/kiosks/{kiosk}"},
        )
    )


def _show_revoke(call: Call) -> Response:
    state = call.office.state()
    kiosk = state.kiosk(call.path["kiosk"])
    will = will_revoke(state) if kiosk.revoked_at is None else []
    return call.page("kiosk_revoke.html", state=state, kiosk=kiosk, will=will)


def _revoke(call: Call, form: Form) -> Response:
    kiosk = call.path["kiosk"]
    if form.text("name") != kiosk:
        raise FleetError(
            phrase("{typed} is not {kiosk}: nothing was changed", typed=repr(form.text("name")), kiosk=kiosk),
            next_step=phrase("Look again at which one you mean."),
        )
    keys = call.office.keys(form.secret())

    def act() -> list[Step]:
        return revocation.revoke(call.office, kiosk, keys)

    reception = call.console.reception
    steps = reception.alone(act) if reception is not None and reception.is_open else act()
    return call.tell(
        Done(
            phrase("Kiosk {kiosk} is revoked", kiosk=kiosk),
            revoked(kiosk, call.office.directory.to_copy),
            next_pages={
                phrase("Put another kiosk in its place"): f"/kiosks/{kiosk}/replace",
                phrase("To the fleet"): "/",
            },
            steps=steps,
        )
    )


def _show_replace(call: Call) -> Response:
    state = call.office.state()
    return call.page("kiosk_replace.html", state=state, kiosk=state.kiosk(call.path["kiosk"]))


def _replace(call: Call, form: Form) -> Response:
    kiosk, successor = call.path["kiosk"], form.text("successor")
    check_name(successor, taken=[])
    out, label = _card_place(call, form, successor), call.console.downloads.place(f"{successor}-label.pdf")
    wifi = _wifi(form, call.office.state().kiosk(kiosk).plan.network)
    keys = call.office.keys(form.secret())
    claim = cards.add_successor(call.office, kiosk, successor, keys, out, label, wifi=wifi)
    return call.tell(
        _card_done(
            call,
            phrase("Kiosk {successor} is added in the place of {kiosk}", successor=successor, kiosk=kiosk),
            successor,
            out,
            claim,
        )
    )
