"""The pages on which keys are replaced: what the next step of each changes, who is not ready, the step itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import LocalError
from edge_agent.wire.keys import kid
from provisioning.acts import device_ca, rotation
from provisioning.acts.sending import send
from provisioning.console.call import Done, acting, looking
from provisioning.decisions import device_ca as of_ca
from provisioning.decisions.rotation import Step, next_step, waits_for
from provisioning.fleet import FleetError, Turn
from provisioning.languages import phrase
from provisioning.words import ca_rotated, intakes_say, key_named, rotated, rotation_change, rotation_step, sent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.responses import Response
    from starlette.routing import BaseRoute

    from provisioning.console.call import Call, Form
    from provisioning.fleet import State


def routes() -> list[BaseRoute]:
    """Give the pages."""
    return [looking("/rotation", _list), acting("/rotation/{key}", _show, _step)]


def _list(call: Call) -> Response:
    state = call.office.state()
    view = call.office.rolls.read()
    return call.page(
        "rotation.html",
        state=state,
        keys=[_row(call, state, turn) for turn in Turn],
        intakes=intakes_say(state, view),
        heard=None if view is None else view.at,
    )


def _row(call: Call, state: State, turn: Turn) -> dict[str, object]:
    step = next_step(state, turn)
    return {
        "turn": turn,
        "name": key_named(turn),
        "kid": kid(state.in_force(turn)).hex(),
        "step": step,
        "sentence": rotation_step(turn, step),
        "waits": [f"{name} {why}".strip() for name, why in _waits(call, state, turn)],
    }


def _waits(call: Call, state: State, turn: Turn) -> list[tuple[str, str]]:
    """Say who is not known to be ready: a name by which to leave it behind, where there is one, and why."""
    view = call.office.rolls.read()
    if turn is Turn.CA:
        return [(wait.name, wait.why) for wait in of_ca.waits(state, view, call.office.now)]
    return [("", why) for why in waits_for(state, turn, view)]


def _turn(call: Call) -> Turn:
    try:
        return Turn(call.path["key"])
    except ValueError:
        raise LocalError(phrase("there is no such key"), next_step=phrase("See which there are: /rotation.")) from None


def _show(call: Call) -> Response:
    state, turn = call.office.state(), _turn(call)
    step = next_step(state, turn)
    return call.page(
        "rotation_step.html",
        state=state,
        turn=turn,
        name=key_named(turn),
        step=step,
        sentence=rotation_step(turn, step),
        change=rotation_change(state, turn),
        waits=_waits(call, state, turn),
        brokers=state.brokers if turn is Turn.CA and step is not Step.BEGIN else [],
        root=turn is not Turn.CA and step is not Step.SWITCH,
    )


def _step(call: Call, form: Form) -> Response:
    state, turn = call.office.state(), _turn(call)
    if form.text("step") != str(int(next_step(state, turn))):
        raise FleetError(
            phrase("another step comes next by now: somebody took this one"),
            next_step=phrase("Look again at what it changes."),
        )

    def act() -> Done:
        return _ca(call, form) if turn is Turn.CA else _signing_key(call, form, turn)

    reception = call.console.reception
    return call.tell(reception.alone(act) if reception is not None and reception.is_open else act())


def _ca(call: Call, form: Form) -> Done:
    office, words = call.office, form.secret()
    step = next_step(office.state(), Turn.CA)
    behind = form.values.get("behind", [])
    state = device_ca.step(office, words, behind)
    lines = [*ca_rotated(step, office.directory.to_copy, behind, cluster=state.cluster), *device_ca.in_force(state)]
    return _done(call, Turn.CA, step, [*lines, sent(send(office, state, office.keys(words)))], {})


def _signing_key(call: Call, form: Form, turn: Turn) -> Done:
    office, words = call.office, form.secret()
    before = office.state()
    step = next_step(before, turn)
    late = waits_for(before, turn, office.rolls.read())
    if late and form.text("anyway") != "yes":
        raise FleetError(
            phrase("the step before has not reached everybody: {who}", who="; ".join(late)),
            next_step=phrase("Let kiosks in, which asks them; or say that you go on without them."),
        )
    downloads: dict[str, str] = {}
    out: Path | None = None
    if step is Step.SWITCH:
        out = call.console.downloads.place("receipt-key.zip") if turn is Turn.RECEIPTS else None
        state = rotation.switch(office, turn, words, out)
        if out is not None:
            downloads[phrase("Fetch the new receipt key ({file})", file=out.name)] = call.console.downloads.offer(out)
    else:
        root = office.root(Path(form.text("root")).expanduser(), form.secret("passphrase-root"))
        state = (rotation.begin if step is Step.BEGIN else rotation.finish)(office, turn, words, root)
    lines = rotated(turn, step, office.directory.to_copy, None if out is None else phrase("the file below, unpacked,"))
    return _done(call, turn, step, [*lines, sent(send(office, state, office.keys(words)))], downloads)


def _done(call: Call, turn: Turn, step: Step, lines: Sequence[str], downloads: dict[str, str]) -> Done:
    door = call.console.reception is not None and call.console.reception.is_open
    closes = [phrase("The door closes: open it again with the passphrase.")] if door and step is Step.SWITCH else []
    return Done(
        phrase("{name}: step {step} of 3 is done", name=key_named(turn), step=int(step)),
        [*lines, *closes],
        downloads=downloads,
        next_pages={phrase("To the keys"): "/rotation", phrase("Let kiosks in"): "/enrol"},
    )
