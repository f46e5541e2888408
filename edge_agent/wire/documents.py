"""Between CBOR maps and frozen msgspec Structs: the shape is checked, unknown keys are refused."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, TypeVar

import msgspec

from edge_agent.errors import MalformedError, NotCanonicalError
from edge_agent.wire import cbor

MAX_INTEGER: Final = (1 << 53) - 1  # beyond it JavaScript rounds, and not much further on databases overflow
Integer = Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_INTEGER)]
Version = Annotated[int, msgspec.Meta(ge=1, le=MAX_INTEGER)]
Der = Annotated[bytes, msgspec.Meta(min_length=1, max_length=2048)]  # a certificate, or a request for one


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """The base of everything on the wire that is a map with text keys."""

    MAX_BYTES: ClassVar[int] = 128 * 1024


D = TypeVar("D", bound=Document)


def to_map(document: Document) -> dict[str, Any]:
    """Turn a document into plain values, ready for CBOR."""
    plain: dict[str, Any] = msgspec.to_builtins(document, builtin_types=(bytes,))
    return plain


def to_cbor(document: Document) -> bytes:
    """Encode a document deterministically. Raises a WireError for one that its reader would refuse.

    A Struct does not check itself when it is made; better to fail here than to seal what nobody can read.
    """
    data = cbor.encode(to_map(document))
    _read(data, type(document))
    return data


def from_map(plain: Any, kind: type[D]) -> D:
    """Check plain values against a document's shape. Raises MalformedError, without quoting any value."""
    try:
        return msgspec.convert(plain, kind, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as fault:
        raise MalformedError(f"no {kind.__name__}: {fault}") from None


def from_cbor(data: bytes, kind: type[D]) -> D:
    """Decode a document, strictly: what it re-encodes to is what came. Raises a WireError."""
    document = _read(data, kind)
    if cbor.encode(to_map(document)) != data:
        raise NotCanonicalError(f"a {kind.__name__} that spells out a default or has a number of another type")
    return document


def _read(data: bytes, kind: type[D]) -> D:
    return from_map(cbor.decode(data, max_bytes=kind.MAX_BYTES), kind)
