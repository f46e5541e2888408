"""The page that accounts for everything: the audit log, verified each time it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from provisioning.console.call import looking

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provisioning.console.call import Call

_PAGE_SIZE: Final = 50


def routes() -> list[BaseRoute]:
    """Give the page."""
    return [looking("/log", _log)]


def _log(call: Call) -> Response:
    state = call.office.state()
    log = call.office.directory.log(state)
    noted = call.typed.get("noted", "").strip()
    newest = log.entries[::-1]
    last = max(1, -(-len(newest) // _PAGE_SIZE))
    asked = call.typed.get("page", "1")
    number = min(max(1, int(asked) if asked.isascii() and asked.isdecimal() else 1), last)
    return call.page(
        "log.html",
        state=state,
        entries=newest[(number - 1) * _PAGE_SIZE : number * _PAGE_SIZE],
        acts=len(newest),
        head=newest[0].head[:32],
        noted=noted,
        holds=log.holds(noted) if noted else None,
        number=number,
        last=last,
    )
