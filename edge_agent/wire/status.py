"""Status: how a kiosk fares. No word of any person.

Two voices in one message: what the kiosk process says of itself, signed by its key (it has the key and no network), and
what the courier adds from its side (it has the network and no signing key; TLS and the topic's ACL speak for it).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import msgspec

from edge_agent.errors import WrongSignerError
from edge_agent.wire import cose
from edge_agent.wire.documents import Count, Document, from_cbor, to_cbor
from edge_agent.wire.fields import ClockQuality, RecordId, Sha256, Text
from edge_agent.wire.keys import Kid
from edge_agent.wire.topics import Id

if TYPE_CHECKING:
    from edge_agent.wire.keys import Signer
    from edge_agent.wire.registry import Registry

TYPE: Final = cose.media_type("health")


class Health(Document, frozen=True, kw_only=True):
    """The kiosk's own word. `epoch` and `highest_seq` say how far its chain has come: nothing after can be missing."""

    MAX_BYTES: ClassVar[int] = 4096

    kiosk: Id
    version: Text
    boot_id: Text
    uptime_ms: Count
    clock: ClockQuality
    ready: bool
    blocked_by: Text | None = None  # an error's code, when not ready
    orders_version: Count
    bundle_version: Count
    models: list[Sha256]
    epoch: RecordId
    highest_seq: Count


class Status(Document, frozen=True, kw_only=True):
    """What the courier sends; also, with `online` false, its will. `free_bytes` is of the outbox's file system.

    `certified_by` is the CA whose certificate it connects with.
    """

    MAX_BYTES: ClassVar[int] = 8192

    kiosk: Id
    online: bool
    version: Text
    health: bytes | None = None  # a signed Health
    backlog: Count = 0
    backlog_bytes: Count = 0
    refused: Count = 0  # records that the intake keeps in quarantine
    free_bytes: Count | None = None
    temperature_c: Annotated[float, msgspec.Meta(ge=-100, le=200)] | None = None
    certified_by: Kid | None = None


def sign_health(health: Health, signer: Signer) -> bytes:
    """Sign the kiosk's own word with its signing key."""
    return cose.sign1(to_cbor(health), signer, TYPE)


def trust_health(data: bytes, registry: Registry) -> Health:
    """Verify a kiosk's own word. Raises WrongSignerError when another kiosk signed it, and any other WireError."""
    parsed = cose.parse_sign1(data, TYPE, max_bytes=Health.MAX_BYTES)
    owner = registry.signer(parsed.kid)
    health = from_cbor(parsed.verify(owner.key), Health)
    if health.kiosk != owner.kiosk:
        raise WrongSignerError("health of one kiosk, signed by another")
    return health


def read(data: bytes) -> Status:
    """Decode a status message. Raises a WireError."""
    return from_cbor(data, Status)
