"""What the office sends to kiosks and intakes of its own accord, signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.wire import orders as wire
from edge_agent.wire import roll
from edge_agent.wire.roll import What
from edge_agent.wire.topics import Address, Channel, Desk, desk
from provisioning.decisions.orders import orders_for
from provisioning.decisions.permission import check_signs
from provisioning.office_link import Letter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provisioning.fleet import State
    from provisioning.office import Keys


def orders(state: State, kiosks: Sequence[str], keys: Keys) -> list[Letter]:
    """Sign the orders that stand for these kiosks, those that have any, as they are sent. Raises FleetError."""
    check_signs(state, keys.orders)
    chosen = set(kiosks)
    standing = [orders_for(state, known) for known in state.kiosks if known.plan.id in chosen]
    return [
        Letter(Address(state.fleet, one.kiosk).topic(Channel.ORDERS), wire.sign(one, keys.orders))
        for one in standing
        if one is not None
    ]


def trust(state: State) -> list[Letter]:
    """Give the bundle and the registry in force as they are sent to the intakes."""
    parts = roll.split(What.BUNDLE, state.trusted.content.version, state.bundle)
    parts += roll.split(What.REGISTRY, state.registered.version, state.registry)
    return [Letter(desk(state.fleet, Desk.TRUST), part) for part in parts]
