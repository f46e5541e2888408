"""Receipts: the intake's signed word that it keeps a record. A kiosk deletes on nothing less."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar, Final

from edge_agent.wire import cose
from edge_agent.wire.consent import Seconds, Sha256, Text
from edge_agent.wire.documents import Document, from_cbor, to_cbor
from edge_agent.wire.report import RecordId
from edge_agent.wire.topics import Id

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer

TYPE: Final = cose.media_type("receipt")


class Outcome(StrEnum):
    """What became of a record."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # it was there already, the same bytes
    QUARANTINED = "quarantined"  # kept, but not verified: the kiosk keeps it too


class Receipt(Document, frozen=True, kw_only=True):
    """About one record of one kiosk. `at` is in seconds since 1970 by the intake's clock."""

    MAX_BYTES: ClassVar[int] = 1024

    kiosk: Id
    record_id: RecordId
    sha256: Sha256
    outcome: Outcome
    at: Seconds
    reason: Text | None = None  # an error's code, when quarantined

    @property
    def kept(self) -> bool:
        """Whether the kiosk may let go of its copy."""
        return self.outcome is not Outcome.QUARANTINED


def sign(receipt: Receipt, signer: Signer) -> bytes:
    """Sign a receipt with the intake's receipt key."""
    return cose.sign1(to_cbor(receipt), signer, TYPE)


def trust(data: bytes, bundle: TrustedBundle) -> Receipt:
    """Verify a signed receipt under the receipt keys of a trusted bundle. Raises a WireError."""
    return from_cbor(cose.verify1(data, TYPE, bundle.receipt_key, max_bytes=Receipt.MAX_BYTES), Receipt)
