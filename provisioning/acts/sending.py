"""Bring what was signed to those who listen now; the others get it when the office hears of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge_agent.errors import BrokerError
from provisioning import letters
from provisioning.office_link import OfficeLink

if TYPE_CHECKING:
    from provisioning.fleet import State
    from provisioning.office import Keys, Office


@dataclass(frozen=True, slots=True)
class Sent:
    """Whether an intake was told, how many kiosks of how many hear their orders now; or why nothing was sent."""

    told: bool = False
    heard: int = 0
    ordered: int = 0
    problem: str = ""


def send(office: Office, state: State, keys: Keys) -> Sent:
    """Send bundle and registry to the intakes, and orders to the kiosks in service."""
    try:
        with OfficeLink(keys.authority, state.fleet, state.brokers, office.time) as link:
            told = all(link.send(letters.trust(state)))
            ordered = letters.orders(state, state.in_service, keys)
            return Sent(told, sum(link.send(ordered)), len(ordered))
    except BrokerError as fault:
        return Sent(problem=fault.what)
