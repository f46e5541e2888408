"""Withdrawals: a person takes a report back. Readable without a key that opens anything, and silent about the person.

There are two, told apart by their type. A kiosk's is the next record of its chain, and goes the way of every record. A
caseworker's is for somebody who telephones: signed by a key that the fleet's bundle names beside the caseworker's own,
it belongs to no chain, and whoever keeps a copy takes it (`homeward-intake withdraw FILE`).

What an intake does with either, once it is verified:

- A record of that kiosk, with this id, hash, epoch and number: its bytes are erased, a tombstone stays (`erased`).
- Nothing under this id: the tombstone is set all the same, for this kiosk (`not-held`). A record that comes later and
  is the one that the tombstone names is not kept, and its kiosk is told `erased`, reason `withdrawn`.
- The id is another kiosk's record: refused as `wrong-signer`. It is this kiosk's, but its hash, epoch or number is
  another: refused as `replay`. Nothing is erased; a kiosk's withdrawal goes to quarantine.
- The same withdrawal again changes nothing, and gets the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from edge_agent.errors import UnknownSignerError
from edge_agent.wire import cose
from edge_agent.wire.documents import Count, Document, Version, from_cbor, to_cbor
from edge_agent.wire.fields import RecordId, Seconds, Sha256
from edge_agent.wire.topics import Address, Channel, Id

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer

TYPE: Final = cose.media_type("withdrawal")
DESK_TYPE: Final = cose.media_type("desk-withdrawal")


class Withdrawn(Document, frozen=True, kw_only=True):
    """The record that is taken back: its id, the SHA-256 of its sealed bytes, its place in its kiosk's chain."""

    record_id: RecordId
    sha256: Sha256
    epoch: RecordId
    seq: Version


class Withdrawal(Document, frozen=True, kw_only=True):
    """A kiosk's. It has a place in the chain like every record; `issued_at` as in a record's claims."""

    MAX_BYTES: ClassVar[int] = 1024

    fleet: Id
    kiosk: Id
    record_id: RecordId
    issued_at: Count
    epoch: RecordId
    seq: Version
    previous: Sha256
    withdraws: Withdrawn

    @property
    def topic(self) -> str:
        """The topic that it is made for."""
        return Address(self.fleet, self.kiosk).topic(Channel.RECORDS)


class DeskWithdrawal(Document, frozen=True, kw_only=True):
    """A caseworker's, about a record of `kiosk`. `issued_at` is in seconds since 1970 by the desk's clock."""

    MAX_BYTES: ClassVar[int] = 1024

    fleet: Id
    kiosk: Id
    issued_at: Seconds
    withdraws: Withdrawn


@dataclass(frozen=True, slots=True)
class SignedWithdrawal(cose.InChain):
    """A kiosk's withdrawal taken apart."""

    claims: Withdrawal


def sign(withdrawal: Withdrawal, signer: Signer) -> bytes:
    """Sign a kiosk's withdrawal with its signing key."""
    return cose.sign1(to_cbor(withdrawal), signer, TYPE)


def parse(data: bytes) -> SignedWithdrawal:
    """Take a kiosk's withdrawal apart, strictly. Raises a WireError for anything but the one exact form."""
    return of_sign1(data, cose.parse_sign1(data, TYPE, max_bytes=Withdrawal.MAX_BYTES))


def of_sign1(data: bytes, signed: cose.Sign1) -> SignedWithdrawal:
    """Take apart what is known to be a COSE_Sign1 of this type. Raises a WireError."""
    return SignedWithdrawal(data, signed, from_cbor(signed.payload, Withdrawal))


def sign_at_desk(withdrawal: DeskWithdrawal, signer: Signer) -> bytes:
    """Sign a caseworker's withdrawal with the key that the bundle names beside their own."""
    return cose.sign1(to_cbor(withdrawal), signer, DESK_TYPE)


def trust_desk(data: bytes, bundle: TrustedBundle) -> DeskWithdrawal:
    """Verify a caseworker's withdrawal under the withdrawal keys of a trusted bundle.

    Raises UnknownSignerError for a key that may not take reports back or another fleet, and any other WireError.
    """
    payload = cose.verify1(data, DESK_TYPE, bundle.withdrawal_key, max_bytes=DeskWithdrawal.MAX_BYTES)
    found = from_cbor(payload, DeskWithdrawal)
    if found.fleet != bundle.content.fleet:
        raise UnknownSignerError(f"a withdrawal for fleet {found.fleet}, not {bundle.content.fleet}")
    return found
