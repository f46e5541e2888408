"""The page that adds many kiosks from a list: what would be added is shown first, then all of them are added, or none.

Each step sends the whole list, so that nothing of it is kept between them.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Final

from edge_agent.errors import LocalError
from provisioning import kiosks_file
from provisioning.acts import cards
from provisioning.console.call import Done, acting
from provisioning.decisions import claims
from provisioning.fleet import Network
from provisioning.languages import phrase
from provisioning.wifi import Wifi
from provisioning.words import cards_written

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provisioning.console.call import Call, Form
    from provisioning.fleet import Plan, State

_LARGEST: Final = 256 * 1024  # some thousands of kiosks


def routes() -> list[BaseRoute]:
    """Give the page."""
    return [acting("/add/many", _show, _add, largest=_LARGEST)]


def _show(call: Call) -> Response:
    """Show the form; once a list was given, what it would add; after a slip in it, the form again with the list."""
    state = call.office.state()
    if not call.typed.get("shown"):
        return _form(call, state)
    try:
        plans = _plans(state, call.typed.get("list-pasted", ""))
    except LocalError as fault:
        return _form(dataclasses.replace(call, fault=fault), state)
    return call.page("kiosks_add_these.html", state=state, plans=plans, uses_wifi=_uses_wifi(plans))


def _form(call: Call, state: State) -> Response:
    return call.page("kiosks_add.html", state=state, needed=kiosks_file.NEEDED, usual=kiosks_file.USUAL)


def _add(call: Call, form: Form) -> Response:
    text = form.document("list")
    if not form.text("shown"):
        return _show(dataclasses.replace(call, typed={"list-pasted": text, "shown": "yes"}))
    plans = _plans(call.office.state(), text)
    wifi = Wifi(form.text("wifi"), form.secret("passphrase-wifi")) if _uses_wifi(plans) else None
    out = call.console.downloads.place("kiosks-cards.zip")
    made = cards.add_many(call.office, plans, call.office.keys(form.secret()), out, wifi=wifi)
    return call.tell(
        Done(
            phrase("Kiosks added: {count}", count=len(made)),
            cards_written(phrase("the file below, unpacked"), made),
            downloads={phrase("Fetch the cards and labels ({file})", file=out.name): call.console.downloads.offer(out)},
            next_pages={phrase("To the fleet"): "/"},
        )
    )


def _plans(state: State, text: str) -> Sequence[Plan]:
    """Read the list. Which Wi-Fi its kiosks are to use is asked for once it is shown. Raises LocalError."""
    return kiosks_file.plans(text, partial(claims.check_new, state))


def _uses_wifi(plans: Sequence[Plan]) -> bool:
    return any(plan.network is Network.WIFI for plan in plans)
