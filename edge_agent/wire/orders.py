"""Orders: what the fleet tells a kiosk to do, signed, with a version that never goes back."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import msgspec

from edge_agent.errors import RolledBackError, UnknownSignerError
from edge_agent.wire import cose
from edge_agent.wire.documents import Der, Document, Integer, Version, from_cbor, to_cbor
from edge_agent.wire.fields import Language, Seconds, Text
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


PLACES: Final = {"who_sees": "{ngo}", "how_long": "{days}", "take_back": "{telephone}"}
"""What a sentence of the notice must name: who sees it, how long, how to take it back. The kiosk fills it in."""

_LONGEST: Final = 400  # characters of one sentence
_Sentence = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=_LONGEST,
        pattern=r"^(?![ ])([^\x00-\x1f\x7f-\x9f{}]|\{(ngo|telephone|days)\})+\Z",
    ),
]


class NoticeWords(Document, frozen=True, kw_only=True):
    """The notice in one language, all of it. `{ngo}`, `{telephone}` and `{days}` are filled in by the kiosk."""

    who_sees: _Sentence
    what_for: _Sentence
    how_long: _Sentence
    take_back: _Sentence
    free: _Sentence

    def __post_init__(self) -> None:
        """Refuse a notice that leaves out who sees a picture, how long, or how to take it back."""
        for sentence, place in PLACES.items():
            if place not in getattr(self, sentence):
                raise ValueError(f"{sentence} lacks {place}")


class OrderedNotice(Document, frozen=True, kw_only=True):
    """Other words for the notice, by language. `id` names them in every consent that was given after them."""

    id: Text
    words: Annotated[dict[Language, NoticeWords], msgspec.Meta(min_length=1, max_length=20)]


class Orders(Document, frozen=True, kw_only=True):
    """All that is in force for one kiosk; each version stands alone. `settings` are dotted keys of the kiosk's TOML.

    `authorities` are the CAs (X.509, DER) to trust, first the one that certifies now; absent: those of the card.
    """

    fleet: Id
    kiosk: Id
    version: Version
    issued_at: Seconds
    mode: Mode
    settings: dict[str, str | Integer | float | bool] = msgspec.field(default_factory=dict)
    bundle: bytes | None = None  # a newer signed recipient bundle
    authorities: Annotated[list[Der], msgspec.Meta(min_length=1, max_length=2)] | None = None
    notice: OrderedNotice | None = None  # absent: the words that the kiosk came with


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
