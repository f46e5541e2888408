"""The pages for who can open reports. Each change is shown as a difference first, then signed with the root."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.errors import LocalError
from edge_agent.wire.bundle import Holder
from provisioning.acts import recipients
from provisioning.console.call import Done, acting, go, looking
from provisioning.decisions.trust import check_recipients
from provisioning.intentions import recipient_of
from provisioning.languages import phrase
from provisioning.words import bundle_signed, recipients_change

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from edge_agent.wire.bundle import Recipient
    from provisioning.console.call import Call, Form
    from provisioning.fleet import State

_DAYS: Final = 730


def routes() -> list[BaseRoute]:
    """Give the pages."""
    return [
        looking("/recipients", _list),
        acting("/recipients/add", _show_add, _show_change_of),
        acting("/recipients/sign", _show_change, _sign),
    ]


def _list(call: Call) -> Response:
    state = call.office.state()
    return call.page("recipients.html", state=state, content=state.trusted.content)


def _show_add(call: Call) -> Response:
    return call.page("recipients_add.html", state=call.office.state())


def _show_change_of(call: Call, form: Form) -> Response:
    (_, line), *_others = form.lines("key") or [("", "")]
    typed = {"change": "add", "holder": form.text("holder"), "line": line.strip()}
    return _show_change(_with(call, typed))


def _show_change(call: Call) -> Response:
    state = call.office.state()
    if not call.typed.get("change"):
        return go("/recipients")
    before = state.trusted.content.recipients
    after = _after(state, call.typed)
    check_recipients(after)
    return call.page(
        "recipients_sign.html",
        state=state,
        version=state.trusted.content.version,
        change=recipients_change(before, after),
        days=_DAYS,
    )


def _sign(call: Call, form: Form) -> Response:
    office = call.office
    root = Path(form.text("root")).expanduser()
    after = _after(office.state(), call.typed)
    version = recipients.set_recipients(office, after, office.root(root, form.secret()), _DAYS)
    return call.tell(
        Done(
            phrase("The new list is signed"),
            [
                *bundle_signed(version, office.directory.to_copy),
                phrase("Take the stick with the root out again, and put it away."),
            ],
            next_pages={phrase("Who can open reports"): "/recipients"},
        )
    )


def _after(state: State, typed: Mapping[str, str]) -> Sequence[Recipient]:
    """Give the recipients after a change. Raises LocalError."""
    before = state.trusted.content.recipients
    match typed.get("change"):
        case "add":
            holder = Holder.ESCROW if typed.get("holder") == Holder.ESCROW else Holder.CASEWORKER
            return [*before, recipient_of(phrase("this key"), typed.get("line", ""), holder)]
        case "remove":
            left = [known for known in before if known.name != typed.get("name")]
            if left == before:
                raise LocalError(
                    phrase("there is no recipient {name}", name=repr(typed.get("name"))),
                    next_step=phrase("See `homeward-fleet recipients list`."),
                )
            return left
        case _:
            return before


def _with(call: Call, typed: Mapping[str, str]) -> Call:
    return type(call)(call.console, call.office, call.path, typed)
