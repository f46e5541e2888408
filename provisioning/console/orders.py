"""The page that orders kiosks otherwise: what would change is shown first, then signed and sent."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from edge_agent.errors import BrokerError, HomewardError, LocalError
from edge_agent.wire.orders import SETTINGS, Mode
from provisioning.acts import orders
from provisioning.console.call import Done, acting
from provisioning.decisions.orders import AS_IT_CAME, with_orders
from provisioning.intentions import ordered_notice, ordered_settings
from provisioning.languages import phrase
from provisioning.office_link import OfficeLink
from provisioning.words import orders_change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from edge_agent.wire.orders import OrderedNotice
    from provisioning.console.call import Call, Form
    from provisioning.decisions.orders import AsItCame
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


@dataclasses.dataclass(frozen=True, slots=True)
class _Wish:
    """What is to be ordered."""

    mode: Mode | None
    changes: dict[str, str | float | None]
    notice: OrderedNotice | AsItCame | None


def _wanted(typed: Mapping[str, str]) -> _Wish:
    """Give what is to be ordered. Raises LocalError."""
    mode = Mode(typed["mode"]) if typed.get("mode") in {Mode.SERVE, Mode.PAUSE} else None
    lines = [line for line in typed.get("set", "").splitlines() if line.strip()]
    changes = ordered_settings(lines, typed.get("unset", "").split())
    text = typed.get("notice", "").strip()
    notice = AS_IT_CAME if typed.get("own-notice") else ordered_notice(text) if text else None
    if mode is None and not changes and notice is None:
        raise LocalError(
            phrase("there is nothing to order"), next_step=phrase("Choose a mode, or write a setting or a notice.")
        )
    return _Wish(mode, changes, notice)


def _chosen(state: State, typed: Mapping[str, str]) -> list[str]:
    return [typed["kiosk"]] if typed.get("kiosk") else state.in_service


def _changes(state: State, typed: Mapping[str, str], now: int) -> dict[Difference, list[str]]:
    """Give each difference with the kiosks that have it."""
    wish = _wanted(typed)
    chosen = _chosen(state, typed)
    ordered = with_orders(state, chosen, now=now, mode=wish.mode, changes=wish.changes, notice=wish.notice)
    after = {one.plan.id: one.orders for one in ordered.kiosks}
    before = {one.plan.id: one.orders for one in state.kiosks}
    found: dict[Difference, list[str]] = {}
    for name in chosen:
        found.setdefault(tuple(orders_change(before[name], after[name])), []).append(name)
    return found


def _order(call: Call, form: Form) -> Response:
    office, typed = call.office, form.shown_again
    wish = _wanted(typed)
    chosen = _chosen(office.state(), typed)
    keys = office.keys(form.secret())
    letters = orders.order(office, chosen, keys, mode=wish.mode, changes=wish.changes, notice=wish.notice)
    return call.tell(
        Done(
            phrase("It is ordered"),
            [
                _sent(call, keys, letters),
                phrase("The fleet's page says which version each kiosk runs, once it is heard again."),
            ],
            next_pages={phrase("To the fleet"): "/"},
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
        return phrase("It is not sent yet: {why}. It goes out when the office listens.", why=fault.what)
    return phrase(
        "{heard} of {ordered} hear it now. The others get it when the office hears of them.",
        heard=heard,
        ordered=len(letters),
    )
