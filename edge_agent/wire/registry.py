"""The registry of kiosks: whose signing keys the central side trusts, signed by the fleet's orders key.

Intake and desk verify records against it. A kiosk that was taken out of service stays in it, marked as revoked, so that
its records are refused for what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import msgspec

from edge_agent.errors import RevokedError, RolledBackError, UnknownSignerError, WrongSignerError, WrongTopicError
from edge_agent.wire import cose
from edge_agent.wire.documents import Document, Version, from_cbor, to_cbor
from edge_agent.wire.fields import Seconds
from edge_agent.wire.keys import POINT_BYTES, Signer, kid
from edge_agent.wire.topics import Id, parse

if TYPE_CHECKING:
    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.sealing import Record
    from edge_agent.wire.withdrawal import SignedWithdrawal

TYPE: Final = cose.media_type("registry")


class RegisteredKey(Document, frozen=True, kw_only=True):
    """One kiosk's signing key. A kiosk may have several: one in force, older ones for records on their way."""

    kiosk: Id
    key: Annotated[bytes, msgspec.Meta(min_length=POINT_BYTES, max_length=POINT_BYTES)]
    revoked_at: Seconds | None = None


class RegistryContent(Document, frozen=True, kw_only=True):
    """What is signed. `issued_at` is in seconds since 1970."""

    MAX_BYTES: ClassVar[int] = 64 * 1024 * 1024

    fleet: Id
    version: Version
    issued_at: Seconds
    keys: list[RegisteredKey]

    def __post_init__(self) -> None:
        """Refuse a key that is there twice: it would be two kiosks', or revoked and not."""
        if len({entry.key for entry in self.keys}) != len(self.keys):
            raise ValueError("a key that is there twice")


class Registry:
    """A registry whose signature was verified, indexed by kid."""

    def __init__(self, content: RegistryContent) -> None:
        self.fleet = content.fleet
        self.version = content.version
        self._keys = {kid(entry.key): entry for entry in content.keys}

    def signer(self, key_id: bytes) -> RegisteredKey:
        """Give the key of this kid, revoked or not. Raises UnknownSignerError."""
        try:
            return self._keys[key_id]
        except KeyError:
            raise UnknownSignerError(f"no kiosk of fleet {self.fleet} has key {key_id.hex()}") from None

    def in_service(self, key_id: bytes) -> RegisteredKey:
        """Give the key of this kid. Raises UnknownSignerError, and RevokedError for a kiosk that was taken out."""
        owner = self.signer(key_id)
        if owner.revoked_at is not None:
            raise RevokedError(f"kiosk {owner.kiosk} was taken out of service")
        return owner

    def verify(self, record: Record | SignedWithdrawal, *, arrived_on: str | None = None) -> None:
        """Check who signed a record, and that it is theirs; whether its key was revoked comes last.

        `arrived_on` is the topic it came by, where there was one. Raises UnknownSignerError, SignatureError,
        WrongSignerError when the key is another kiosk's, WrongTopicError, RevokedError.
        """
        owner = self.signer(record.signer_kid)
        record.verify_signature(owner.key)
        if owner.kiosk != record.claims.kiosk:
            raise WrongSignerError("signed by another kiosk than it names")
        if parse(record.claims.topic)[0].fleet != self.fleet:
            raise WrongTopicError("made for another fleet")
        if arrived_on is not None and arrived_on != record.claims.topic:
            raise WrongTopicError("it arrived by another topic than it was made for")
        if owner.revoked_at is not None:
            raise RevokedError(f"kiosk {owner.kiosk} was taken out of service")

    @property
    def kiosks(self) -> set[str]:
        """The ids of all kiosks."""
        return {entry.kiosk for entry in self._keys.values()}


def sign(content: RegistryContent, signer: Signer) -> bytes:
    """Sign a registry with the fleet's orders key."""
    return cose.sign1(to_cbor(content), signer, TYPE)


def trust(data: bytes, bundle: TrustedBundle, *, at_least: int = 1) -> Registry:
    """Verify a signed registry under the orders keys of a trusted bundle.

    Raises RolledBackError when its version is below `at_least`, and any other WireError.
    """
    payload = cose.verify1(data, TYPE, bundle.order_key, max_bytes=RegistryContent.MAX_BYTES)
    content = from_cbor(payload, RegistryContent)
    if content.fleet != bundle.content.fleet:
        raise UnknownSignerError(f"a registry of fleet {content.fleet}, not of {bundle.content.fleet}")
    if content.version < at_least:
        raise RolledBackError(f"registry version {content.version} is older than {at_least}, which is in force")
    return Registry(content)
