"""Receipts: the intake's signed word on what became of records. A kiosk deletes on nothing less.

One receipt answers for many records of one kiosk, so that an intake signs once per kiosk and batch, and a courier
verifies once.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import msgspec

from edge_agent.wire import cose
from edge_agent.wire.documents import Document, from_cbor, to_cbor
from edge_agent.wire.fields import RecordId, Seconds, Sha256
from edge_agent.wire.topics import Id

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer

TYPE: Final = cose.media_type("receipt")
MAX_ENTRIES: Final = 64
WITHDRAWN: Final = "withdrawn"  # the reason of an erasure: it was taken back
EXPIRED: Final = "expired"  # the reason of an erasure: what was consented to has ended

Reason = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]{1,40}\Z")]


class Outcome(StrEnum):
    """What became of a record."""

    STORED = "stored"
    DUPLICATE = "duplicate"  # it was there already, the same bytes
    QUARANTINED = "quarantined"  # kept, but not verified: the kiosk keeps it too
    ERASED = "erased"  # its bytes came here and are kept no more: taken back, or past its end
    NOT_HELD = "not-held"  # taken back before it ever came: it will not be kept if it comes


class Entry(Document, frozen=True, kw_only=True):
    """What became of one record. `sha256` is of its sealed bytes."""

    record_id: RecordId
    sha256: Sha256
    outcome: Outcome
    reason: Reason | None = None  # an error's code when quarantined; WITHDRAWN or EXPIRED when erased or not held

    @property
    def lets_go(self) -> bool:
        """Whether the kiosk may let go of its copy, and where there is no copy elsewhere, must."""
        return self.outcome is not Outcome.QUARANTINED


class Receipt(Document, frozen=True, kw_only=True):
    """About records of one kiosk, in the order in which they came. `at` is in seconds since 1970 by the intake's clock.

    A withdrawal that was taken in is answered by two entries: one for itself (stored, duplicate), and one for the
    record that it takes back (erased, not-held), which says what happened here.
    """

    MAX_BYTES: ClassVar[int] = 16 * 1024

    kiosk: Id
    at: Seconds
    entries: Annotated[list[Entry], msgspec.Meta(min_length=1, max_length=MAX_ENTRIES)]


def sign(receipt: Receipt, signer: Signer) -> bytes:
    """Sign a receipt with the intake's receipt key."""
    return cose.sign1(to_cbor(receipt), signer, TYPE)


def trust(data: bytes, bundle: TrustedBundle) -> Receipt:
    """Verify a signed receipt under the receipt keys of a trusted bundle. Raises a WireError."""
    return from_cbor(cose.verify1(data, TYPE, bundle.receipt_key, max_bytes=Receipt.MAX_BYTES), Receipt)
