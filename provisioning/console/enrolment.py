"""The page where new kiosks come in: who asks, with which six words, and what staff say to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.errors import LocalError
from provisioning.console.call import Done, acting, go
from provisioning.console.reception import Reception
from provisioning.languages import phrase
from provisioning.words import registry_to_copy

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provisioning.console.call import Call, Form


def routes() -> list[BaseRoute]:
    """Give the pages."""
    return [acting("/enrol", _show, _open_or_close), acting("/enrol/{request}", _show_one, _decide)]


def _show(call: Call) -> Response:
    state, reception = call.office.state(), call.console.reception
    if reception is None or not reception.is_open:
        fault = None if reception is None else reception.fault
        return call.page("enrol_closed.html", state=state, ended=fault)
    pending, refused, renewed = reception.look()
    sites = {kiosk.plan.id: kiosk.plan.site for kiosk in state.kiosks}
    asked = [applicant.kiosk for applicant in pending]
    return call.page(
        "enrol.html",
        state=state,
        pending=pending,
        sites=sites,
        twice={kiosk for kiosk in asked if asked.count(kiosk) > 1},
        refused=refused,
        renewed=renewed,
    )


def _open_or_close(call: Call, form: Form) -> Response:
    console = call.console
    if console.reception is not None:
        console.reception.close()
        console.reception = None
    if form.text("close"):
        return go("/")
    console.reception = Reception(call.office.later, call.office.keys(form.secret()))
    return go("/enrol")


def _reception(call: Call) -> Reception:
    if call.console.reception is None or not call.console.reception.is_open:
        raise LocalError(
            phrase("nobody listens for kiosks now"), next_step=phrase("Open the door again: `homeward-fleet enrol`.")
        )
    return call.console.reception


def _show_one(call: Call) -> Response:
    applicant = _reception(call).applicant(call.path["request"])
    state = call.office.state()
    return call.page("enrol_one.html", state=state, applicant=applicant, site=state.kiosk(applicant.kiosk).plan.site)


def _decide(call: Call, form: Form) -> Response:
    reception = _reception(call)
    applicant = reception.applicant(call.path["request"])
    kiosk = applicant.kiosk
    pages = {phrase("Back to who asks"): "/enrol", phrase("To {kiosk}", kiosk=kiosk): f"/kiosks/{kiosk}"}
    if form.text("same") == "no":
        reception.refuse(applicant)
        lines = [
            phrase(
                "If {kiosk} shows other words than these, somebody has a copy of its card: make another.", kiosk=kiosk
            )
        ]
        return call.tell(Done(phrase("The request for {kiosk} is refused", kiosk=kiosk), lines, next_pages=pages))
    if form.text("same") != "yes":
        raise LocalError(
            phrase("you did not say whether the words are the same"), next_step=phrase("Compare all six, then choose.")
        )
    reached = reception.approve(applicant)
    lines = [
        phrase("Its card's claim is used up, and the kiosk has its certificates.")
        if reached
        else phrase("Its answer has not reached it yet: leave the door open until it asks again."),
        registry_to_copy(call.office.directory.to_copy),
    ]
    return call.tell(Done(phrase("Kiosk {kiosk} is in service", kiosk=kiosk), lines, next_pages=pages))
