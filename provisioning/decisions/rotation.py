"""How the receipt key or the orders key is replaced without a moment in which what is under way is not believed. Pure.

Three steps, each an act, days apart:

1. begin: a new key is made; the bundle names both; the old one still signs. Kiosks and intakes take up the bundle.
2. switch: they all know both, so the new one signs from now on. What the old one signed is still believed.
3. finish: nothing is signed by the old one any more; the bundle names the new one alone.

Which step is next stands in the state. Whether it may be taken is what kiosks said of themselves, by the last roll.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from edge_agent.wire.keys import kid
from provisioning.decisions.trust import with_bundle, with_registry
from provisioning.fleet import FleetError, Turn
from provisioning.languages import phrase

if TYPE_CHECKING:
    from edge_agent.wire.keys import Signer
    from provisioning.fleet import State
    from provisioning.fleet_view import View

_NAMED: Final = 10  # kiosks; more are counted


class Step(IntEnum):
    """What comes next in a rotation."""

    BEGIN = 1
    SWITCH = 2
    FINISH = 3


def next_step(state: State, turn: Turn) -> Step:
    """Say which step comes next."""
    if len(state.named(turn)) == 1:
        return Step.BEGIN
    return Step.FINISH if turn in state.switched else Step.SWITCH


def check(state: State, turn: Turn, step: Step) -> None:
    """Raise FleetError when another step comes next: somebody else took this one meanwhile."""
    if next_step(state, turn) is not step:
        raise FleetError(
            phrase("step {step} of 3 is not what comes next for the {turn} key", step=step, turn=turn),
            next_step=phrase("Look again: `homeward-fleet rotate {turn} --dry-run`. Nothing was changed.", turn=turn),
        )


def begun(state: State, turn: Turn, new: bytes, root: Signer, *, now: int) -> State:
    """Name a new key (a point of 65 bytes) beside the old one. Raises FleetError."""
    check(state, turn, Step.BEGIN)
    return _naming(state, turn, [*state.named(turn), new], root, now)


def switched(state: State, turn: Turn, new: Signer, *, now: int) -> State:
    """Let the new key sign; the registry is signed anew with the orders key. Raises FleetError."""
    check(state, turn, Step.SWITCH)
    turned = replace(state, switched=[*state.switched, turn])
    return turned if turn is Turn.RECEIPTS else with_registry(turned, state.registered.keys, new, now)


def finished(state: State, turn: Turn, root: Signer, *, now: int) -> State:
    """Name the new key alone. Raises FleetError."""
    check(state, turn, Step.FINISH)
    left = replace(state, switched=[other for other in state.switched if other is not turn])
    return _naming(left, turn, state.named(turn)[-1:], root, now)


def waits_for(state: State, turn: Turn, view: View | None) -> list[str]:
    """Say why the next step must wait, a sentence each; nothing when it need not."""
    step, needed = next_step(state, turn), state.trusted.content.version
    if step is Step.BEGIN:
        return []
    runs = {} if view is None else {one.kiosk: one.bundle_version or 0 for one in view.seen}
    late = [name for name in state.in_service if runs.get(name, 0) < needed]
    waits = []
    if late:
        some = ", ".join(late[:_NAMED])
        if len(late) > _NAMED:
            some = phrase("{some} and {count} more", some=some, count=len(late) - _NAMED)
        waits.append(phrase("not known to run bundle {bundle}: {who}", bundle=needed, who=some))
    new = kid(state.named(turn)[-1]).hex()
    if step is Step.FINISH and turn is Turn.RECEIPTS and (view is None or view.signed_by != new):
        waits.append(phrase("no intake has answered yet with the new key {key}", key=new))
    return waits


def _naming(state: State, turn: Turn, keys: list[bytes], root: Signer, now: int) -> State:
    if root.public_key.hex() != state.root:
        raise FleetError(
            phrase("this is another fleet's root key"), next_step=phrase("Name this fleet's, with --root.")
        )
    content = state.trusted.content
    named = replace(content, receipt_keys=keys) if turn is Turn.RECEIPTS else replace(content, order_keys=keys)
    successor = replace(named, version=content.version + 1, issued_at=max(now, content.issued_at))
    return with_bundle(state, successor, root, now)
