"""Orders: what the fleet tells a kiosk to do, signed, with a version that never goes back."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

import msgspec

from edge_agent.errors import RolledBackError, UnknownSignerError
from edge_agent.wire import cose
from edge_agent.wire.consent import Seconds
from edge_agent.wire.documents import Document, Integer, Version, from_cbor, to_cbor
from edge_agent.wire.topics import Id

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.topics import Address

TYPE: Final = cose.media_type("orders")


SETTINGS: Final[dict[str, type]] = {  # what orders may change of a kiosk's settings; a list is written with commas
    "consent.languages": str,
    "consent.days_kept": int,
    "consent.ask_partners": bool,
    "consent.ask_public_appeal": bool,
    "consent.kept_where": str,
    "site.id": str,
    "site.name": str,
    "site.area": str,
    "site.latitude": float,
    "site.longitude": float,
    "site.accuracy_m": int,
    "pace.hold_s": float,
    "pace.silence_s": float,
    "pace.warning_s": float,
    "pace.code_shown_s": float,
    "pace.notice_shown_s": float,
    "outbox.max_bytes": int,
    "outbox.max_records": int,
    "outbox.keep_free_bytes": int,
    "delivery.window": int,
    "delivery.receipt_timeout_s": float,
    "delivery.refused_again_s": float,
    "delivery.status_every_s": float,
}


class Mode(StrEnum):
    """Whether the kiosk serves people."""

    SERVE = "serve"
    PAUSE = "pause"  # takes no reports, delivers what it has
    WIPE = "wipe"  # stolen: erases its keys


class Orders(Document, frozen=True, kw_only=True):
    """All that is in force for one kiosk; each version stands alone. `settings` are dotted keys of the kiosk's TOML."""

    fleet: Id
    kiosk: Id
    version: Version
    issued_at: Seconds
    mode: Mode
    settings: dict[str, str | Integer | float | bool] = msgspec.field(default_factory=dict)
    bundle: bytes | None = None  # a newer signed recipient bundle


def sign(orders: Orders, signer: Signer) -> bytes:
    """Sign orders with the fleet's orders key."""
    return cose.sign1(to_cbor(orders), signer, TYPE)


def trust(data: bytes, bundle: TrustedBundle, address: Address, *, newer_than: int) -> Orders:
    """Verify signed orders for the kiosk at `address`.

    Raises UnknownSignerError for another signer, fleet or kiosk, RolledBackError when the version is not above
    `newer_than`, and any other WireError.
    """
    orders = from_cbor(cose.verify1(data, TYPE, bundle.order_key, max_bytes=Orders.MAX_BYTES), Orders)
    if (orders.fleet, orders.kiosk) != (address.fleet, address.kiosk):
        raise UnknownSignerError("orders for another kiosk")
    if orders.version <= newer_than:
        raise RolledBackError(f"orders version {orders.version} is not newer than {newer_than}, which is in force")
    return orders
