"""The recipient bundle: whom a fleet's kiosks trust, signed by the fleet's offline root.

It names who can open reports (always an escrow kept offline among them), whose receipts count and whose orders are
followed, so that all three can be rotated with overlap by one signed document.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from edge_agent.errors import ExpiredError, RolledBackError, UnknownSignerError
from edge_agent.wire import cose
from edge_agent.wire.documents import Document, Version, from_cbor, to_cbor
from edge_agent.wire.fields import MAX_RECIPIENTS, Controller, Seconds, Text
from edge_agent.wire.keys import POINT_BYTES, RECIPIENT_PUBLIC_BYTES, RecipientPublicKey, Signer, kid
from edge_agent.wire.topics import Id

TYPE: Final = cose.media_type("bundle")
PublicPoint = Annotated[bytes, msgspec.Meta(min_length=POINT_BYTES, max_length=POINT_BYTES)]
Keys = Annotated[list[PublicPoint], msgspec.Meta(min_length=1, max_length=4)]


class Holder(StrEnum):
    """Who holds a recipient's private key."""

    CASEWORKER = "caseworker"
    ESCROW = "escrow"  # offline, for the day when the others are lost


class Recipient(Document, frozen=True, kw_only=True):
    """One key that can open reports. `withdrawal_key` signs withdrawals in the name of people who telephone."""

    name: Text
    holder: Holder
    key: Annotated[bytes, msgspec.Meta(min_length=RECIPIENT_PUBLIC_BYTES, max_length=RECIPIENT_PUBLIC_BYTES)]
    withdrawal_key: PublicPoint | None = None


class Bundle(Document, frozen=True, kw_only=True):
    """The content. Times are in seconds since 1970."""

    fleet: Id
    version: Version
    issued_at: Seconds
    expires_at: Seconds
    controller: Controller
    jurisdiction: Text
    recipients: Annotated[list[Recipient], msgspec.Meta(min_length=1, max_length=MAX_RECIPIENTS)]
    receipt_keys: Keys
    order_keys: Keys

    def __post_init__(self) -> None:
        """Refuse a bundle without an escrow or with a key twice."""
        if len({recipient.key for recipient in self.recipients}) != len(self.recipients):
            raise ValueError("a recipient who is there twice")
        signing = [recipient.withdrawal_key for recipient in self.recipients if recipient.withdrawal_key]
        if len(set(signing)) != len(signing):
            raise ValueError("a withdrawal key that is there twice")
        if not any(recipient.holder is Holder.ESCROW for recipient in self.recipients):
            raise ValueError("no escrow among the recipients")


@dataclass(frozen=True, slots=True)
class TrustedBundle:
    """A bundle whose signature was verified. Only `trust` makes one."""

    content: Bundle
    sha256: bytes

    @property
    def recipients(self) -> list[RecipientPublicKey]:
        """The keys to seal to."""
        return [RecipientPublicKey(recipient.key) for recipient in self.content.recipients]

    def receipt_key(self, key_id: bytes) -> bytes:
        """Give the receipt key of this kid. Raises UnknownSignerError."""
        return find_key(self.content.receipt_keys, key_id, "receipts")

    def order_key(self, key_id: bytes) -> bytes:
        """Give the orders key of this kid. Raises UnknownSignerError."""
        return find_key(self.content.order_keys, key_id, "orders")

    def withdrawal_key(self, key_id: bytes) -> bytes:
        """Give the withdrawal key of this kid. Raises UnknownSignerError."""
        keys = [recipient.withdrawal_key for recipient in self.content.recipients if recipient.withdrawal_key]
        return find_key(keys, key_id, "withdrawals")

    def check_alive(self, now: int) -> None:
        """Raise ExpiredError when `now` (seconds since 1970, from a clock that can be believed) is past its end."""
        if now > self.content.expires_at:
            raise ExpiredError(
                f"the recipient bundle, version {self.content.version}, has expired",
                next_step="Send the kiosk a newer bundle; until then it takes no reports.",
            )


def sign(bundle: Bundle, root: Signer) -> bytes:
    """Sign a bundle with the fleet's root."""
    return cose.sign1(to_cbor(bundle), root, TYPE)


def trust(data: bytes, root_key: bytes, *, at_least: int = 1) -> TrustedBundle:
    """Verify a signed bundle under the fleet's root key (a point of 65 bytes).

    Raises RolledBackError when its version is below `at_least`, UnknownSignerError when another root signed it, and
    any other WireError for bytes that are not a bundle.
    """
    payload = cose.verify1(
        data, TYPE, lambda key_id: find_key([root_key], key_id, "bundles"), max_bytes=Bundle.MAX_BYTES
    )
    bundle = from_cbor(payload, Bundle)
    if bundle.version < at_least:
        raise RolledBackError(f"bundle version {bundle.version} is older than {at_least}, which is in force")
    return TrustedBundle(bundle, hashlib.sha256(data).digest())


def find_key(trusted: list[bytes], key_id: bytes, signed: str) -> bytes:
    """Find the trusted key of a kid. Raises UnknownSignerError; `signed` says what it would have signed."""
    for key in trusted:
        if kid(key) == key_id:
            return key
    raise UnknownSignerError(f"key {key_id.hex()} is not trusted for {signed}")
