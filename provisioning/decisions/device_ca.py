"""How the device CA is replaced while the fleet works. Pure.

Three steps, each an act, days apart:

1. begin: a new CA is made. Brokers, intakes and kiosks are to trust both; the old one still certifies.
2. switch: whoever must know both does, so the new one certifies from now on. Kiosks get certificates of it by renewal.
3. finish: everybody has a certificate of the new one; the old one is trusted no more.

Whether a step may be taken is what kiosks and intakes said of themselves by the last roll, and what brokers show when
they are knocked at. Who is not known to be ready is named; only by name can it be left behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge_agent.wire.keys import kid
from provisioning.certificates import CLOCK_SLACK
from provisioning.decisions.orders import ordered
from provisioning.decisions.rotation import Step, check, next_step
from provisioning.fleet import CLAIM_DAYS, DAY, Condition, FleetError, Turn
from provisioning.languages import marked, phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from provisioning.fleet import Kiosk, State
    from provisioning.fleet_view import Told, View

_UNKNOWN: Final = marked(
    "has not said what it trusts: ask again, for of a cluster one intake answers at a time; or look there yourself"
)


@dataclass(frozen=True, slots=True)
class Wait:
    """Who is not known to be ready for the next step, by the name that leaves it behind, and why."""

    name: str
    why: str


def begun(state: State, new: str, now: int) -> State:
    """Trust a new CA (PEM) beside the old one, and order kiosks to. Raises FleetError."""
    check(state, Turn.CA, Step.BEGIN)
    return _trusting(state, state.authority + new, now)


def switched(state: State, now: int) -> State:
    """Let the new CA certify. Raises FleetError."""
    check(state, Turn.CA, Step.SWITCH)
    old, new = _parts(state)
    turned = replace(state, switched=[*state.switched, Turn.CA])
    return _trusting(turned, new + old, now)


def finished(state: State, now: int) -> State:
    """Trust the new CA alone. Raises FleetError."""
    check(state, Turn.CA, Step.FINISH)
    new, _old = _parts(state)
    left = replace(state, switched=[turn for turn in state.switched if turn is not Turn.CA])
    return _trusting(left, new, now)


def waits(state: State, view: View | None, now: int) -> list[Wait]:
    """Say who is not known to be ready for the next step, by what they said; nobody has to be for the first."""
    step = next_step(state, Turn.CA)
    if step is Step.BEGIN:
        return []
    ready = _trusts_both if step is Step.SWITCH else _has_a_new_certificate
    return [*ready(state, view, now), *_intakes(state, view, step)]


def left(waiting: Iterable[Wait], behind: Sequence[str]) -> list[Wait]:
    """Give those that are not to be left behind. Raises FleetError for a name that nobody waits for."""
    waiting = list(waiting)
    unknown = set(behind) - {wait.name for wait in waiting}
    if unknown:
        raise FleetError(
            phrase("nobody waits for {names}", names=", ".join(sorted(unknown))),
            next_step=phrase("Leave out that name. Nothing was changed."),
        )
    return [wait for wait in waiting if wait.name not in behind]


def _trusting(state: State, authority: str, now: int) -> State:
    """Put CAs in force (PEM, first the one that certifies), and into the orders of every kiosk that is not revoked."""
    bundled = state.trusted.content.version
    kiosks = [k if k.revoked_at is not None else ordered(k, bundled, now) for k in state.kiosks]
    return replace(state, authority=authority, kiosks=kiosks)


def _parts(state: State) -> tuple[str, str]:
    """Give the two CAs' PEM apart."""
    end = "-----END CERTIFICATE-----\n"
    first, second, _ = state.authority.split(end)
    return first + end, second + end


def _trusts_both(state: State, view: View | None, now: int) -> Iterable[Wait]:
    runs = {} if view is None else {one.kiosk: one.orders_version or 0 for one in view.seen}
    begun_at = int((state.authorities[-1].not_valid_before_utc + CLOCK_SLACK).timestamp())
    for kiosk in state.kiosks:
        name, needed = kiosk.plan.id, kiosk.orders.version if kiosk.orders else 0
        match state.condition(kiosk, now):
            case Condition.IN_SERVICE if runs.get(name, 0) < needed:
                yield Wait(name, phrase("is not known to run orders {version}, which name both CAs", version=needed))
            case Condition.WAITING if _card_is_older(kiosk, begun_at):
                yield Wait(
                    name, phrase("has a card that knows the old CA alone: `homeward-fleet card {kiosk}`", kiosk=name)
                )
            case _:
                continue


def _card_is_older(kiosk: Kiosk, begun_at: int) -> bool:
    return kiosk.claim.certificate.not_after - CLAIM_DAYS * DAY <= begun_at


def _has_a_new_certificate(state: State, view: View | None, _now: int) -> Iterable[Wait]:
    new = kid(state.in_force(Turn.CA)).hex()
    seen = {} if view is None else {one.kiosk: one for one in view.seen}
    for name in state.in_service:
        if name not in seen:
            yield Wait(name, phrase("has never been heard"))
        elif seen[name].certified_by != new:
            yield Wait(name, phrase("was last heard with a certificate of the old CA"))


def _intakes(state: State, view: View | None, step: Step) -> Iterable[Wait]:
    new = kid(state.named(Turn.CA)[-1]).hex()
    told: dict[str, Told] = {} if view is None else {one.intake: one for one in view.intakes}
    for name in state.intakes:
        said = told.get(name)
        if said is None:
            yield Wait(name, phrase(_UNKNOWN))
        elif new not in said.authorities:
            yield Wait(name, phrase("does not trust the new CA: copy ca.pem there, and start it again"))
        elif step is Step.FINISH and said.certified_by != new:
            why = phrase("has a certificate of the old CA: `homeward-fleet intake --replace`, and start it again")
            yield Wait(name, why)
