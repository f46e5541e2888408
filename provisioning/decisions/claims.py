"""A kiosk on paper: it is added with a card, and the card's claim may enrol it, once, while it lives."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from provisioning.decisions.names import check_name
from provisioning.fleet import FleetError, Kiosk
from provisioning.languages import phrase

if TYPE_CHECKING:
    from provisioning.fleet import Claim, Plan, State


def check_new(state: State, plan: Plan) -> None:
    """Raise FleetError when a kiosk can't be added under this id."""
    if plan.id in {kiosk.plan.id for kiosk in state.kiosks}:
        raise FleetError(
            phrase("there is a kiosk {kiosk} already", kiosk=plan.id),
            next_step=phrase(
                "Choose another id; ids are never used twice. For a new card of the same kiosk: "
                "`homeward-fleet card {kiosk}`.",
                kiosk=plan.id,
            ),
        )
    check_name(plan.id, taken=state.intakes)


def with_kiosk(state: State, plan: Plan, claim: Claim, *, now: int, successor_of: str = "") -> State:
    """Add a kiosk that waits for its first boot. Raises FleetError."""
    check_new(state, plan)
    added = Kiosk(plan=plan, added_at=now, claim=claim, successor_of=successor_of)
    return replace(state, kiosks=[*state.kiosks, added])


def with_claim(state: State, kiosk: str, claim: Claim) -> State:
    """Give a kiosk that was never in service another card; its earlier one is worth nothing from now on."""
    known = check_waiting(state, kiosk)
    earlier = [*known.certificates, known.claim.certificate]
    return state.having(replace(known, claim=claim, certificates=earlier))


def check_waiting(state: State, kiosk: str) -> Kiosk:
    """Give a kiosk that has not been in service. Raises FleetError."""
    known = state.kiosk(kiosk)
    if known.revoked_at is not None:
        raise FleetError(
            phrase("kiosk {kiosk} was revoked", kiosk=kiosk), next_step=phrase("Add its successor under a new id.")
        )
    if known.claim.used_at is not None:
        raise FleetError(
            phrase("kiosk {kiosk} is in service already", kiosk=kiosk),
            next_step=phrase("If it was replaced: revoke it first."),
        )
    return known
