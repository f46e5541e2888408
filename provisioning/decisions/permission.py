"""Whether anything may be done at all: the clock, the root's paper, the keys that were opened, the bundle's life."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provisioning.fleet import CLOCK_SLACK, DAY, EARLIEST, LONGEST_PAUSE_DAYS, ClockError, FleetError, Turn
from provisioning.languages import phrase

if TYPE_CHECKING:
    from edge_agent.wire.keys import Signer
    from provisioning.certificates import Authority
    from provisioning.fleet import State


def check_clock(now: int, last: int | None, *, believed: bool = False) -> None:
    """Raise ClockError when this computer's clock can't be right, by the time of the last act.

    `believed` is a person's word that a jump ahead is real. A clock that is behind is never believed.
    """
    if now < max(EARLIEST, (last or 0) - CLOCK_SLACK):
        raise ClockError(
            phrase("this computer's clock is behind: it is earlier than this fleet's last act"),
            next_step=phrase("Set date and time, and begin again. Nothing was changed."),
        )
    if last is not None and now - last > LONGEST_PAUSE_DAYS * DAY and not believed:
        raise ClockError(
            phrase(
                "this computer's clock says that {days} days have passed since the fleet's last act",
                days=(now - last) // DAY,
            ),
            next_step=phrase(
                "Check date and time. If they are right, say so with --clock-is-right. Nothing was changed."
            ),
        )


def check_proven(state: State) -> None:
    """Raise FleetError while nobody has shown that the root's paper reads back."""
    if not state.backup_proven:
        raise FleetError(
            phrase("nobody has shown yet that the root's paper can be read back"),
            next_step=phrase(
                "Take the printed sheets and run `homeward-fleet backup prove`. Without them a lost "
                "stick ends the fleet."
            ),
        )


def check_signs(state: State, orders: Signer) -> None:
    """Raise FleetError when another orders key signs by now: these keys were opened before that."""
    if orders.public_key != state.in_force(Turn.ORDERS):
        raise FleetError(
            phrase("the orders key was replaced since these keys were opened"),
            next_step=phrase("Close this, and begin again with the passphrase. Nothing was changed."),
        )


def check_certifies(state: State, authority: Authority) -> None:
    """Raise FleetError when another CA certifies by now: these keys were opened before that."""
    if authority.public_key != state.in_force(Turn.CA):
        raise FleetError(
            phrase("the CA was replaced since these keys were opened"),
            next_step=phrase("Close this, and begin again with the passphrase. Nothing was changed."),
        )


def check_alive(state: State, now: int) -> None:
    """Raise FleetError when the bundle in force has expired: a kiosk with it would take no report."""
    if now > state.trusted.content.expires_at:
        raise FleetError(
            phrase("the recipient bundle has expired: a kiosk with it takes no reports"),
            next_step=phrase("Sign it anew, with the root: `homeward-fleet recipients renew`."),
        )
