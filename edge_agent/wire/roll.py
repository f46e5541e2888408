"""What office and intakes say to one another: the roll of kiosks up, newer signed documents down.

The roll is the intake's word, signed by its receipt key; inside it each status is the kiosk's own. It comes in parts,
since a fleet may be larger than a broker's largest message. What goes down is signed already: whoever carries it need
not be believed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, ClassVar, Final

import msgspec

from edge_agent.errors import RolledBackError, UnknownSignerError
from edge_agent.wire import cose
from edge_agent.wire.documents import Count, Document, Version, from_cbor, to_cbor
from edge_agent.wire.fields import Seconds, Text
from edge_agent.wire.keys import Kid
from edge_agent.wire.topics import Id

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_agent.wire.bundle import TrustedBundle
    from edge_agent.wire.keys import Signer

TYPE: Final = cose.media_type("roll")
PART_BYTES: Final = 96 * 1024  # with its frame well below a broker's largest message

_Part = Annotated[int, msgspec.Meta(ge=1, le=100_000)]


class Entry(Document, frozen=True, kw_only=True):
    """One kiosk, as the intake knows it. `at` is when its last status came, in seconds since 1970."""

    kiosk: Id
    at: Seconds
    status: Annotated[bytes, msgspec.Meta(max_length=8192)]
    missing: Count = 0  # records that it vouched for and that are not there
    doubt: Text | None = None  # an error's code, when its health could not be verified


class Teller(Document, frozen=True, kw_only=True):
    """The intake that tells a roll: what it runs, the CAs that it trusts, the one that certified it."""

    intake: Id
    bundle: Version
    registry: Version
    authorities: Annotated[list[Kid], msgspec.Meta(min_length=1, max_length=4)]
    certified_by: Kid | None = None  # none of those


class Roll(Document, frozen=True, kw_only=True):
    """One part of a roll. All parts of one roll have the same `at`."""

    MAX_BYTES: ClassVar[int] = 1024 * 1024

    fleet: Id
    at: Seconds
    part: _Part
    parts: _Part
    kiosks: list[Entry]
    by: Teller | None = None


class What(StrEnum):
    """A signed document that intakes follow."""

    BUNDLE = "bundle"
    REGISTRY = "registry"


class TrustPart(Document, frozen=True, kw_only=True):
    """One part of a signed document."""

    what: What
    version: Version
    part: _Part
    parts: _Part
    content: Annotated[bytes, msgspec.Meta(min_length=1, max_length=PART_BYTES)]


def sign(fleet: str, at: int, entries: Sequence[Entry], signer: Signer, by: Teller | None = None) -> list[bytes]:
    """Sign a roll with the intake's receipt key, part by part. An empty roll has one part."""
    chunks = list(_chunks(entries)) or [[]]
    return [
        cose.sign1(to_cbor(Roll(fleet=fleet, at=at, part=part, parts=len(chunks), kiosks=chunk, by=by)), signer, TYPE)
        for part, chunk in enumerate(chunks, 1)
    ]


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    chunk: list[Entry] = []
    size = 0
    for entry in entries:
        needs = len(entry.status) + 256
        if chunk and size + needs > PART_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(entry)
        size += needs
    if chunk:
        yield chunk


def trust(data: bytes, bundle: TrustedBundle, *, at_least: int = 0) -> Roll:
    """Verify one part of a roll under the receipt keys of a trusted bundle; `at_least` is the time of the one in hand.

    Raises UnknownSignerError for another fleet's, RolledBackError for an older one, and any other WireError.
    """
    roll = from_cbor(cose.verify1(data, TYPE, bundle.receipt_key, max_bytes=Roll.MAX_BYTES), Roll)
    if roll.fleet != bundle.content.fleet:
        raise UnknownSignerError("another fleet's roll")
    if roll.at < at_least:
        raise RolledBackError("a roll that is older than the one in hand")
    return roll


def signed_by(data: bytes) -> str:
    """Give the kid of the receipt key that signed a part which is trusted, in hexadecimal."""
    return cose.parse_sign1(data, TYPE, max_bytes=Roll.MAX_BYTES).kid.hex()


def split(what: What, version: int, data: bytes, part_bytes: int = PART_BYTES) -> list[bytes]:
    """Give the parts in which a signed document travels."""
    pieces = [data[start : start + part_bytes] for start in range(0, len(data), part_bytes)]
    return [
        to_cbor(TrustPart(what=what, version=version, part=part, parts=len(pieces), content=piece))
        for part, piece in enumerate(pieces, 1)
    ]
