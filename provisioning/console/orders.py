"""The page that orders kiosks otherwise: what would change is shown first, then signed and sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edge_agent.errors import BrokerError, HomewardError, LocalError
from edge_agent.wire.orders import SETTINGS, Mode
from provisioning.console.call import Done, acting
from provisioning.fleet import with_orders
from provisioning.intentions import ordered_settings
from provisioning.office_link import OfficeLink
from provisioning.words import orders_change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provisioning.console.call import Call, Form
    from provisioning.fleet import State
    from provisioning.office import Keys
    from provisioning.office_link import Letter

    Difference = tuple[tuple[str, str], ...]


def routes() -> list[BaseRoute]:
    """Give the page."""
    return [acting("/order", _show, _order)]


def _show(call: Call) -> Response:
    """Show the form; once it was filled in, the difference; after a slip in it, the form again."""
    state = call.office.state()
    if not call.typed.get("look"):
        return _form(call, state)
    try:
        changes = _changes(state, call.typed, call.office.now)
    except HomewardError as fault:
        return _form(dataclasses.replace(call, fault=fault), state)
    return call.page("order_sign.html", state=state, changes=changes)


def _form(call: Call, state: State) -> Response:
    kiosk = call.typed.get("kiosk", "")
    standing = state.kiosk(kiosk).orders if kiosk else None
    return call.page("order.html", state=state, kiosk=kiosk, standing=standing, settings=list(SETTINGS))


def _wanted(typed: Mapping[str, str]) -> tuple[Mode | None, dict[str, str | float | None]]:
    """Give what is to be ordered. Raises LocalError."""
    mode = Mode(typed["mode"]) if typed.get("mode") in {Mode.SERVE, Mode.PAUSE} else None
    lines = [line for line in typed.get("set", "").splitlines() if line.strip()]
    changes = ordered_settings(lines, typed.get("unset", "").split())
    if mode is None and not changes:
        raise LocalError("there is nothing to order", next_step="Choose a mode, or write a setting.")
    return mode, changes


def _chosen(state: State, typed: Mapping[str, str]) -> list[str]:
    return [typed["kiosk"]] if typed.get("kiosk") else state.in_service


def _changes(state: State, typed: Mapping[str, str], now: int) -> dict[Difference, list[str]]:
    """Give each difference with the kiosks that have it."""
    mode, wanted = _wanted(typed)
    chosen = _chosen(state, typed)
    after = {one.plan.id: one.orders for one in with_orders(state, chosen, now=now, mode=mode, changes=wanted).kiosks}
    before = {one.plan.id: one.orders for one in state.kiosks}
    found: dict[Difference, list[str]] = {}
    for name in chosen:
        found.setdefault(tuple(orders_change(before[name], after[name])), []).append(name)
    return found


def _order(call: Call, form: Form) -> Response:
    office, typed = call.office, form.shown_again
    mode, wanted = _wanted(typed)
    chosen = _chosen(office.state(), typed)
    keys = office.keys(form.secret())
    letters = office.order(chosen, keys, mode=mode, changes=wanted)
    return call.tell(
        Done(
            "It is ordered",
            [
                _sent(call, keys, letters),
                "The fleet's page says which version each kiosk runs, once it is heard again.",
            ],
            next_pages={"To the fleet": "/"},
        )
    )


def _sent(call: Call, keys: Keys, letters: Sequence[Letter]) -> str:
    """Send orders, over the door if it is open; say who hears them."""
    reception, office = call.console.reception, call.office
    try:
        if reception is not None and reception.is_open:
            heard = reception.send(letters)
        else:
            state = office.state()
            with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
                heard = sum(link.send(letters))
    except BrokerError as fault:
        return f"It is not sent yet: {fault.what}. It goes out when the office listens."
    return f"{heard} of {len(letters)} hear it now. The others get it when the office hears of them."
