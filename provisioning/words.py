"""What a screen says before an act and after it: the differences and the steps, once for every screen."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from provisioning.fleet import Condition
from provisioning.office import named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from edge_agent.wire.bundle import Recipient
    from provisioning.fleet import Kiosk, State


def moment(seconds: int) -> str:
    """Write a time (seconds since 1970) in this computer's zone, with the zone."""
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d %H:%M %Z")


def until(condition: Condition, kiosk: Kiosk) -> str:
    """Say what a kiosk's condition depends on: a day, or a command."""
    match condition:
        case Condition.WAITING:
            return f"card good until {moment(kiosk.claim.certificate.not_after)}"
        case Condition.CARD_EXPIRED:
            return f"make another: homeward-fleet card {kiosk.plan.id}"
        case Condition.IN_SERVICE:
            return f"certificate ends {moment(max(held.not_after for held in kiosk.certificates))}"
        case Condition.REVOKED:
            return f"since {moment(kiosk.revoked_at or 0)}"


def recipients_change(before: Sequence[Recipient], after: Sequence[Recipient]) -> list[tuple[str, str]]:
    """Give each recipient with a sign: ' ' stays, '-' goes, '+' comes."""
    stay = [(" " if known in after else "-", named(known)) for known in before]
    return stay + [("+", named(new)) for new in after if new not in before]


def will_revoke(state: State) -> list[str]:
    """Say what a revocation changes."""
    version = state.registered.version
    return [
        f"registry {version} -> {version + 1}: its key is trusted no more",
        "mosquitto's ACL and RabbitMQ's definitions: it may do nothing",
        "CRL: its certificates and its card's are listed",
    ]


def revoked(kiosk: str, folder: Path) -> list[str]:
    """Say what a revocation did, what is left to be done, and what nobody can know."""
    return [
        f"Done on this computer: kiosk {kiosk} is revoked. The servers don't know it yet.",
        f"Copy from {folder}, in this order:",
        "  1. mosquitto: acl and crl.pem over those there, then restart it: that ends a live session too;",
        "     RabbitMQ: definitions.json, then `rabbitmqctl import_definitions definitions.json` and",
        f"     `rabbitmqctl close_all_user_connections {kiosk} revoked`",
        "  2. each intake and each desk: registry.cose; it is taken up without a restart",
        "What can't be known: whether anybody copied what was on it. Nothing on it opens a report. Reports that still",
        "wait in its outbox are sealed, and refused from now on. Once 1 and 2 are done, nobody can send in its name.",
    ]
