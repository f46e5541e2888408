"""Which names are free: a broker goes by them, so each belongs to one kiosk, intake or card for good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from edge_agent.errors import MalformedError
from edge_agent.wire.topics import check_id
from provisioning.fleet import CHECKED, CHECKER, CLAIM_PREFIX, OFFICE, FleetError
from provisioning.languages import phrase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.fleet import State


def check_name(name: str, *, taken: Sequence[str]) -> None:
    """Raise FleetError for an id that is no id, or that is kept for something else."""
    try:
        check_id(name)
    except MalformedError as fault:
        raise FleetError(fault.what, next_step=phrase("Write it like urumqi-station-1.")) from fault
    if name.startswith(CLAIM_PREFIX) or name in {OFFICE, CHECKER, CHECKED, *taken}:
        raise FleetError(
            phrase("the name {name} is kept for something else", name=name), next_step=phrase("Choose another.")
        )


def with_intake(state: State, name: str) -> State:
    """Add an intake's name, if it is not there. Raises FleetError."""
    if name in state.intakes:
        return state
    check_name(name, taken=[kiosk.plan.id for kiosk in state.kiosks])
    return replace(state, intakes=[*state.intakes, name])
