"""Deterministic CBOR (RFC 8949, 4.2.1), and nothing else.

cbor2 is lenient: it takes duplicate keys, long integers, indefinite lengths, trailing bytes, and builds objects out of
tags (a regular expression, a huge fraction). So nothing that came is handed to it. The reader here knows one form alone
(one item, shortest heads, definite lengths, ascending unique keys, no tag but those allowed), and reads it in one pass.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING, Any, Final

import cbor2

from edge_agent.errors import MalformedError, NotCanonicalError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Collection

MAX_DEPTH: Final = 12
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_OF_KEYS: Final = frozenset({_UNSIGNED, _NEGATIVE, _TEXT})
_ONE_BYTE, _EIGHT_BYTES, _INDEFINITE = 24, 27, 31  # additional information (RFC 8949, 3)
_CONSTANTS: Final = {20: False, 21: True, 22: None}
_FLOATS: Final = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_TOO_LARGE: Final = 1 << 64  # for a head: a big number's tag, which `decode` refuses
_LARGEST_BELOW: Final = {24: 24, 25: 0x100, 26: 0x10000, 27: 0x1_0000_0000}  # a shorter head would have done below this


def encode(value: Any) -> bytes:  # noqa: PLR0911 - one for each type there is
    """Encode plain values (int, float, str, bytes, bool, None, list, dict, CBORTag) deterministically.

    All but floats is written here: cbor2 would put shorter keys first, as RFC 7049 did, and takes its time.
    """
    match value:
        case bytes():
            return _make_head(_BYTES, len(value)) + value
        case int() if not isinstance(value, bool) and abs(value) < _TOO_LARGE:
            return _make_head(_UNSIGNED, value) if value >= 0 else _make_head(_NEGATIVE, -1 - value)
        case str():
            text = value.encode()
            return _make_head(_TEXT, len(text)) + text
        case dict():
            pairs = sorted((encode(key), encode(inner)) for key, inner in value.items())
            return _make_head(_MAP, len(pairs)) + b"".join(key + inner for key, inner in pairs)
        case list() | tuple():
            return _make_head(_ARRAY, len(value)) + b"".join(map(encode, value))
        case cbor2.CBORTag(tag=tag, value=inner):
            return _make_head(_TAG, tag) + encode(inner)
        case _:
            return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, max_bytes: int, tags: Collection[int] = ()) -> Any:
    """Decode exactly one item that takes all of `data`.

    Raises TooLargeError above `max_bytes`, MalformedError for what isn't CBOR or holds a tag not in `tags`,
    NotCanonicalError for another encoding than the deterministic one.
    """
    if len(data) > max_bytes:
        raise TooLargeError(f"{len(data)} bytes are more than the {max_bytes} that are allowed")
    item, end = decode_prefix(data, tags=tags)
    if end != len(data):
        raise NotCanonicalError(f"{len(data) - end} bytes follow the end")
    return item


def decode_prefix(data: bytes, *, tags: Collection[int] = ()) -> tuple[Any, int]:
    """Decode the item at the start of `data`; return it and its length in bytes. Errors as in `decode`."""
    return _item(data, 0, tags, MAX_DEPTH)


def item_length(data: bytes, *, tags: Collection[int] = ()) -> int:
    """Give the length in bytes of the first item of `data`. Errors as in `decode`."""
    return decode_prefix(data, tags=tags)[1]


def head_of_bytes(length: int) -> bytes:
    """Give what stands before a byte string of so many bytes."""
    return _make_head(_BYTES, length)


def _make_head(major: int, argument: int) -> bytes:
    if argument < _ONE_BYTE:
        return bytes((major << 5 | argument,))
    info = next(info for info in (27, 26, 25, 24) if argument >= _LARGEST_BELOW[info])
    return bytes((major << 5 | info,)) + argument.to_bytes(1 << (info - _ONE_BYTE), "big")


def _item(data: bytes, at: int, tags: Collection[int], depth: int) -> tuple[Any, int]:
    """Read the item that begins at `at`, at most `depth` levels deep; return it and where it ends.

    Every head of every record goes through here, so it keeps to the shortest way.
    """
    if not depth:
        raise MalformedError(f"nested deeper than {MAX_DEPTH}")
    try:
        first = data[at]
    except IndexError:
        raise MalformedError("cut off") from None
    at += 1
    if first < _ONE_BYTE:
        return first, at
    major, value = first >> 5, first & 0x1F
    if major == _SIMPLE:
        return _simple(data, at, value)
    if value >= _ONE_BYTE:
        value, at = _argument(data, at, major, value)
    if major <= _NEGATIVE:
        return (-1 - value if major else value), at
    if major > _TEXT:
        return _container(data, at, major, value, tags, depth - 1)
    end = at + value
    if end > len(data):
        raise MalformedError("cut off")
    return (data[at:end] if major == _BYTES else _text(data[at:end])), end


def _argument(data: bytes, at: int, major: int, info: int) -> tuple[int, int]:
    """Read an argument that has bytes of its own; return it and where it ends."""
    if info > _EIGHT_BYTES:
        if info == _INDEFINITE and major != _TAG and major > _NEGATIVE:
            raise NotCanonicalError("indefinite length")
        raise MalformedError(f"reserved additional information {info}")
    end = at + (1 << (info - _ONE_BYTE))
    if end > len(data):
        raise MalformedError("cut off")
    value = int.from_bytes(data[at:end], "big")
    if value < _LARGEST_BELOW[info]:
        raise NotCanonicalError("a shorter head would have done")
    return value, end


def _container(
    data: bytes, at: int, major: int, count: int, tags: Collection[int], depth: int
) -> tuple[list[Any] | dict[int | str, Any] | cbor2.CBORTag, int]:
    """Read what holds other items: `count` of them, so many pairs, or the one after the tag of that number."""
    if major == _MAP:
        return _map(data, at, count, tags, depth)
    if major == _ARRAY:
        items = []
        for _ in range(count):
            item, at = _item(data, at, tags, depth)
            items.append(item)
        return items, at
    if count not in tags:
        raise MalformedError(f"tag {count} has no place here")
    item, at = _item(data, at, tags, depth)
    return cbor2.CBORTag(count, item), at


def _map(data: bytes, at: int, pairs: int, tags: Collection[int], depth: int) -> tuple[dict[int | str, Any], int]:
    found: dict[int | str, Any] = {}
    before = b""
    for _ in range(pairs):
        if at < len(data) and data[at] >> 5 not in _OF_KEYS:
            raise MalformedError("a key that is neither a number nor a text")
        key, end = _item(data, at, tags, depth)
        encoded = data[at:end]
        if encoded <= before:
            raise NotCanonicalError("keys that repeat or don't ascend")
        before = encoded
        found[key], at = _item(data, end, tags, depth)
    return found, at


def _text(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError as fault:
        raise MalformedError("a text that is not UTF-8") from fault


def _simple(data: bytes, at: int, info: int) -> tuple[bool | float | None, int]:
    if info in _CONSTANTS:
        return _CONSTANTS[info], at
    if info not in _FLOATS:
        raise MalformedError(f"simple value {info} has no place here")
    end = at + _FLOATS[info].size
    if end > len(data):
        raise MalformedError("cut off")
    (number,) = _FLOATS[info].unpack_from(data, at)
    if not math.isfinite(number):
        raise MalformedError("a number that is not finite")
    if encode(number) != data[at - 1 : end]:
        raise NotCanonicalError("a shorter float would have done")
    return number, end
